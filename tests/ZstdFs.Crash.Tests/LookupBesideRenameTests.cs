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
                    Rename(fileSystem, i % 2 == 0 ? "a" : "b", i % 2 == 0 ? "b" : "a",
                        exchanges ? RenameFlags.Exchange : 0);
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
                Assert.That(fileSystem.Unlink(default, 1, Native("a")), Is.Zero);
                Assert.That(use.Write(file, 0, Content), Is.Zero);
                Assert.That(use.Close(file), Is.Zero, log.ToString);
                if (round % 10 == 0)
                    Assert.That(use.SynchronizeAll(), Is.Zero);
            }
        });
    }

    [Test]
    public void FileInAFolderThatIsRenamed_IsCommittedWhereTheFolderIs([Values] bool exchanges)
    {
        Run(["a", "b"], (fileSystem, use, log) =>
        {
            MakeFolder(fileSystem, "a");
            if (exchanges)
                MakeFolder(fileSystem, "b");
            FuseEntryOut folder = Lookup(fileSystem, 1, "a");
            Assert.That(
                fileSystem.Create(default, folder.NodeId, Native("f"), OpenFlags.ReadWrite, 0b110_100_100, 0,
                    out FuseEntryOut made, out FuseOpenOut open),
                Is.Zero);
            Assert.That(use.Close(new DirectUse.Handle(made.NodeId, open.Handle)), Is.Zero);
            for (int round = 0; round < Rounds; round++)
            {
                FuseEntryOut entry = Lookup(fileSystem, Lookup(fileSystem, 1, "a").NodeId, "f");
                Assert.That(fileSystem.Open(default, entry.NodeId, OpenFlags.ReadWrite, false, out open), Is.Zero);
                var file = new DirectUse.Handle(entry.NodeId, open.Handle);
                Assert.That(use.Write(file, 0, Content), Is.Zero);
                for (int i = 0; i < RenamesInARound; i++)
                    Rename(fileSystem, i % 2 == 0 ? "a" : "b", i % 2 == 0 ? "b" : "a",
                        exchanges ? RenameFlags.Exchange : 0);
                Assert.That(use.Close(file), Is.Zero, log.ToString);
                Assert.That(use.SynchronizeAll(), Is.Zero);
            }
        });
    }

    private static void MakeFolder(ZstdFileSystem fileSystem, string name) =>
        Assert.That(fileSystem.MakeDirectory(default, 1, Native(name), 0b111_101_101, 0, out _), Is.Zero);

    private static FuseEntryOut Lookup(ZstdFileSystem fileSystem, ulong parent, string name)
    {
        Assert.That(fileSystem.Lookup(default, parent, Native(name), out FuseEntryOut entry), Is.Zero);
        return entry;
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
                    if (fileSystem.Lookup(default, 1, Native(name), out FuseEntryOut entry) < 0)
                        continue;
                    if (fileSystem.Lookup(default, entry.NodeId, Native("f"), out FuseEntryOut below) >= 0)
                        fileSystem.Forget(below.NodeId, 1);
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
        Assert.That(fileSystem.Rename(default, 1, Native(from), 1, Native(to), flags), Is.Zero);

    private static NativeName Native(string name) => new(Ext4.Native(name));
}
