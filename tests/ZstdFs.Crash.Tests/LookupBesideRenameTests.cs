using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// The kernel looks names up while it renames and removes them: it asks again for an entry that has expired, and holds
/// no lock for that. What such a lookup saw before the change is not to count behind it: a commit would find nothing
/// under the name that is noted, and take that for a change in the source.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class LookupBesideRenameTests
{
    private const int Rounds = 300, RenamesInARound = 30;
    private static readonly byte[] Content = "content "u8.ToArray();

    [Test]
    public void FileThatIsWrittenAndRenamed_IsCommittedUnderTheNameThatItHas([Values] bool exchanges)
    {
        Run(["a", "b"], (fileSystem, use, log) =>
        {
            use.Save("a", Content);
            if (exchanges)
                use.Save("b", Content);
            for (int round = 0; round < Rounds; round++)
            {
                DirectUse.Handle file = use.Open("a", OpenFlags.ReadWrite);
                Assert.That(use.Write(file, 0, Content), Is.Zero);
                for (int i = 0; i < RenamesInARound; i++)
                    Rename(fileSystem, i % 2 == 0 ? "a" : "b", i % 2 == 0 ? "b" : "a", exchanges ? RenameFlags.Exchange : 0);
                Assert.That(use.Close(file), Is.Zero, log.ToString);
                Assert.That(use.SynchronizeAll(), Is.Zero);
            }
        });
    }

    [Test]
    public void FileThatIsRemovedWhileItIsOpen_IsNotFoundAgain()
    {
        Run(["a"], (fileSystem, use, log) =>
        {
            for (int round = 0; round < Rounds * 10; round++)
            {
                DirectUse.Handle file = use.Create("a");
                Assert.That(use.Write(file, 0, Content), Is.Zero);
                Assert.That(fileSystem.Unlink(default, 1, new NativeName(Ext4.Native("a"))), Is.Zero);
                Assert.That(use.Write(file, 0, Content), Is.Zero);
                Assert.That(use.Close(file), Is.Zero, log.ToString);
                if (round % 10 == 0)
                    Assert.That(use.SynchronizeAll(), Is.Zero);
            }
        });
    }

    private static void Run(string[] names, Action<ZstdFileSystem, DirectUse, EventLines> work)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        using ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log);
        bool isOver = false;
        Thread[] lookups = [.. Enumerable.Range(0, 2).Select(_ => new Thread(() =>
        {
            while (!Volatile.Read(ref isOver))
            {
                foreach (string name in names)
                {
                    if (fileSystem.Lookup(default, 1, new NativeName(Ext4.Native(name)), out FuseEntryOut entry) >= 0)
                        fileSystem.Forget(entry.NodeId, 1);
                }
            }
        }))];
        foreach (Thread thread in lookups)
            thread.Start();
        try
        {
            work(fileSystem, new DirectUse(fileSystem), log);
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            foreach (Thread thread in lookups)
                thread.Join();
        }
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        Assert.That(log.ToString(), Does.Not.Contain("in the source"));
        Assert.That(Directory.Exists($"{place.Folder}/.zstdfs/lost"), Is.False, log.ToString);
    }

    private static void Rename(ZstdFileSystem fileSystem, string from, string to, uint flags) =>
        Assert.That(fileSystem.Rename(default, 1, new NativeName(Ext4.Native(from)), 1, new NativeName(Ext4.Native(to)), flags), Is.Zero);
}
