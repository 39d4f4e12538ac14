using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>A call that fails beside linkat(2), or a kill after it, takes no content away.</summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class LinkTests
{
    private const ulong Root = 1;

    private static readonly byte[] Small = Random(20_000, 1), Large = Random(2_500_000, 2);

    [Test]
    public void UnnamedFile_HasItsContentOrCanBeNamedAgain_WhicheverCallFails(
        [Values] bool isLarge, [Values("statx", "linkat", "fsetxattr", "renameat2")] string call)
    {
        byte[] content = isLarge ? Large : Small;
        int failures = 0, seen = 0;
        for (bool isHit = true; isHit;)
        {
            using var place = new FaultPlace();
            var log = new EventLines();
            using ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log);
            var use = new DirectUse(fileSystem);
            Assert.That(
                fileSystem.TemporaryFile(default, Root, OpenFlags.ReadWrite, 0b110_100_100, 0, out FuseEntryOut entry,
                    out FuseOpenOut open),
                Is.Zero);
            var file = new DirectUse.Handle(entry.NodeId, open.Handle);
            Assert.That(use.Write(file, 0, content), Is.Zero);
            FailingCalls.Arm(new Fault(++failures, Errno.EIO, FaultWay.Once) { Call = call });
            int result = fileSystem.Link(default, file.Node, Root, Native("f"), out _);
            isHit = FailingCalls.Struck is not null;
            FailingCalls.Disarm();
            if (isHit)
                seen++;
            if (result < 0 && !File.Exists(Path.Combine(place.Folder, "f.zst")))
                Assert.That(fileSystem.Link(default, file.Node, Root, Native("f"), out _), Is.Zero,
                    () => $"again, after call {failures}\n{FailingCalls.Struck}");
            Assert.That(use.Write(file, 0, "later"u8), Is.Zero);
            Assert.That(use.Close(file), Is.Zero);
            Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
            byte[] expected = [.. "later"u8, .. content[5..]];
            Assert.That(Stored(place, "f").AsSpan().SequenceEqual(expected), Is.True,
                () => $"call {failures}\n{FailingCalls.Struck}\n{log}");
        }
        if (call is "statx" or "linkat")
            Assert.That(seen, Is.Positive, "no call was met: it proves nothing");
    }

    /// <summary>A temporary file is often unlinked while it is open: its content is no other mount's.</summary>
    [Test]
    public void FileThatIsWrittenToAfterItsLastNameWent_LeavesNothingBehindAKill(
        [Values("unlink", "rename")] string how, [Values("write", "sync")] string then)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        using (ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log))
        {
            var use = new DirectUse(fileSystem);
            use.Save("f", "old"u8.ToArray());
            use.Save("g", "other"u8.ToArray());
            Assert.That(use.SynchronizeAll(), Is.Zero);
            DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
            Assert.That(use.Write(file, 0, "new"u8), Is.Zero);
            Assert.That(how == "unlink" ? fileSystem.Unlink(default, Root, Native("f"))
                : fileSystem.Rename(default, Root, Native("g"), Root, Native("f"), 0), Is.Zero);
            if (then == "write")
                Assert.That(use.Write(file, 0, Large), Is.Zero);
            else
                Assert.That(use.Synchronize(file), Is.Zero);
            using (FailingCalls.Kill())
                fileSystem.Dispose();
        }
        using ZstdFileSystem next = SourceFolders.Open(place.Folder, log);
        Assert.That(Directory.Exists($"{place.Folder}/.zstdfs/lost"), Is.False, log.ToString);
        Assert.That(Directory.GetFiles($"{place.Folder}/.zstdfs/working"), Is.Empty, log.ToString);
        Assert.That(log.ToString(), Does.Not.Contain("replaced or deleted"));
    }

    [Test]
    public void LinkedFile_IsKnownUnderItsNewName_ThoughTheLookupFailed([Values] bool isLarge)
    {
        byte[] content = isLarge ? Large : Small;
        int failures = 0;
        for (bool isHit = true; isHit;)
        {
            using var place = new FaultPlace();
            var log = new EventLines();
            using ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log);
            var use = new DirectUse(fileSystem);
            use.Save("f", "before"u8.ToArray());
            DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
            FailingCalls.Arm(new Fault(++failures, Errno.EIO, FaultWay.Once) { Call = "statx" });
            _ = fileSystem.Link(default, file.Node, Root, Native("g"), out _);
            isHit = FailingCalls.Struck is not null;
            FailingCalls.Disarm();
            bool isLinked = File.Exists(Path.Combine(place.Folder, "g.zst"));
            Assert.That(fileSystem.Unlink(default, Root, Native("f")), Is.Zero);
            Assert.That(use.Write(file, 0, content), Is.Zero);
            Assert.That(use.Close(file), Is.Zero);
            Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
            if (isLinked)
                Assert.That(Stored(place, "g").AsSpan().SequenceEqual(content), Is.True,
                    () => $"call {failures}\n{FailingCalls.Struck}\n{log}");
        }
        Assert.That(failures, Is.GreaterThan(2), "no look at the new name was met: it proves nothing");
    }

    [Test]
    public void FileWithoutAKnownName_IsThereAfterAKill([Values] bool isLarge)
    {
        byte[] content = isLarge ? Large : Small;
        using var place = new FaultPlace();
        using (ZstdFileSystem first = SourceFolders.Open(place.Folder, new EventLines()))
        {
            var use = new DirectUse(first);
            use.Save("f", "before"u8.ToArray());
            use.Link("f", "g");
            Assert.That(first.Drain(), Is.Zero);
        }
        using (ZstdFileSystem second = SourceFolders.Open(place.Folder, new EventLines()))
        {
            var use = new DirectUse(second);
            DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
            Assert.That(use.Write(file, 0, content), Is.Zero);
            Assert.That(second.Unlink(default, Root, Native("f")), Is.Zero);
            Assert.That(use.Write(file, 0, "later"u8), Is.Zero);
            Assert.That(use.Synchronize(file), Is.Zero);
            using (FailingCalls.Kill())
                second.Dispose();
        }
        var log = new EventLines();
        using ZstdFileSystem third = SourceFolders.Open(place.Folder, log);
        byte[] expected = [.. "later"u8, .. content[5..]];
        Assert.That(new DirectUse(third).ReadAll("g", content.Length).AsSpan().SequenceEqual(expected), Is.True,
            log.ToString);
        Assert.That(third.Drain(), Is.Zero, log.ToString);
        Assert.That(Stored(place, "g").AsSpan().SequenceEqual(expected), Is.True, log.ToString);
    }

    private static byte[] Stored(FaultPlace place, string name) =>
        StockZstd.Decompress(Path.Combine(place.Folder, name + ".zst"), Large.Length + 1);

    private static NativeName Native(string name) => new(Ext4.Native(name));

    private static byte[] Random(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
