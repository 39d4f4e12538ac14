using System.Text;
using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// A source without user attributes, as NFS before 4.2 is: files have the numbers that the source gave them, and a
/// source gives the number of what is gone to the next file. ext4 does so at once.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class SourceWithoutRecordsTests
{
    private const ulong Root = 1;
    private const int Rounds = 40;

    [Test]
    public void FilesMadeWhileOthersAreReplaced_StayApart()
    {
        Run((fileSystem, use) =>
        {
            use.Save("f", "one"u8.ToArray());
            for (int round = 0; round < Rounds; round++)
            {
                string name = $"g{round}";
                Replace(use, "f", $"content {round}");
                DirectUse.Handle file = use.Open("f", OpenFlags.ReadWrite);
                Assert.That(use.Write(file, 0, Encoding.ASCII.GetBytes($"changed {round}")), Is.Zero);
                // Its stored file takes the inode that the one before freed.
                DirectUse.Handle made = use.Create(name);
                Assert.That(made.Node, Is.Not.EqualTo(file.Node));
                Assert.That(use.Write(made, 0, Encoding.ASCII.GetBytes(name)), Is.Zero);
                Assert.That(use.Close(made), Is.Zero);
                Assert.That(use.Close(file), Is.Zero);
                Assert.That(use.SynchronizeAll(), Is.Zero);
                Assert.That(Encoding.ASCII.GetString(use.ReadAll("f", 100)), Is.EqualTo($"changed {round}"));
                Assert.That(Encoding.ASCII.GetString(use.ReadAll(name, 100)), Is.EqualTo(name));
            }
        });
    }

    [Test]
    public void FileMadeInTheSourceWithAFreedNumber_IsAnother()
    {
        Run((fileSystem, use) =>
        {
            use.Save("f", "one"u8.ToArray());
            for (int round = 0; round < Rounds; round++)
            {
                Replace(use, "f", $"content {round}");
                string name = $"g{round}";
                Ext4.Run("sh", "-c", $"cd '{_source}' && echo {name} | zstd -q > {name}.zst");
                Assert.That(Number(fileSystem, name), Is.Not.EqualTo(Number(fileSystem, "f")));
                Assert.That(Encoding.ASCII.GetString(use.ReadAll(name, 100)), Is.EqualTo(name + "\n"));
                Assert.That(Encoding.ASCII.GetString(use.ReadAll("f", 100)), Is.EqualTo($"content {round}"));
            }
        });
    }

    [Test]
    public void FileMadeWithTheNumberOfARemovedOne_HasOneNumber()
    {
        Run((fileSystem, use) =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                use.Save("f", "one"u8.ToArray());
                Replace(use, "f", "two");
                Assert.That(fileSystem.Unlink(default, Root, Native("f")), Is.Zero);
                DirectUse.Handle made = use.Create("g");
                Assert.That(Number(fileSystem, "g"), Is.EqualTo(made.Node));
                Assert.That(use.Write(made, 0, "three"u8), Is.Zero);
                Assert.That(use.Close(made), Is.Zero);
                Assert.That(use.SynchronizeAll(), Is.Zero);
                Assert.That(Number(fileSystem, "g"), Is.EqualTo(made.Node));
                Assert.That(fileSystem.Unlink(default, Root, Native("g")), Is.Zero);
            }
        });
    }

    private string _source = "";

    private void Run(Action<ZstdFileSystem, DirectUse> work)
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("loop devices and mounts need root");
        using var source = new FailingSource();
        _source = source.Source;
        FailingCalls.Arm(new Fault(1, Errno.EOPNOTSUPP, FaultWay.FromThenOn) { Call = "fsetxattr" });
        try
        {
            using ZstdFileSystem fileSystem = SourceFolders.Open(source.Source, source.Log);
            Assert.That(source.Log.ToString(), Does.Contain("attributes"),
                "the source keeps records: it proves nothing");
            work(fileSystem, new DirectUse(fileSystem));
            Assert.That(fileSystem.Drain(), Is.Zero, source.Log.ToString);
            Assert.That(source.Log.ToString(), Does.Not.Contain("in the source while"));
        }
        finally
        {
            FailingCalls.Disarm();
        }
    }

    private static void Replace(DirectUse use, string name, string content)
    {
        DirectUse.Handle file = use.Open(name, OpenFlags.ReadWrite | OpenFlags.Truncate);
        Assert.That(use.Write(file, 0, Encoding.ASCII.GetBytes(content)), Is.Zero);
        Assert.That(use.Close(file), Is.Zero);
        Assert.That(use.SynchronizeAll(), Is.Zero);
    }

    private static ulong Number(ZstdFileSystem fileSystem, string name)
    {
        Assert.That(fileSystem.Lookup(default, Root, Native(name), out FuseEntryOut entry), Is.Zero);
        return entry.NodeId;
    }

    private static NativeName Native(string name) => new(Ext4.Native(name));
}
