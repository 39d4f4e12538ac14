using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.CommandLine;

/// <summary>A mount from its start to its end, in every way in which it can start and end.</summary>
[TestFixture]
internal sealed class MountLifeTests
{
    [Test]
    public void BackgroundMount_ReturnsWhenItServesAndUnmountWhenAllIsStored()
    {
        using MountedFolder folder = MountedFolder.Prepared();
        ShellResult mounted = folder.Program("mount", folder.Source, folder.Mount);
        Assert.That(mounted.ExitCode, Is.Zero, mounted.ToString);
        Assert.That(MountTableView.TypeOf(folder.Mount), Is.EqualTo("fuse.zstdfs"));
        Shell.Get($"echo hello > '{folder.Mount}/a'");
        ShellResult unmounted = folder.Program("unmount", folder.Mount);
        Assert.That(unmounted.ExitCode, Is.Zero, unmounted.ToString);
        Assert.That(MountTableView.TypeOf(folder.Mount), Is.Null);
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/a.zst'"), Is.EqualTo("hello"));
        Assert.That(Shell.Get($"ls -A '{folder.Mount}'"), Is.Empty);
    }

    [Test]
    public void BackgroundMount_LeavesNeitherTerminalNorCallersFilesOpen()
    {
        using MountedFolder folder = MountedFolder.Prepared();
        string lockFile = folder.Source + ".lock";
        Shell.Get(
            $"exec 9> '{lockFile}'; flock 9; "
            + $"'{TestMachine.Program(ShellUser.Same)}' mount '{folder.Source}' '{folder.Mount}'");
        Assert.That(Shell.Run($"flock -n '{lockFile}' true").ExitCode, Is.Zero, "the daemon holds its caller's lock");
        File.Delete(lockFile);
        Assert.That(folder.Program("unmount", folder.Mount).ExitCode, Is.Zero);
    }

    [Test]
    public void BackgroundMountWithRelativePathsAndLogFile_UsesThemFromWhereItWasCalled()
    {
        using MountedFolder folder = MountedFolder.Prepared();
        string parent = Path.GetDirectoryName(folder.Mount)!;
        Shell.Get($"cd '{parent}' && '{TestMachine.Program(ShellUser.Same)}' mount --log-file log source mount");
        Assert.That(MountTableView.TypeOf(folder.Mount), Is.EqualTo("fuse.zstdfs"));
        Assert.That(folder.Program("unmount", folder.Mount).ExitCode, Is.Zero);
        Assert.That(File.ReadAllText(Path.Combine(parent, "log")),
            Does.Contain("is mounted on").And.Contain("committed"));
    }

    [Test]
    public void MountWithoutCommandWord_IsWhatFstabRuns()
    {
        using MountedFolder folder = MountedFolder.Prepared();
        ShellResult mounted = folder.Program(folder.Source, folder.Mount, "-o",
            "rw,noauto,_netdev,x-systemd.automount,fsname=some\\,name");
        Assert.That(mounted.ExitCode, Is.Zero, mounted.ToString);
        Assert.That(Shell.Get($"findmnt -n -o SOURCE '{folder.Mount}'"), Is.EqualTo("some,name"));
        Assert.That(folder.Program("umount", folder.Mount).ExitCode, Is.Zero);
    }

    [Test]
    public void PathsThatAreNotUtf8_AreMountedAndUnmounted()
    {
        TestMachine.RequireRoot("mounting on such a path");
        using MountedFolder folder = MountedFolder.Prepared();
        string program = TestMachine.Program(ShellUser.Same);
        ShellResult result = Shell.Run(
            $"cd '{Path.GetDirectoryName(folder.Mount)}' && mkdir $'s\xff' $'m\xff' && "
            + $"'{program}' mount $'s\xff' $'m\xff' "
            + $"&& echo hello > $'m\xff/a' && '{program}' sync $'m\xff' && '{program}' unmount $'m\xff' && "
            + "zstd -qdc $'s\xff/a.zst'");
        Assert.That((result.ExitCode, result.Text), Is.EqualTo((0, "hello")), result.ToString);
    }

    [Test]
    public void AlreadyMounted_IsBusy()
    {
        using MountedFolder folder = MountedFolder.Create();
        ShellResult again = folder.Program("mount", folder.Source, folder.Mount);
        Assert.That(again.ExitCode, Is.EqualTo(6), again.ToString);
        Assert.That(again.Error, Does.Contain("already"));
        folder.Unmount();
    }

    [Test]
    public void OverTheSourceItself_ShowsPlainFilesThere()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { OverSource = true },
            source => Shell.Get($"echo hello | zstd -q > '{source}/a.zst'"));
        Assert.That(Shell.Get($"cd '{folder.Mount}' && ls && cat a"), Is.EqualTo("a\nhello"));
        folder.Unmount();
        Assert.That(Shell.Get($"ls '{folder.Source}'"), Is.EqualTo("a.zst"));
    }

    [Test]
    public void UnmountWhileInUse_IsBusyAndStaysMounted()
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"echo hello > '{folder.Mount}/a'");
        using (File.OpenRead(Path.Combine(folder.Mount, "a")))
        {
            ShellResult busy = folder.Program("unmount", folder.Mount);
            Assert.That(busy.ExitCode, Is.EqualTo(6), busy.ToString);
            Assert.That(Shell.Get($"cat '{folder.Mount}/a'"), Is.EqualTo("hello"));
        }
        folder.Unmount();
    }

    [Test]
    public void Sync_StoresWhatWasClosed()
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"echo hello > '{folder.Mount}/a'");
        ShellResult synced = folder.Program("sync", folder.Mount);
        Assert.That(synced.ExitCode, Is.Zero, synced.ToString);
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/a.zst'"), Is.EqualTo("hello"));
        folder.Unmount();
    }

    [TestCase("TERM")]
    [TestCase("INT")]
    [TestCase("HUP")]
    public void Signal_UnmountsAndStores(string signal)
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"echo hello > '{folder.Mount}/a'");
        folder.Daemon.Signal(signal);
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        Assert.That(MountTableView.TypeOf(folder.Mount), Is.Null);
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/a.zst'"), Is.EqualTo("hello"));
    }

    /// <summary>A folder above the mount point was renamed, and the mount with it.</summary>
    [TestCase(ShellUser.Same, false)]
    [TestCase(ShellUser.Same, true)]
    [TestCase(ShellUser.Ordinary, false)]
    public void SignalWhereThePathHasChanged_UnmountsWhereItIs(ShellUser user, bool isInUse)
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { User = user });
        string parent = Path.GetDirectoryName(folder.Mount)!, moved = parent + "-moved";
        Shell.Get($"echo hello > '{folder.Mount}/a'", user: user);
        Shell.Get($"mv '{parent}' '{moved}'");
        string now = Path.Combine(moved, Path.GetFileName(folder.Mount));
        try
        {
            using (isInUse ? new FileStream(Path.Combine(now, "a"), FileMode.Open, FileAccess.Read) : Stream.Null)
            {
                folder.Daemon.Signal("TERM");
                Assert.That(Waiting.For(() => MountTableView.TypeOf(now) is null), () => folder.Log);
            }
            Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        }
        finally
        {
            Shell.Run($"umount -l '{now}'; mv '{moved}' '{parent}'");
        }
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/a.zst'"), Is.EqualTo("hello"));
    }

    [Test]
    public void SignalWhileAnotherMountLiesOnIt_SaysSoAndTheNextOneEndsIt()
    {
        TestMachine.RequireRoot("mounting tmpfs");
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"mount -t tmpfs none '{folder.Mount}'");
        try
        {
            folder.Daemon.Signal("TERM");
            Assert.That(Waiting.For(() => folder.Log.Contains("another mount lies on", StringComparison.Ordinal)),
                () => folder.Log);
        }
        finally
        {
            Shell.Get($"umount '{folder.Mount}'");
        }
        Assert.That(folder.Daemon.HasEnded, Is.False);
        folder.Daemon.Signal("TERM");
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
    }

    [Test]
    public void SignalWhileInUse_ServesTheLastUserAndThenEnds()
    {
        using MountedFolder folder = MountedFolder.Create();
        string file = Path.Combine(folder.Mount, "a");
        using (var writer = new FileStream(file, FileMode.CreateNew))
        {
            writer.Write("first "u8);
            writer.Flush();
            folder.Daemon.Signal("TERM");
            Assert.That(Waiting.For(() => MountTableView.TypeOf(folder.Mount) is null), "still in sight");
            Assert.That(folder.Daemon.HasEnded, Is.False);
            writer.Write("second"u8);
        }
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/a.zst'"), Is.EqualTo("first second"));
    }

    [TestCase("umount")]
    [TestCase("fusermount3 -u")]
    public void ForeignUnmount_DaemonStoresAndEnds(string command)
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"echo hello > '{folder.Mount}/a'");
        Shell.Get($"{command} '{folder.Mount}'");
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/a.zst'"), Is.EqualTo("hello"));
    }

    [Test]
    public void KilledDaemon_MountAnswersNotConnectedUntilItIsUnmounted()
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get($"echo hello > '{folder.Mount}/a'");
        folder.Kill();
        ShellResult listing = Shell.Run($"ls '{folder.Mount}'");
        Assert.That(listing.ExitCode, Is.Not.Zero);
        Assert.That(listing.Error, Does.Contain("not connected"));
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.EqualTo(7));
        Assert.That(folder.Program("mount", folder.Source, folder.Mount).ExitCode, Is.EqualTo(6));
        ShellResult unmounted = folder.Program("unmount", folder.Mount);
        Assert.That(unmounted.ExitCode, Is.EqualTo(7), unmounted.ToString);
        Assert.That(unmounted.Error, Does.Contain("mount its source again"));
        Assert.That(MountTableView.TypeOf(folder.Mount), Is.Null);
        folder.Start();
        Assert.That(Shell.Get($"cat '{folder.Mount}/a'"), Is.EqualTo("hello"));
        folder.Unmount();
    }

    [Test]
    public void SourceThatCannotBeWritten_IsMountedReadOnlyAndSaysSo()
    {
        using LoopImage image = LoopImage.Create("ext4", 64);
        Shell.Get($"mkdir '{image.Root}/source' && echo hello | zstd -q > '{image.Root}/source/a.zst'");
        image.Remount("ro");
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        Assert.That(folder.Log, Does.Contain("read-only"));
        Assert.That(Shell.Get($"cat '{folder.Mount}/a'"), Is.EqualTo("hello"));
        Assert.That(Shell.Run($"touch '{folder.Mount}/b'").Error, Does.Contain("Read-only file system"));
        folder.Unmount();
    }

    [Test]
    public void SourceWithoutUserAttributes_IsServedAndSaysSoOnce()
    {
        TestMachine.RequireRoot("mounting ramfs");
        string place = TestMachine.CreateFolder();
        Shell.Get($"mount -t ramfs none '{place}'");
        try
        {
            using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = place });
            Shell.Get($"echo hello > '{folder.Mount}/a'");
            folder.Unmount();
            Assert.That(folder.Log.Split("user attributes"), Has.Length.EqualTo(2), folder.Log);
            Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/a.zst'"), Is.EqualTo("hello"));
        }
        finally
        {
            Shell.Get($"umount '{place}' && rmdir '{place}'");
        }
    }
}
