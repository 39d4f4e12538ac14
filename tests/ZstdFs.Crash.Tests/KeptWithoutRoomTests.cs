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
            DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
            Assert.That(use.Write(file, 0, New), Is.Zero);
            Assert.That(use.Close(file), Is.Zero);
            FailingCalls.Arm(new Fault(1, Errno.ENOSPC, FaultWay.FromThenOn) { Call = "pwrite" });
            int result = fileSystem.Drain(out int kept);
            FailingCalls.Disarm();
            Assert.That((result, kept), Is.EqualTo((-(int)Errno.ENOSPC, 1)), log.ToString);
        }
        PowerCut.BootAnew(place.Folder);
        using ZstdFileSystem next = SourceFolders.Open(place.Folder, log);
        Assert.That(new DirectUse(next).ReadAll("f", New.Length).AsSpan().SequenceEqual(New), Is.True, log.ToString);
        Assert.That(next.Drain(), Is.Zero, log.ToString);
    }

    [Test]
    public void FsyncOfHalfANewContent_IsRefusedAndTheOldOneStays([Values] bool isBegunAnew)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        using ZstdFileSystem fileSystem = WithOld(place, log, out DirectUse use);
        DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite | OpenFlags.Truncate);
        Assert.That(use.Truncate(file, 0), Is.Zero);
        Assert.That(use.Write(file, 0, New.AsSpan(0, 1_000_000)), Is.Zero);
        FailingCalls.Arm(new Fault(1, Errno.ENOSPC, FaultWay.FromThenOn) { Call = "pwrite" });
        Assert.That(use.Write(file, 1_000_000, New.AsSpan(1_000_000)), Is.EqualTo(-(int)Errno.ENOSPC));
        FailingCalls.Disarm();
        Assert.That(use.Synchronize(file), Is.EqualTo(-(int)Errno.ENOSPC));
        if (isBegunAnew)
        {
            Assert.That(use.Truncate(file, 0), Is.Zero);
            Assert.That(use.Write(file, 0, New), Is.Zero);
            Assert.That(use.Synchronize(file), Is.Zero);
            Assert.That(use.Close(file), Is.Zero);
        }
        else
        {
            Assert.That(use.Close(file), Is.EqualTo(-(int)Errno.ENOSPC));
        }
        byte[] expected = isBegunAnew ? New : Old;
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        Assert.That(StockZstd.Decompress($"{place.Folder}/f.zst", New.Length + 1).AsSpan().SequenceEqual(expected), Is.True, log.ToString);
    }

    private static ZstdFileSystem WithOld(FaultPlace place, EventLines log, out DirectUse use)
    {
        ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log);
        use = new DirectUse(fileSystem);
        use.Save("f", Old);
        Assert.That(use.SynchronizeAll(), Is.Zero);
        return fileSystem;
    }

    private static byte[] Content(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
