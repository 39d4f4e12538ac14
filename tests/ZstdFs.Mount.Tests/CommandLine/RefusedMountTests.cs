using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.CommandLine;

/// <summary>
/// Mounts that cannot be, for reasons that lie in the machine: one line that says why, the right exit code, a source
/// left alone.
/// </summary>
[TestFixture]
internal sealed class RefusedMountTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolders()
    {
        TestMachine.RequireMounts();
        _folder = TestMachine.CreateFolder();
        Shell.Get(
            $"cd '{_folder}' && mkdir -p source/inner mount other && echo hello | zstd -q > source/a.zst && "
            + "ln -s source/inner inward && ln -s source link && chmod 755 source mount");
    }

    [TearDown]
    public void RemoveFolders()
    {
        MountCleanup.Remove($"{_folder}/mount", null);
        MountCleanup.Remove($"{_folder}/other", null);
        Shell.Run($"umount '{_folder}/other' '{_folder}/source' 2> /dev/null; rm -rf --one-file-system -- '{_folder}'");
    }

    [TestCase("mount source inward", 4, "inside")]
    [TestCase("mount link/inner link", 4, "inside")]
    [TestCase("mount source mount/missing", 4, "missing")]
    [TestCase("mount source/a.zst mount", 3, "a.zst")]
    [TestCase("mount source/a.zst/x mount", 3, "a.zst/x")]
    [TestCase("mount '' mount", 3, "")]
    [TestCase("mount source ''", 4, "")]
    [TestCase("mount /dev/null mount", 3, "/dev/null")]
    public void WrongFolders_AreRefused(string words, int code, string named) =>
        AssertRefused($"cd '{_folder}' && exec '{Program}' {words}", code, named);

    [Test]
    public void SourceServedAlready_IsBusy([Values("source", "link", "./source/../source/")] string source)
    {
        Shell.Get($"'{Program}' mount '{_folder}/source' '{_folder}/other'");
        ShellResult second = Shell.Run($"cd '{_folder}' && exec '{Program}' mount {source} mount");
        Assert.That(second.ExitCode, Is.EqualTo(6), second.ToString);
        AssertOneLine(second);
        Assert.That(Shell.Get($"cat '{_folder}/other/a' && '{Program}' unmount '{_folder}/other'"),
            Is.EqualTo("hello"));
        // Free again.
        Shell.Get($"'{Program}' mount '{_folder}/source' '{_folder}/mount' && '{Program}' unmount '{_folder}/mount'");
    }

    [Test]
    public void DamagedState_IsRefusedAndLeftAsItIs()
    {
        Shell.Get(
            $"'{Program}' mount '{_folder}/source' '{_folder}/mount' && '{Program}' unmount '{_folder}/mount' && "
            + $"printf garbage > '{_folder}/source/.zstdfs/state'");
        AssertRefused($"exec '{Program}' mount '{_folder}/source' '{_folder}/mount'", 3, "state");
    }

    [Test]
    public void SourceThatTheUserMayNotRead_IsRefused()
    {
        TestMachine.RequireRoot("becoming an ordinary user");
        Shell.Get($"chmod 700 '{_folder}/source'; chown 65534 '{_folder}/mount'");
        AssertRefused($"exec '{TestMachine.Program(ShellUser.Ordinary)}' mount '{_folder}/source' '{_folder}/mount'", 3,
            "source", ShellUser.Ordinary);
    }

    [Test]
    public void NoDeviceForFuse_LeavesTheSourceAlone([Values] ShellUser user)
    {
        TestMachine.RequireRoot("hiding /dev/fuse");
        Shell.Get($"chown -R 65534 '{_folder}/source' '{_folder}/mount'");
        string become = user == ShellUser.Same ? "" : "setpriv --reuid=65534 --regid=65534 --clear-groups ";
        AssertRefused(
            "unshare -m bash -c 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && "
            + $"exec {become}\"{TestMachine.Program(user)}\" mount \"{_folder}/source\" \"{_folder}/mount\"'",
                5, "/dev/fuse");
    }

    [Test]
    public void UserWithoutFusermount_LeavesTheSourceAlone()
    {
        TestMachine.RequireRoot("becoming an ordinary user");
        Shell.Get($"chown -R 65534 '{_folder}/source' '{_folder}/mount'");
        AssertRefused(
            $"PATH=/nowhere exec '{TestMachine.Program(ShellUser.Ordinary)}' mount '{_folder}/source' "
            + $"'{_folder}/mount'",
            5, "fusermount3", ShellUser.Ordinary);
    }

    [Test]
    public void SourceBoundReadOnly_IsMountedReadOnlyAndSaysSoOnce()
    {
        TestMachine.RequireRoot("mount --bind");
        Shell.Get($"mount --bind '{_folder}/source' '{_folder}/source' && mount -o remount,bind,ro '{_folder}/source'");
        string before = Snapshot();
        ShellResult mounted = Shell.Run($"exec '{Program}' mount '{_folder}/source' '{_folder}/mount'");
        Assert.That(mounted.ExitCode, Is.Zero, mounted.ToString);
        Assert.That(mounted.Error, Does.Match("^zstdfs: [^\n]*read-only[^\n]*\n$"));
        Assert.That(MountTableView.OptionsOf($"{_folder}/mount"), Does.Contain("ro"));
        Assert.That(Shell.Get($"cat '{_folder}/mount/a'"), Is.EqualTo("hello"));
        Assert.That(Shell.Run($"echo x > '{_folder}/mount/a'").Error, Does.Contain("Read-only file system"));
        Shell.Get($"'{Program}' sync '{_folder}/mount' && '{Program}' unmount '{_folder}/mount'");
        Assert.That(Snapshot(), Is.EqualTo(before));
    }

    [Test]
    public void FullSource_IsMountedReadOnlyAndSaysThatItIsFull()
    {
        using LoopImage image = LoopImage.Create("ext4", 64, makeOptions: "-N 128");
        string source = Directory.CreateDirectory($"{image.Root}/source").FullName;
        Shell.Get($"echo hello | zstd -q > '{source}/a.zst'");
        // ext4 keeps some blocks back, and no inodes.
        Shell.Run($"cd '{image.Root}'; for i in $(seq 200); do : > $i || break; done");
        ShellResult mounted = Shell.Run($"exec '{Program}' mount '{source}' '{_folder}/mount'");
        Assert.That(mounted.ExitCode, Is.Zero, mounted.ToString);
        Assert.That(mounted.Error,
            Does.Match("^zstdfs: [^\n]*no room[^\n]*ENOSPC[^\n]*read-only\n$").And.Not.Contain("by this user"));
        Assert.That(Shell.Get($"cat '{_folder}/mount/a'"), Is.EqualTo("hello"));
        Shell.Get($"'{Program}' unmount '{_folder}/mount'");
    }

    private static string Program => TestMachine.Program(ShellUser.Same);

    private void AssertRefused(string script, int code, string named, ShellUser user = ShellUser.Same)
    {
        string before = Snapshot();
        ShellResult result = Shell.Run(script, user: user);
        Assert.Multiple(() =>
        {
            Assert.That(result.ExitCode, Is.EqualTo(code), result.ToString);
            Assert.That(result.Error, Does.Contain(named));
            AssertOneLine(result);
            Assert.That(Snapshot(), Is.EqualTo(before), "the source was touched");
            Assert.That(MountTableView.TypeOf($"{_folder}/mount"), Is.Null);
        });
    }

    private static void AssertOneLine(ShellResult result)
    {
        Assert.That(result.Error, Does.Match("^zstdfs: [^\n]+\n$"));
        Assert.That(result.Output, Is.Empty);
    }

    private string Snapshot() => Shell.Get($"find '{_folder}/source' -printf '%P %y %m %s %T@ %C@\\n' | LC_ALL=C sort");
}
