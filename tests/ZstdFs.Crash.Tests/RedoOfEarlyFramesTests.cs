using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// A file with several names is rewritten in place, from a redo that its early frames have become. The daemon dies
/// before the working copy says so: the redo is all that there is of them.
/// </summary>
[TestFixture]
[CancelAfter(60_000)]
internal sealed class RedoOfEarlyFramesTests
{
    private const int Taken = 4 * 1024 * 1024;

    [Test]
    public void KilledBeforeTheWorkingCopySaysSo_TheNextMountHasItAll([Values] bool hasRoom)
    {
        byte[] content = new byte[Taken];
        new Random(5).NextBytes(content);
        using var place = new FaultPlace();
        var log = new EventLines();
        using (ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log))
        {
            var use = new DirectUse(fileSystem);
            use.Save("big", content);
            use.Save("f", "before"u8.ToArray());
            use.Link("f", "g");
            Assert.That(use.SynchronizeAll(), Is.Zero);
            DirectUse.Handle from = use.Open("big", OpenFlags.ReadOnly),
                to = use.Open("f", OpenFlags.ReadWrite | OpenFlags.Truncate);
            var empty = new FuseSetattrIn { Valid = SetattrValid.Size | SetattrValid.Handle, Handle = to.Number };
            Assert.That(fileSystem.SetAttributes(default, to.Node, empty, out _), Is.Zero);
            Assert.That(fileSystem.CopyFileRange(default, from.Node, from.Number, 0, to.Node, to.Number, 0, Taken, 0),
                Is.EqualTo(Taken));
            Assert.That(use.Synchronize(to), Is.Zero);
            using (FailingCalls.Kill())
                fileSystem.Dispose();
        }
        MakeRedo(place.Folder);
        if (!hasRoom)
            FailingCalls.Arm(new Fault(1, Errno.ENOSPC, FaultWay.FromThenOn) { Call = "fallocate" });
        try
        {
            using ZstdFileSystem next = SourceFolders.Open(place.Folder, log);
            var use = new DirectUse(next);
            foreach (string name in (string[])["f", "g"])
                Assert.That(use.ReadAll(name, Taken).AsSpan().SequenceEqual(content), Is.True, () => $"{name}\n{log}");
            FailingCalls.Disarm();
            Assert.That(next.Drain(), Is.Zero, log.ToString);
        }
        finally
        {
            FailingCalls.Disarm();
        }
        Assert.That(StockZstd.Decompress($"{place.Folder}/g.zst", Taken + 1).AsSpan().SequenceEqual(content), Is.True,
            log.ToString);
        Assert.That(Directory.GetFiles($"{place.Folder}/.zstdfs/working"), Is.Empty);
        Assert.That(Directory.Exists($"{place.Folder}/.zstdfs/lost"), Is.False, log.ToString);
    }

    /// <summary>What NewVersion.KeepForRedo does.</summary>
    private static void MakeRedo(string source)
    {
        string working = $"{source}/.zstdfs/working", early = Directory.GetFiles(working, "early-*").Single();
        Assert.That(WorkingName.TryParse(Ascii(early), out WorkingName name), Is.True);
        using (FileDescriptor target = SourceFolders.OpenFile($"{source}/f.zst"))
        using (FileDescriptor frames = SourceFolders.OpenFile(early))
        {
            Assert.That(SystemCallsAt.Stat(target, out Statx stat), Is.Zero);
            var record = new WorkingCopyRecord { InodeNumber = name.InodeNumber, Base = StoredIdentity.Of(stat),
                BaseLimit = Taken, ModifyTime = Timestamp.Now(), ChangeTime = Timestamp.Now() };
            byte[] bytes = new byte[WorkingCopyRecord.Bytes];
            record.Write(bytes);
            Assert.That(ExtendedAttributes.Set(frames, WorkingCopyRecord.AttributeName, bytes, 0), Is.Zero);
        }
        byte[] redo = new WorkingName(WorkingRole.Redo, name.InodeNumber, 0, 0).Terminated()[..^1];
        File.Move(early, $"{working}/{new string([.. redo.Select(static b => (char)b)])}");
    }

    private static byte[] Ascii(string path) => [.. Path.GetFileName(path).Select(static c => (byte)c)];
}
