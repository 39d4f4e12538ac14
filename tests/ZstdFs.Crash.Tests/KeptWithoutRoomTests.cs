using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>The disk has no room for a commit, or for all of a new content.</summary>
[TestFixture]
[CancelAfter(60_000)]
internal sealed class KeptWithoutRoomTests
{
    private static readonly byte[] Old = Content(2_000_000, 1), New = Content(2_200_000, 2);

    [Test]
    public void WhatTheEndOfAMountKeeps_IsThereAfterAReboot()
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        using (ZstdFileSystem fileSystem = WithOld(place, log, out DirectUse use))
        {
            // The commit thread takes a file up after its last close: on a busy machine before the disk is full.
            DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite), other = use.Open("f", OpenFlags.ReadWrite);
            Assert.That(use.Write(file, 0, New), Is.Zero);
            Assert.That(use.Close(file), Is.Zero);
            FailingCalls.Arm(new Fault(1, Errno.ENOSPC, FaultWay.FromThenOn) { Call = "pwrite" });
            int result = fileSystem.Drain(out int kept);
            FailingCalls.Disarm();
            _ = use.Close(other);
            Assert.That((result, kept), Is.EqualTo((-(int)Errno.ENOSPC, 1)), log.ToString);
        }
        PowerCut.BootAnew(place.Folder);
        using ZstdFileSystem next = SourceFolders.Open(place.Folder, log);
        Assert.That(new DirectUse(next).ReadAll("f", New.Length).AsSpan().SequenceEqual(New), Is.True, log.ToString);
        Assert.That(next.Drain(), Is.Zero, log.ToString);
    }

    [Test]
    public void FsyncOfHalfANewContent_IsRefusedAndTheOldOneStays(
        [Values("given up", "begun anew", "written again")] string then)
    {
        bool isWhole = then != "given up";
        using var place = new FaultPlace();
        var log = new EventLines();
        using ZstdFileSystem fileSystem = WithOld(place, log, out DirectUse use);
        DirectUse.Handle file = WriteUntilItIsFull(use);
        Assert.That(use.Synchronize(file), Is.EqualTo(-(int)Errno.ENOSPC));
        if (isWhole)
        {
            int from = then == "begun anew" ? 0 : 1_000_000;
            if (from == 0)
                Assert.That(use.Truncate(file, 0), Is.Zero);
            Assert.That(use.Write(file, from, New.AsSpan(from)), Is.Zero);
            Assert.That(use.Synchronize(file), Is.Zero);
            Assert.That(use.Close(file), Is.Zero);
        }
        else
        {
            Assert.That(use.Close(file), Is.EqualTo(-(int)Errno.ENOSPC));
        }
        byte[] expected = isWhole ? New : Old;
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        Assert.That(StockZstd.Decompress($"{place.Folder}/f.zst", New.Length + 1).AsSpan().SequenceEqual(expected),
            Is.True, log.ToString);
    }

    [Test]
    public void WriterThatGivesUpWhatFoundNoRoom_KeepsTheRest([Values(1_000_000, 700_000)] int cutTo)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        using ZstdFileSystem fileSystem = WithOld(place, log, out DirectUse use);
        DirectUse.Handle file = WriteUntilItIsFull(use);
        Assert.That(use.Truncate(file, cutTo), Is.Zero);
        Assert.That(use.Synchronize(file), Is.Zero);
        Assert.That(use.Close(file), Is.Zero);
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        byte[] stored = StockZstd.Decompress($"{place.Folder}/f.zst", New.Length);
        Assert.That(stored.AsSpan().SequenceEqual(New.AsSpan(0, cutTo)), Is.True, log.ToString);
    }

    /// <summary>What a sync could not bring to the disk is written again: that is no change in the source.</summary>
    [Test]
    public void FsyncOfWhatIsCommittedThatFails_LeavesTheFileToBeWritten()
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        using ZstdFileSystem fileSystem = WithOld(place, log, out DirectUse use);
        DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
        Assert.That(use.Read("f", new byte[Old.Length]), Is.EqualTo(Old.Length));
        FailingCalls.Arm(new Fault(1, Errno.EDQUOT, FaultWay.Once) { Call = "fsync" });
        Assert.That(use.Synchronize(file), Is.Negative);
        FailingCalls.Disarm();
        Assert.That(use.Write(file, 0, New), Is.Zero);
        Assert.That(use.Close(file), Is.Zero, log.ToString);
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        Assert.That(StockZstd.Decompress($"{place.Folder}/f.zst", New.Length + 1).AsSpan().SequenceEqual(New), Is.True,
            log.ToString);
        Assert.That(Directory.Exists($"{place.Folder}/.zstdfs/lost"), Is.False, log.ToString);
    }

    /// <summary>
    /// A quota that is used up is met as a full disk is: the beginning is compressed, which makes room.
    /// </summary>
    [TestCase(Errno.ENOSPC)]
    [TestCase(Errno.EDQUOT)]
    public void NoRoomInTheMiddleOfANewFile_CompressesItsBeginning(Errno errno)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        using ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log);
        var use = new DirectUse(fileSystem);
        DirectUse.Handle file = use.Create("new");
        Assert.That(use.Write(file, 0, New.AsSpan(0, 2_000_000)), Is.Zero);
        FailingCalls.Arm(new Fault(1, errno, FaultWay.Once) { Call = "pwrite", IsOfThisThread = true });
        Assert.That(use.Write(file, 2_000_000, New.AsSpan(2_000_000)), Is.Zero, log.ToString);
        Assert.That(FailingCalls.Struck, Is.Not.Null, "it found room");
        FailingCalls.Disarm();
        Assert.That(Directory.GetFiles($"{place.Folder}/.zstdfs/working", "early-*"), Is.Not.Empty);
        Assert.That(use.Close(file), Is.Zero, log.ToString);
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        Assert.That(StockZstd.Decompress($"{place.Folder}/new.zst", New.Length + 1).AsSpan().SequenceEqual(New),
            Is.True, log.ToString);
    }

    /// <summary>A limit of file sizes refuses a place in the file, and not the file.</summary>
    [Test]
    public void WriteThatIsTooFar_LeavesTheFileToBeWritten([Values] bool isWrittenBefore)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        using ZstdFileSystem fileSystem = WithOld(place, log, out DirectUse use);
        DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
        if (isWrittenBefore)
            Assert.That(use.Write(file, 0, New.AsSpan(0, 5000)), Is.Zero);
        FailingCalls.Arm(new Fault(1, Errno.EFBIG, FaultWay.Once) { Call = "pwrite", IsOfThisThread = true });
        Assert.That(use.Write(file, 4_000_000, New.AsSpan(0, 100_000)), Is.EqualTo(-(int)Errno.EFBIG));
        FailingCalls.Disarm();
        Assert.That(use.Write(file, 0, New), Is.Zero);
        Assert.That(use.Synchronize(file), Is.Zero);
        Assert.That(use.Close(file), Is.Zero, log.ToString);
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        Assert.That(StockZstd.Decompress($"{place.Folder}/f.zst", New.Length + 1).AsSpan().SequenceEqual(New), Is.True,
            log.ToString);
    }

    /// <summary>The lengths of what was reverted are not to come back with the next truncation.</summary>
    [Test]
    public void TruncatedAfterItWasReverted_HasZerosAndNotTheOldContent([Values(9000, 2_000_000)] int size)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        using ZstdFileSystem fileSystem = SourceFolders.OpenWith(place.Folder, log, ("f", Content(size, 1)));
        var use = new DirectUse(fileSystem);
        DirectUse.Handle reader = use.Open("f", OpenFlags.ReadOnly), writer = use.Open("f", OpenFlags.ReadWrite);
        FailingCalls.Arm(new Fault(1, Errno.ENOSPC, FaultWay.FromThenOn) { Call = "pwrite" });
        Assert.That(use.Write(writer, 0, Content(size, 2)) < 0 || use.Close(writer) < 0, Is.True, "it found room");
        FailingCalls.Disarm();
        DirectUse.Handle next = use.Open("f", OpenFlags.ReadWrite | OpenFlags.Truncate);
        Assert.That(use.Truncate(next, 0), Is.Zero);
        Assert.That(use.Write(next, 100, "end"u8), Is.Zero);
        Assert.That(use.Close(next), Is.Zero);
        _ = use.Close(reader);
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        byte[] expected = new byte[103];
        "end"u8.CopyTo(expected.AsSpan(100));
        Assert.That(StockZstd.Decompress($"{place.Folder}/f.zst", size + 1), Is.EqualTo(expected));
    }

    /// <summary>Writes the new content in place of the old one, and of that a million bytes find room.</summary>
    private static DirectUse.Handle WriteUntilItIsFull(DirectUse use)
    {
        DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite | OpenFlags.Truncate);
        Assert.That(use.Truncate(file, 0), Is.Zero);
        Assert.That(use.Write(file, 0, New.AsSpan(0, 1_000_000)), Is.Zero);
        FailingCalls.Arm(new Fault(1, Errno.ENOSPC, FaultWay.FromThenOn) { Call = "pwrite" });
        Assert.That(use.Write(file, 1_000_000, New.AsSpan(1_000_000)), Is.EqualTo(-(int)Errno.ENOSPC));
        FailingCalls.Disarm();
        return file;
    }

    private static ZstdFileSystem WithOld(FaultPlace place, EventLines log, out DirectUse use)
    {
        ZstdFileSystem fileSystem = SourceFolders.OpenWith(place.Folder, log, ("f", Old));
        use = new DirectUse(fileSystem);
        return fileSystem;
    }

    private static byte[] Content(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
