using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// The kernel sends SETATTR and OPEN of one file side by side: who opens it must hear of the change that comes first.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class OpenBesideAttributesTests
{
    private const ulong Root = 1;

    [Test]
    public void FileThatIsOpenedWhileItsTimeIsSet_IsCommitted()
    {
        const int Rounds = 3000;
        using var place = new FaultPlace();
        var log = new EventLines();
        using ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log);
        var use = new DirectUse(fileSystem);
        use.Save("f", "content"u8.ToArray());
        Assert.That(fileSystem.Lookup(default, Root, new NativeName(Ext4.Native("f")), out FuseEntryOut entry),
            Is.Zero);
        bool isOver = false;
        int failure = 0;
        var setter = new Thread(() =>
        {
            for (long seconds = 1_000_000_000; !Volatile.Read(ref isOver); seconds++)
            {
                var change = new FuseSetattrIn { Valid = SetattrValid.Mtime, Mtime = seconds };
                failure = Math.Min(failure, fileSystem.SetAttributes(default, entry.NodeId, change, out _));
            }
        });
        setter.Start();
        try
        {
            for (int round = 0; round < Rounds; round++)
            {
                DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
                Assert.That(use.Write(file, 0, "Content"u8), Is.Zero);
                Assert.That(use.Close(file), Is.Zero, () => $"round {round}\n{log}");
                if (round % 10 == 0)
                    Assert.That(use.SynchronizeAll(), Is.Zero, log.ToString);
            }
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            setter.Join();
        }
        Assert.That(failure, Is.Zero);
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        Assert.That(Directory.Exists($"{place.Folder}/.zstdfs/lost"), Is.False, log.ToString);
    }

    [Test]
    public void TimeThatIsSetBeforeTheCommit_LosesNothing_WhicheverCallFails([Values] bool isLarge,
        [Values] bool isKilled, [Values("statx", "fsetxattr", "utimensat")] string call)
    {
        byte[] content = new byte[isLarge ? 2_500_000 : 9000];
        new Random(3).NextBytes(content);
        int failures = 0;
        for (bool isHit = true; isHit;)
        {
            using var place = new FaultPlace();
            var log = new EventLines();
            ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log);
            try
            {
                var use = new DirectUse(fileSystem);
                use.Save("f", new byte[9000]);
                Assert.That(use.SynchronizeAll(), Is.Zero);
                DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
                Assert.That(use.Write(file, 0, content), Is.Zero);
                Assert.That(use.Synchronize(file), Is.Zero);
                FailingCalls.Arm(new Fault(++failures, Errno.EIO, FaultWay.Once) { Call = call });
                var change = new FuseSetattrIn { Valid = SetattrValid.Mtime, Mtime = 1_234_567_890 };
                int result = fileSystem.SetAttributes(default, file.Node, change, out _);
                isHit = FailingCalls.Struck is not null;
                FailingCalls.Disarm();
                if (isKilled)
                {
                    using (FailingCalls.Kill())
                        fileSystem.Dispose();
                    fileSystem = SourceFolders.Open(place.Folder, log);
                }
                else
                {
                    Assert.That(use.Close(file), Is.Zero, () => $"call {failures}\n{FailingCalls.Struck}\n{log}");
                }
                Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
                Assert.That(
                    StockZstd.Decompress($"{place.Folder}/f.zst", content.Length + 1).AsSpan().SequenceEqual(content),
                    Is.True, () => $"call {failures}\n{FailingCalls.Struck}\n{log}");
                Assert.That(Directory.Exists($"{place.Folder}/.zstdfs/lost"), Is.False, log.ToString);
                if (result == 0)
                    Assert.That(File.GetLastWriteTimeUtc($"{place.Folder}/f.zst"),
                        Is.EqualTo(DateTimeOffset.FromUnixTimeSeconds(1_234_567_890).UtcDateTime));
            }
            finally
            {
                fileSystem.Dispose();
            }
        }
        Assert.That(failures, Is.GreaterThan(call == "utimensat" ? 0 : 1), "no call was met: it proves nothing");
    }
}
