using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.CommandLine;

/// <summary>
/// mount(8) and fstab: the mount by its type, <c>-o remount</c>, and what a remount cannot change. In a mount namespace
/// where the helpers are where mount(8) looks.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class RemountTests
{
    private string _folder = "";

    private static string Program => TestMachine.Program(ShellUser.Same);

    [SetUp]
    public void MakeFolders()
    {
        TestMachine.RequireMounts();
        TestMachine.RequireRoot("mount(8)");
        _folder = TestMachine.CreateFolder();
        Shell.Get($"cd '{_folder}' && mkdir source mount && echo hello | zstd -q > source/a.zst");
    }

    [TearDown]
    public void RemoveFolders()
    {
        MountCleanup.Remove($"{_folder}/mount", null);
        Shell.Run($"rm -rf --one-file-system -- '{_folder}'");
    }

    [Test]
    public void ReadOnlyAndBack_DoWhatTheySay()
    {
        Shell.Get($"'{Program}' mount -o noexec,level=9 source mount", _folder);
        Assert.That(Remount("ro,level=9,user_id=0,group_id=0,default_permissions,relatime").ExitCode, Is.Zero);
        Assert.That(Options, Does.Contain("ro").And.Contain("noexec").And.Contain("nosuid").And.Not.Contain("rw"));
        Assert.That(Shell.Run($"echo x > '{_folder}/mount/b'").Error, Does.Contain("Read-only file system"));
        Assert.That(Shell.Get($"cat '{_folder}/mount/a'"), Is.EqualTo("hello"));
        Assert.That(Remount("rw").ExitCode, Is.Zero);
        Assert.That(Options, Does.Contain("rw").And.Contain("noexec").And.Not.Contain("ro"));
        Shell.Get(
            $"echo x > '{_folder}/mount/b' && '{Program}' unmount '{_folder}/mount' && "
            + $"zstd -qdc '{_folder}/source/b.zst'");
    }

    [Test]
    public void ReadOnly_IsABarrier_AndPendingCommitsGoOn()
    {
        Shell.Get($"'{Program}' mount -o level=19 source mount && seq 1 700000 > mount/large", _folder);
        Assert.That(Remount("ro").ExitCode, Is.Zero);
        Assert.That(Shell.Get($"zstd -qdc '{_folder}/source/large.zst' | tail -1"), Is.EqualTo("700000"));
        Shell.Get($"'{Program}' unmount '{_folder}/mount'");
    }

    [Test]
    public void WriterOpen_IsBusyAndStaysReadWrite()
    {
        Shell.Get($"'{Program}' mount source mount", _folder);
        using (File.Create($"{_folder}/mount/open"))
        {
            ShellResult busy = Remount("ro");
            Assert.That(busy.ExitCode, Is.EqualTo(6), busy.ToString);
            Assert.That(Options, Does.Contain("rw"));
        }
        Assert.That(Waiting.For(() => Remount("ro").ExitCode == 0));
    }

    [Test]
    public void AccessTimes_MoveAsTheRemountSays()
    {
        Shell.Get($"'{Program}' mount -o cache_timeout=0 source mount", _folder);
        long Age() =>
            long.Parse(Shell.Get($"cat mount/a > /dev/null; echo $(( $(date +%s) - $(stat -c %X mount/a) ))", _folder));
        Shell.Get("touch -a -d '40 days ago' source/a.zst", _folder);
        foreach (string still in new[] { "ro", "noatime", "rw", "nosuid" })
        {
            Assert.That(Remount(still).ExitCode, Is.Zero);
            Assert.That(Age(), Is.GreaterThan(86400), still);
        }
        Assert.That(Options, Does.Contain("noatime"));
        Assert.That(Remount("relatime").ExitCode, Is.Zero);
        Assert.That(Options, Does.Contain("relatime").And.Not.Contain("noatime"));
        Assert.That(Age(), Is.LessThan(3600));
        Assert.That(MovesEachTime, Is.False, "relatime");
        Assert.That(Remount("strictatime").ExitCode, Is.Zero);
        Assert.That(MovesEachTime, Is.True, "strictatime");
        Assert.That(Remount("ro").ExitCode, Is.Zero);
        Assert.That(MovesEachTime, Is.False, "ro");
        Assert.That(Remount("rw").ExitCode, Is.Zero);
        Assert.That(MovesEachTime, Is.True, "strictatime stays");
        Assert.That(Remount("atime,nostrictatime").ExitCode, Is.Zero);
        Assert.That(MovesEachTime, Is.False, "relatime again");
        Shell.Get($"'{Program}' unmount '{_folder}/mount'");
    }

    [Test]
    public void MountedStrict_StaysStrictWhereTheRemountSaysNothingOfIt()
    {
        Shell.Get($"'{Program}' mount -o strictatime,cache_timeout=0 source mount", _folder);
        Assert.That(Remount("ro").ExitCode, Is.Zero);
        Assert.That(MovesEachTime, Is.False, "ro");
        Assert.That(Remount("rw").ExitCode, Is.Zero);
        Assert.That(MovesEachTime, Is.True);
        Assert.That(Remount("relatime").ExitCode, Is.Zero);
        Assert.That(MovesEachTime, Is.False);
        Shell.Get($"'{Program}' unmount '{_folder}/mount'");
    }

    [TestCase("ro,level=9,frame_size=1M", "'level', 'frame_size'")]
    [TestCase("allow_other", "'allow_other'")]
    [TestCase("plain=show,rw", "'plain'")]
    public void WhatCannotChange_IsNamed_AndNothingChanges(string list, string named)
    {
        Shell.Get($"'{Program}' mount source mount", _folder);
        ShellResult refused = Remount(list);
        Assert.That(refused.ExitCode, Is.EqualTo(2), refused.ToString);
        Assert.That(refused.Error, Does.Match("^zstdfs: [^\n]+\n$").And.Contain(named));
        Assert.That(Options, Does.Contain("rw"));
    }

    [Test]
    public void MountedReadOnly_CannotBecomeReadWrite_AndSaysSo()
    {
        Shell.Get($"'{Program}' mount -o ro source mount", _folder);
        ShellResult refused = Remount("rw");
        Assert.That(refused.ExitCode, Is.EqualTo(2), refused.ToString);
        Assert.That(refused.Error, Does.Contain("read-only"));
        Assert.That(Remount("ro").ExitCode, Is.Zero, "it is so already");
    }

    [Test]
    public void OrdinaryUser_IsToldThatOnlyRootMay()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { User = ShellUser.Ordinary });
        ShellResult refused = folder.Program("mount", "-o", "remount,ro", folder.Source, folder.Mount);
        Assert.That(refused.ExitCode, Is.EqualTo(1), refused.ToString);
        Assert.That(refused.Error, Does.Match("^zstdfs: [^\n]*root[^\n]*\n$"));
        folder.Unmount();
    }

    [TestCase("zstdfs", "mount.zstdfs")]
    [TestCase("fuse.zstdfs", "mount.fuse.zstdfs")]
    [TestCase("fuse.zstdfs", "zstdfs")] // by way of mount.fuse
    public void MountByType_RemountAndUmount_WorkThroughMount8(string type, string helper)
    {
        string said = Shell.Get($"""
            unshare -m --propagation private bash -euc '
            mkdir "$0/sbin" "$0/work"
            mount -t tmpfs none "$0/work"; mkdir "$0/work/upper" "$0/work/work"
            mount -t overlay -o lowerdir=/usr/sbin,upperdir="$0/work/upper",workdir="$0/work/work" none /usr/sbin
            ln -sf "$1" "/usr/sbin/$3"
            # A remount is by the type that the mount table shows.
            if [ "$3" = mount.zstdfs ]; then ln -sf "$1" /usr/sbin/mount.fuse.zstdfs; fi
            export PATH="/usr/sbin:$PATH"
            cd "$0"
            mount -t "$2" source mount -o noexec,level=9,_netdev
            cat mount/a
            mount -o remount,ro "$0/mount"; if touch mount/b 2> /dev/null; then echo written; fi
            mount -o remount,rw "$0/mount"; echo new > mount/b
            if mount -o remount,level=1 "$0/mount" 2> err; then echo changed; fi; grep -o "cannot change .level." err
            zstdfs() ( exec -a zstdfs "$1" "$2" "$3" ); zstdfs "$1" unmount mount
            zstd -qdc source/b.zst
            # mount.fuse mounts in earnest.
            if [ "$3" != zstdfs ]; then mount -f -t "$2" source mount; if mountpoint -q mount; then echo faked; fi; fi
            if mount -t "$2" source mount -o frobnicate 2> err; then echo sloppy; fi
            ' '{_folder}' '{Program}' '{type}' '{helper}'
            """);
        Assert.That(said, Is.EqualTo("hello\ncannot change 'level'\nnew"));
    }

    /// <summary>The second of two reads moved the access time, too.</summary>
    private bool MovesEachTime
    {
        get
        {
            string Read() => Shell.Get("sleep 0.02; cat mount/a > /dev/null; stat -c %.9X mount/a", _folder);
            string first = Read();
            return Read() != first;
        }
    }

    private string[] Options => MountTableView.OptionsOf($"{_folder}/mount");

    private ShellResult Remount(string list) =>
        Shell.Run([Program, $"{_folder}/source", $"{_folder}/mount", "-o", "remount," + list]);

    private static class Shell
    {
        internal static string Get(string script, string? folder = null) =>
            Harness.Shell.Get(folder is null ? script : $"cd '{folder}' && {script}");

        internal static ShellResult Run(string script) => Harness.Shell.Run(script);

        internal static ShellResult Run(IReadOnlyList<string> command) => Harness.Shell.Run(command);
    }
}
