using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Handles;

/// <summary>File handles outlive what the kernel remembers, with every inode store.</summary>
[TestFixture("lru:100")]
[TestFixture("lru:0")]
[TestFixture("rocksdb")]
internal sealed class FileHandleTests(string store)
{
    private MountSetup Setup => new() { Options = ["--inodes=" + store] };

    [SetUp]
    public void Require() => TestMachine.RequireRoot("opening files by handle");

    [Test]
    public void HandleTakenBefore_OpensTheSameFile_AfterForget()
    {
        using MountedFolder folder = MountedFolder.Create(Setup);
        Shell.Get($"cd '{folder.Mount}'; mkdir -p a/b; echo content > a/b/file; echo other > top");
        string file = FileHandles.Take(folder.Mount + "/a/b/file"), top = FileHandles.Take(folder.Mount + "/top"),
            inner = FileHandles.Take(folder.Mount + "/a/b");
        FileHandles.ForgetAll();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(FileHandles.Open(folder.Mount, file), Is.EqualTo("content"));
            Assert.That(FileHandles.Open(folder.Mount, top), Is.EqualTo("other"));
        }
        FileHandles.ForgetAll();
        Assert.That(FileHandles.Open(folder.Mount, inner), Is.EqualTo("/a/b ['file']"),
            "a folder, and the way up from it");
    }

    [Test]
    public void HandleTakenBefore_OpensTheSameFile_AfterRewriteRenameAndRemount()
    {
        using MountedFolder folder = MountedFolder.Create(Setup);
        Shell.Get($"cd '{folder.Mount}'; mkdir -p a/b c; echo content > a/b/file; ln a/b/file c/second");
        string file = FileHandles.Take(folder.Mount + "/a/b/file"), inner = FileHandles.Take(folder.Mount + "/a/b");
        Shell.Get($"cd '{folder.Mount}'; echo rewritten > a/b/file; mv a/b/file c/moved; mv a/b c/b");
        folder.Remount();
        Assert.That(FileHandles.Open(folder.Mount, file), Is.EqualTo("rewritten"));
        Assert.That(FileHandles.Open(folder.Mount, inner), Is.EqualTo("/c/b []"));
        Shell.Get($"rm '{folder.Mount}/c/moved'");
        FileHandles.ForgetAll();
        Assert.That(FileHandles.Open(folder.Mount, file), Is.EqualTo("rewritten"), "under its other name");
    }

    [Test]
    public void RenameDirectlyInTheSource_IsFollowed()
    {
        using MountedFolder folder = MountedFolder.Create(Setup);
        Shell.Get($"cd '{folder.Mount}'; mkdir a b; echo content > a/file");
        string file = FileHandles.Take(folder.Mount + "/a/file");
        FileHandles.ForgetAll();
        Shell.Get($"cd '{folder.Source}'; mv a/file.zst b/elsewhere.zst; echo bait | zstd -q > a/file.zst");
        Assert.That(FileHandles.Open(folder.Mount, file), Is.EqualTo("content"));
    }

    [Test]
    public void KilledDaemon_LeavesHandlesValid()
    {
        using MountedFolder folder = MountedFolder.Create(Setup);
        Shell.Get($"cd '{folder.Mount}'; mkdir a; echo content > a/file; sync -f a");
        string file = FileHandles.Take(folder.Mount + "/a/file");
        folder.Crash();
        folder.Start();
        Assert.That(FileHandles.Open(folder.Mount, file), Is.EqualTo("content"));
    }

    [Test]
    public void DeletedFile_IsStale_AlsoWhereItsNumberIsGivenAgain()
    {
        using MountedFolder folder = MountedFolder.Create(Setup);
        Shell.Get($"cd '{folder.Mount}'; mkdir folder; echo content > file");
        string file = FileHandles.Take(folder.Mount + "/file"), inner = FileHandles.Take(folder.Mount + "/folder");
        // ext4 gives the number of the folder to the next one.
        Shell.Get(
            $"cd '{folder.Mount}'; rm file; rmdir folder; echo 2 > /proc/sys/vm/drop_caches; mkdir next; "
            + "echo content > file");
        FileHandles.ForgetAll();
        Assert.That(FileHandles.Open(folder.Mount, file), Does.StartWith("error Stale"));
        Assert.That(FileHandles.Open(folder.Mount, inner), Does.StartWith("error Stale"));
        folder.Remount();
        Assert.That(FileHandles.Open(folder.Mount, file), Does.StartWith("error Stale"));
        Assert.That(FileHandles.Open(folder.Mount, inner), Does.StartWith("error Stale"));
    }
}
