using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// The next mount hears that the disk did not take all of a working copy, whose beginning is in early frames: both are
/// kept in <c>.zstdfs/lost</c>.
/// </summary>
[TestFixture]
[CancelAfter(60_000)]
internal sealed class EarlyFramesOfALostCopyTests
{
    private const int Taken = 4 * 1024 * 1024;

    [Test]
    public void CopyThatTheDiskRefused_IsKeptWithItsBeginning()
    {
        byte[] content = new byte[Taken], rest = new byte[50_000];
        new Random(5).NextBytes(content);
        new Random(6).NextBytes(rest);
        using var place = new FaultPlace();
        var log = new EventLines();
        using (ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log))
        {
            var use = new DirectUse(fileSystem);
            use.Save("big", content);
            use.Save("f", "before"u8.ToArray());
            Assert.That(use.SynchronizeAll(), Is.Zero);
            DirectUse.Handle from = use.Open("big", OpenFlags.ReadOnly);
            DirectUse.Handle to = use.Open("f", OpenFlags.ReadWrite | OpenFlags.Truncate);
            Assert.That(use.Truncate(to, 0), Is.Zero);
            long taken = fileSystem.CopyFileRange(default, from.Node, from.Number, 0, to.Node, to.Number, 0, Taken, 0);
            Assert.That(taken, Is.EqualTo(Taken));
            Assert.That(use.Write(to, Taken, rest), Is.Zero);
            Assert.That(use.Synchronize(to), Is.Zero);
            using (FailingCalls.Kill())
                fileSystem.Dispose();
        }
        string early = Path.GetFileName(Directory.GetFiles($"{place.Folder}/.zstdfs/working", "early-*").Single());
        // The first one is the state's.
        FailingCalls.Arm(new Fault(2, Errno.EIO, FaultWay.Once) { Call = "fdatasync" });
        try
        {
            using ZstdFileSystem next = SourceFolders.Open(place.Folder, log);
            Assert.That(FailingCalls.Struck, Does.Contain("WorkingCopy.Open"), "it proves nothing");
            FailingCalls.Disarm();
            Assert.That(new DirectUse(next).ReadAll("f", 6), Is.EqualTo("before"u8.ToArray()), "the old version");
            Assert.That(next.Drain(), Is.Zero, log.ToString);
        }
        finally
        {
            FailingCalls.Disarm();
        }
        string lost = $"{place.Folder}/.zstdfs/lost", copy = early["early-".Length..] + ".synced";
        string[] kept = [.. Directory.GetFiles(lost).Select(static path => Path.GetFileName(path))];
        Assert.That(kept, Is.EquivalentTo(new[] { copy, early }), log.ToString);
        Assert.That(StockZstd.Decompress($"{lost}/{early}", Taken + 1).AsSpan().SequenceEqual(content), Is.True);
        Assert.That(File.ReadAllBytes($"{lost}/{copy}").AsSpan(Taken).SequenceEqual(rest), Is.True);
        string line = $".zstdfs/lost/{copy}, and the beginning, compressed, as .zstdfs/lost/{early}";
        Assert.That(log.ToString(), Does.Contain(line));
    }
}
