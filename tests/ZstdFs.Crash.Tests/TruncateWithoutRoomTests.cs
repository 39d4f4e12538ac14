using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Histories;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// A file that was written over is cut off, and the working copy's record finds no room on the disk. What was written
/// behind the cut is gone by then, and what was below it must not come back.
/// </summary>
[TestFixture]
internal sealed class TruncateWithoutRoomTests
{
    private const int PatchAt = 1_200_000, PatchBytes = 600_000, Cut = 1_500_000, Grown = 1_700_000;

    [Test]
    [CancelAfter(60_000)]
    public void ContentBehindTheCut_StaysOrGoes_AndTheVersionBeforeNeverShows([Values] bool isKilled)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        byte[] content = new byte[Workload.LargeBytes], patch = new byte[PatchBytes];
        new Random(1).NextBytes(content);
        new Random(2).NextBytes(patch);
        ZstdFileSystem fileSystem = SourceFolders.OpenWith(place.Folder, log, ("f", content));
        var use = new DirectUse(fileSystem);
        DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
        Assert.That(use.Write(file, PatchAt, patch), Is.Zero);
        patch.CopyTo(content, PatchAt);
        FailingCalls.Arm(new Fault(1, Errno.ENOSPC, FaultWay.FromThenOn) { Call = "fsetxattr" });
        int result = SetLength(fileSystem, file, Cut);
        Assert.That(FailingCalls.Struck, Does.Contain("WorkingCopy"), "another call failed: it proves nothing");
        if (result >= 0)
            Array.Resize(ref content, Cut);
        // Without room for the record the copy does not grow: its length would not hide what is below any more.
        Assert.That(use.Read("f", new byte[content.Length + 1]), Is.EqualTo(content.Length));
        FailingCalls.Disarm();
        Assert.That(use.ReadAll("f", content.Length).AsSpan().SequenceEqual(content), Is.True, "with room again");
        Assert.That(SetLength(fileSystem, file, Grown), Is.Zero);
        Array.Resize(ref content, Grown);
        Assert.That(use.ReadAll("f", Grown).AsSpan().SequenceEqual(content), Is.True, "grown");
        Assert.That(use.Close(file), Is.Zero);
        if (isKilled)
        {
            using (FailingCalls.Kill())
                fileSystem.Dispose();
            fileSystem = SourceFolders.Open(place.Folder, log);
        }
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        fileSystem.Dispose();
        byte[] stored = StockZstd.Decompress(Path.Combine(place.Folder, "f.zst"), Workload.LargeBytes);
        Assert.That(stored.AsSpan().SequenceEqual(content), Is.True, "stored");
    }

    private static int SetLength(ZstdFileSystem fileSystem, DirectUse.Handle file, int bytes)
    {
        var change = new FuseSetattrIn { Valid = SetattrValid.Size | SetattrValid.Handle, Handle = file.Number,
            Size = (ulong)bytes };
        return fileSystem.SetAttributes(default, file.Node, change, out _);
    }
}
