using System.Diagnostics;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.CommandLine;

/// <summary>
/// A mount that lives on after its unmount: in the mount namespace of a container, or bound to another folder. And the
/// mount that comes right after an unmount.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class UnmountElsewhereTests
{
    [Test]
    public void MountInAnotherNamespace_UnmountReturnsAndNamesTheProcess([Values] ShellUser user)
    {
        TestMachine.RequireRoot("a mount namespace");
        using MountedFolder folder = MountedFolder.Create(new MountSetup { User = user });
        using var container = new Container();
        Shell.Get($"echo hello > '{folder.Mount}/a'", user: user);

        ShellResult unmounted = folder.Program("unmount", folder.Mount);
        Assert.That(unmounted.ExitCode, Is.Zero, unmounted.ToString);
        Assert.That(MountTableView.TypeOf(folder.Mount), Is.Null);
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/a.zst'"), Is.EqualTo("hello"), "everything is stored");
        Assert.That(folder.Daemon.HasEnded, Is.False);
        // An ordinary user may not see what root's processes have mounted.
        Assert.That(unmounted.Error,
            Does.Contain($"{container.ProcessId} (sleep)").And.Contain($"process {folder.Daemon.ProcessId}"));

        ShellResult again = folder.Program("mount", folder.Source, folder.Mount);
        Assert.That(again.ExitCode, Is.EqualTo(6), again.ToString);
        Assert.That(again.Error.TrimEnd('\n'),
            Does.Contain($"{container.ProcessId} (sleep)").And.Contain(
                $"process {folder.Daemon.ProcessId}").And.Not.Contain("\n"));

        container.Dispose();
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        folder.Start();
        Assert.That(Shell.Get($"cat '{folder.Mount}/a'", user: user), Is.EqualTo("hello"));
        folder.Unmount();
    }

    /// <summary>The kernel gives the device number of a mount that went to the next one.</summary>
    [Test]
    public void MountsOfOthersThatComeMeanwhile_AreNotTakenForCopies()
    {
        TestMachine.RequireRoot("becoming an ordinary user");
        string folder = TestMachine.CreateFolder();
        Shell.Get($"chown 65534:65534 '{folder}'");
        ShellResult result = Shell.Run($$"""
            cd '{{folder}}'
            one() {
                mkdir -p s$1 m$1
                for i in $(seq 10); do
                    '{{TestMachine.Program(ShellUser.Ordinary)}}' mount s$1 m$1 &&
                        '{{TestMachine.Program(ShellUser.Ordinary)}}' unmount m$1 || exit 1
                done
            }
            for k in 1 2 3 4; do one $k & done
            wait
            """, user: ShellUser.Ordinary);
        // On a loaded machine a daemon may take its time, and unmount says so.
        string said = string.Join('\n', result.Error.Split('\n')
            .Where(line => !line.Contains("waiting for its daemon", StringComparison.Ordinal)));
        Assert.That((result.ExitCode, said), Is.EqualTo((0, "")));
        Shell.Run($"rm -rf --one-file-system -- '{folder}'");
    }

    /// <summary>What the daemon still writes takes long, and a new mount has got its connection's number.</summary>
    [Test]
    public void MountThatGetsTheNumber_IsNotTakenForTheOneThatWent()
    {
        using LoopImage image = LoopImage.Create("ext4");
        bool hasItsNumber = false;
        for (int attempt = 0; attempt < 10 && !hasItsNumber; attempt++)
        {
            using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
            string number = MountTableView.ConnectionOf(folder.Mount)!;
            MountCleanup.ShowConnections(number);
            Shell.Get($"echo hello > '{folder.Mount}/a'");
            Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero);
            Task<ShellResult> unmounting;
            Shell.Get($"fsfreeze -f '{image.Root}'");
            try
            {
                unmounting = Task.Run(() => folder.Program("unmount", folder.Mount));
                Assert.That(Waiting.For(() => MountTableView.TypeOf(folder.Mount) is null));
                using MountedFolder other = MountedFolder.Create();
                hasItsNumber = MountTableView.ConnectionOf(other.Mount) == number;
                if (hasItsNumber)
                    Assert.That(unmounting.Wait(TimeSpan.FromSeconds(8)), Is.False, "it waits for the daemon");
            }
            finally
            {
                Shell.Get($"fsfreeze -u '{image.Root}'");
            }
            ShellResult unmounted = unmounting.Result;
            Assert.That(unmounted.ExitCode, Is.Zero, unmounted.ToString);
            Assert.That(unmounted.Error, Does.Not.Contain("still uses"));
            Assert.That(folder.Daemon.HasEnded, folder.Log);
        }
        Assert.That(hasItsNumber, "it proves nothing");
    }

    /// <summary>No process is in the namespace, and no fusectl tells that the kernel keeps the file system.</summary>
    [Test]
    public void HeldByWhatCannotBeSeen_UnmountReturnsAndSaysSo([Values("rw", "ro")] string access)
    {
        TestMachine.RequireRoot("a mount namespace");
        using MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["-o", access] });
        string place = TestMachine.CreateFolder();
        Shell.Get($"mount -t tmpfs none '{place}' && mount --make-private '{place}' && touch '{place}/space'");
        try
        {
            // The kernel keeps a namespace by a mount in another one where its number is the larger, and each processor
            // gives numbers of its own (6.18).
            Shell.Get($"""
                mount -t tmpfs none /sys/fs/fuse/connections
                for i in $(seq 200); do unshare --mount='{place}/space' --propagation private true && exit 0; done
                exit 1
                """);
            if (access == "rw")
                Shell.Get($"echo hello > '{folder.Mount}/a'");
            ShellResult unmounted = folder.Program("unmount", folder.Mount);
            Assert.That(unmounted.ExitCode, Is.Zero, unmounted.ToString);
            Assert.That(unmounted.Error, Does.Contain("still uses").And.Contain($"process {folder.Daemon.ProcessId}"));
            Assert.That(MountTableView.TypeOf(folder.Mount), Is.Null);
            Assert.That(folder.Daemon.HasEnded, Is.False);
        }
        finally
        {
            Shell.Run($"umount /sys/fs/fuse/connections; umount '{place}/space'; umount '{place}'; rmdir '{place}'");
        }
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        if (access == "rw")
            Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/a.zst'"), Is.EqualTo("hello"));
    }

    [Test]
    public void WrittenInTheOtherNamespace_IsStoredByItsEnd()
    {
        TestMachine.RequireRoot("a mount namespace");
        using MountedFolder folder = MountedFolder.Create();
        using var container = new Container();
        Assert.That(folder.Program("unmount", folder.Mount).ExitCode, Is.Zero);
        Shell.Get($"nsenter -t {container.ProcessId} -m bash -c \"echo later > '{folder.Mount}/b'\"");
        container.Dispose();
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/b.zst'"), Is.EqualTo("later"));
    }

    [Test]
    public void MountBoundElsewhere_UnmountReturnsAndNamesTheFolder()
    {
        TestMachine.RequireRoot("mount --bind");
        using MountedFolder folder = MountedFolder.Create();
        string other = folder.Mount + "-bound";
        Shell.Get($"echo hello > '{folder.Mount}/a'; mkdir '{other}' && mount --bind '{folder.Mount}' '{other}'");
        try
        {
            ShellResult unmounted = folder.Program("unmount", folder.Mount);
            Assert.That(unmounted.ExitCode, Is.Zero, unmounted.ToString);
            Assert.That(unmounted.Error, Does.Contain($"'{other}'"));
            Assert.That(folder.Program("mount", folder.Source, folder.Mount).ExitCode, Is.EqualTo(6));
        }
        finally
        {
            Shell.Get($"umount '{other}'");
        }
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
    }

    [Test]
    public void MountRightAfterAnUnmount_WaitsForTheLastDaemonAndSaysSo(
        [Values] ShellUser user, [Values("rw", "ro")] string access)
    {
        using MountedFolder folder = WithMuchToStore(user);
        Assert.That(folder.Daemon.HasEnded, Is.False, "the last daemon still stores");
        ShellResult mounted = folder.Program("mount", "-o", access, folder.Source, folder.Mount);
        Assert.That(mounted.ExitCode, Is.Zero, mounted.ToString);
        Assert.That(mounted.Error, Does.Match($"^zstdfs: waiting [^\n]*process {folder.Daemon.ProcessId} [^\n]*\n$"));
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        Assert.That(Shell.Get($"stat -c %s '{folder.Mount}/large'", user: user), Is.EqualTo("48631579"));
        Assert.That(folder.Program("unmount", folder.Mount).ExitCode, Is.Zero);
    }

    [Test]
    public void WaitThatIsTooShort_IsBusyAndNamesTheLastDaemon([Values("rw", "ro")] string access)
    {
        using MountedFolder folder = WithMuchToStore();
        ShellResult mounted = folder.Program("mount", "-o", access, "--wait", "0", folder.Source, folder.Mount);
        Assert.That(mounted.ExitCode, Is.EqualTo(6), mounted.ToString);
        Assert.That(mounted.Error, Does.Contain($"process {folder.Daemon.ProcessId} ").And.Contain("--wait"));
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
    }

    [Test]
    public void ReadOnlyMountBesideALiveOne_SaysWhatIsNotStoredYet()
    {
        using MountedFolder folder = WithMuchToStore(thenUnmounted: false);
        string other = folder.Mount + "-ro";
        Directory.CreateDirectory(other);
        ShellResult mounted = folder.Program("mount", "-o", "ro", folder.Source, other);
        Assert.That(mounted.ExitCode, Is.Zero, mounted.ToString);
        Assert.That(mounted.Error, Does.Match(
            $"^zstdfs: [^\n]*process {folder.Daemon.ProcessId} [^\n]*1 files is not stored yet[^\n]*\n$"));
        Assert.That(folder.Program("unmount", other).ExitCode, Is.Zero);
        folder.Unmount();
        Assert.That(folder.Program("mount", "-o", "ro", folder.Source, other).ToString(), Does.Not.Contain("stored"));
        Assert.That(folder.Program("unmount", other).ExitCode, Is.Zero);
    }

    [TestCase("convert")]
    [TestCase("recompress --level 4")]
    public void ToolRightAfterAnUnmount_WaitsForTheLastDaemonAndSaysSo(string tool)
    {
        using MountedFolder folder = WithMuchToStore();
        string waiting = $"waiting for [^\n]*process {folder.Daemon.ProcessId} ";
        ShellResult tooEarly = folder.Program([.. tool.Split(' '), "--wait", "0", folder.Source]);
        Assert.That(tooEarly.ExitCode, Is.EqualTo(6), tooEarly.ToString);
        Assert.That(tooEarly.Error, Does.Contain($"process {folder.Daemon.ProcessId} ").And.Contain("--wait")
            .And.Not.Contain("-o ro"));
        ShellResult result = folder.Program([.. tool.Split(' '), folder.Source]);
        Assert.That(result.ExitCode, Is.Zero, result.ToString);
        Assert.That(result.Error, Does.Match($"^zstdfs: {waiting}"));
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/large.zst' | wc -c"), Is.EqualTo("48631579"));
    }

    [Test]
    public void ToolOnAServedSource_IsBusyAtOnce()
    {
        using MountedFolder folder = MountedFolder.Create();
        ShellResult result = folder.Program("convert", folder.Source);
        Assert.That(result.ExitCode, Is.EqualTo(6), result.ToString);
        Assert.That(result.Error, Does.Contain($"process {folder.Daemon.ProcessId} ").And.Not.Contain("waiting")
            .And.Not.Contain("-o ro"));
        folder.Unmount();
    }

    [Test]
    public void CommandThatIsKilledWhileItWaits_LeavesNoMountBehind()
    {
        using MountedFolder folder = WithMuchToStore();
        using Process command = StartWaitingMount(folder);
        command.Kill();
        command.WaitForExit();
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        // The lock is free for good: nothing waits for it any more.
        folder.Start();
        folder.Unmount();
    }

    [Test]
    public void CommandThatIsKilledJustBeforeTheSourceIsFree_LeavesNoMountBehind()
    {
        using MountedFolder folder = WithMuchToStore();
        using Process command = StartWaitingMount(folder);
        string waiting = Shell.Get($"pgrep -f -- '--daemon .*{folder.Mount}'").Trim();
        Shell.Get($"kill -STOP {waiting}");
        Assert.That(Directory.Exists($"/proc/{folder.Daemon.ProcessId}"), "the last daemon has the source still");
        command.Kill();
        command.WaitForExit();
        Assert.That(folder.Daemon.WaitForEnd(), Is.Zero, () => folder.Log);
        Shell.Get($"kill -CONT {waiting}");
        Assert.That(Waiting.For(() =>
            !Directory.Exists($"/proc/{waiting}") || MountTableView.TypeOf(folder.Mount) is not null));
        Assert.That(MountTableView.TypeOf(folder.Mount), Is.Null);
    }

    /// <summary>A folder whose daemon has some seconds of work left, begun after a close.</summary>
    private static MountedFolder WithMuchToStore(ShellUser user = ShellUser.Same, bool thenUnmounted = true)
    {
        MountedFolder folder = MountedFolder.Create(
            new MountSetup { User = user, Options = ["-o", "level=19,jobs=1"] });
        Shell.Get($"head -c 36000000 /dev/urandom | base64 > '{folder.Mount}/large'", user: user);
        if (thenUnmounted)
            Shell.Get($"fusermount3 -u '{folder.Mount}'", user: user);
        return folder;
    }

    private static Process StartWaitingMount(MountedFolder folder)
    {
        string log = folder.Mount + ".log";
        string[] words = ["mount", "--log-file", log, folder.Source, folder.Mount];
        Process command = Process.Start(TestMachine.Program(ShellUser.Same), words);
        bool IsWaiting() => File.Exists(log) && File.ReadAllText(log).Contains("waiting", StringComparison.Ordinal);
        Assert.That(Waiting.For(IsWaiting), "the mount waits");
        return command;
    }

    /// <summary>A process in a mount namespace of its own, with a copy of every mount, as a container's.</summary>
    private sealed class Container : IDisposable
    {
        private readonly Process _process;
        private bool _isDisposed;

        internal Container()
        {
            _process = Process.Start("unshare", ["-m", "--propagation", "private", "sleep", "100"]);
            Assert.That(Waiting.For(() => Shell.Run($"test \"$(cat /proc/{_process.Id}/comm)\" = sleep").ExitCode == 0),
                "unshare became sleep");
        }

        internal int ProcessId => _process.Id;

        public void Dispose()
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
