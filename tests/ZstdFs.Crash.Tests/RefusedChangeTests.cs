using ZstdFs.Core;
using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// The disk has no room for a part of a change. The content is as it was before, or what readers are shown since
/// is the content.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class RefusedChangeTests
{
    private const int Length = 3_000_000, PunchAt = 300_000, PunchBytes = 2_000_000, WriteAt = 1_500_100;

    /// <summary>
    /// Which of the calls that need room fail: the first, second, … of one name and all behind it. Nothing could be
    /// taken back where unlink(2) failed too.
    /// </summary>
    private static readonly Fault[] Faults =
    [
        .. from call in new[] { "pwrite", "fsetxattr" }
           from number in Enumerable.Range(1, 4)
           select new Fault(number, Errno.ENOSPC, FaultWay.FromThenOn) { Call = call },
        new Fault(1, Errno.ENOSPC, FaultWay.FromThenOn) { Call = "fallocate" },
    ];

    [Test]
    public void RefusedWriteToACleanFile_LeavesTheContentAsItWas(
        [Values] bool isKilled, [ValueSource(nameof(Faults))] Fault fault) =>
        Try(
            isKilled, fault, isWritten: false,
            (fileSystem, use, file) => use.Write(file, WriteAt, Noise(20_000, 2)), mustBeAsBefore: true);

    [Test]
    public void RefusedPunch_LeavesAContentThatIsCommitted(
        [Values] bool isKilled, [Values] bool isWritten, [ValueSource(nameof(Faults))] Fault fault) =>
        Try(isKilled, fault, isWritten, Punch, mustBeAsBefore: false);

    /// <summary>The punch and the zeros find no room, but the records do.</summary>
    [Test]
    public void PunchThatFailsAfterItsRecord_LeavesTheContentAsItWas([Values] bool isKilled)
    {
        // On a written file: the record (1), the punch (2). Beside them the mount may put on disk what was written.
        var fault = new Fault(2, Errno.ENOSPC, FaultWay.FromThenOn) { IsOfThisThread = true };
        Try(isKilled, fault, isWritten: true, Punch, mustBeAsBefore: false);
        Assert.That(FailingCalls.Struck, Does.Contain("fallocate"), "it proves nothing");
    }

    /// <summary>
    /// The content of a frame that cannot be decoded is left out, and that of the next frames is not.
    /// </summary>
    [Test]
    public void LostContentOverADamagedFrame_HasTheFramesBehindIt()
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        byte[] content = Noise(Length, 1);
        string stored = Path.Combine(place.Folder, "f.zst");
        using (ZstdFileSystem fileSystem = SourceFolders.OpenWith(place.Folder, log, ("f", content)))
        {
            var use = new DirectUse(fileSystem);
            DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
            Assert.That(use.Write(file, 100, "here"u8), Is.Zero);
            "here"u8.CopyTo(content.AsSpan(100));
            // Noise is as long when it is stored, so this is in the frame of the same offset.
            using (FileStream damaged = File.OpenWrite(stored))
            {
                damaged.Position = Length / 2;
                damaged.Write(new byte[100]);
            }
            _ = use.Close(file);
            _ = fileSystem.Drain();
        }
        byte[] lost = File.ReadAllBytes(Directory.GetFiles(Path.Combine(place.Folder, ".zstdfs/lost")).Single());
        int frame = new FileSystemOptions().FrameBytes, from = Length / 2 / frame * frame;
        content.AsSpan(from, Math.Min(frame, Length - from)).Clear();
        Assert.That(from + frame, Is.LessThan(Length), "it proves nothing");
        Assert.That(lost.AsSpan().SequenceEqual(content), Is.True, log.ToString);
    }

    private static int Punch(ZstdFileSystem fileSystem, DirectUse use, DirectUse.Handle file) => fileSystem.Allocate(
        default, file.Node, file.Number, PunchAt, PunchBytes, AllocateFlags.PunchHole | AllocateFlags.KeepSize);

    private static void Try(
        bool isKilled, Fault fault, bool isWritten, Func<ZstdFileSystem, DirectUse, DirectUse.Handle, int> change,
        bool mustBeAsBefore)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        byte[] before = Noise(Length, 1);
        ZstdFileSystem fileSystem = SourceFolders.OpenWith(place.Folder, log, ("f", before));
        var use = new DirectUse(fileSystem);
        DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
        if (isWritten)
        {
            Assert.That(use.Write(file, 100, "here"u8), Is.Zero);
            "here"u8.CopyTo(before.AsSpan(100));
        }
        FailingCalls.Arm(fault);
        int result = change(fileSystem, use, file);
        FailingCalls.Disarm();
        byte[] shown = use.ReadAll("f", Length);
        if (result < 0 && mustBeAsBefore)
            Assert.That(shown.AsSpan().SequenceEqual(before), Is.True, "as before");
        if (isKilled)
        {
            using (FailingCalls.Kill())
                fileSystem.Dispose();
            fileSystem = SourceFolders.Open(place.Folder, log);
        }
        else
            Assert.That(use.Close(file), Is.Zero.Or.EqualTo(-(int)Errno.ENOSPC));
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        fileSystem.Dispose();
        byte[] stored = StockZstd.Decompress(Path.Combine(place.Folder, "f.zst"), Length + 1);
        Assert.That(stored.AsSpan().SequenceEqual(shown), Is.True, "stored");
    }

    private static byte[] Noise(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
