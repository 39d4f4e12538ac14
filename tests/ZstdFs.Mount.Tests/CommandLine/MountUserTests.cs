using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.CommandLine;

/// <summary>Who may mount, and who may use a mount.</summary>
[TestFixture]
internal sealed class MountUserTests
{
    [Test]
    public void OrdinaryUser_MountsWorksUnmounts()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { User = ShellUser.Ordinary });
        Assert.That(MountTableView.OptionsOf(folder.Mount), Does.Contain("user_id=65534"));
        Shell.Get($"echo hello > '{folder.Mount}/a' && cat '{folder.Mount}/a'", user: ShellUser.Ordinary);
        folder.Unmount();
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/a.zst'"), Is.EqualTo("hello"));
        Assert.That(Shell.Get($"stat -c %u '{folder.Source}/a.zst'"), Is.EqualTo("65534"));
    }

    [Test]
    public void OrdinaryUser_MountsInTheBackground()
    {
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { User = ShellUser.Ordinary });
        ShellResult mounted = folder.Program("mount", folder.Source, folder.Mount);
        Assert.That(mounted.ExitCode, Is.Zero, mounted.ToString);
        ShellResult unmounted = folder.Program("unmount", folder.Mount);
        Assert.That(unmounted.ExitCode, Is.Zero, unmounted.ToString);
    }

    [Test]
    public void OrdinaryUsersMountPointOfAnother_IsRefused()
    {
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { User = ShellUser.Ordinary });
        Shell.Get($"chown 0:0 '{folder.Mount}' && chmod 755 '{folder.Mount}'");
        ShellResult mounted = folder.Program("mount", folder.Source, folder.Mount);
        Assert.That(mounted.ExitCode, Is.AnyOf(4, 5), mounted.ToString);
        Assert.That(mounted.Error.TrimEnd('\n'), Does.StartWith("zstdfs: ").And.Not.Contain("\n"));
    }

    [TestCase("suid")]
    [TestCase("dev")]
    public void OptionForRootOnly_IsRefusedToAnOrdinaryUser(string option)
    {
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { User = ShellUser.Ordinary });
        ShellResult mounted = folder.Program("mount", "-o", option, folder.Source, folder.Mount);
        Assert.That(mounted.ExitCode, Is.EqualTo(2), mounted.ToString);
        Assert.That(mounted.Error, Does.Contain($"'{option}'"));
    }

    [Test]
    public void RootsMountWithoutAllowOther_KeepsOthersOut()
    {
        TestMachine.RequireRoot("a mount of root's");
        using MountedFolder folder = MountedFolder.Create();
        Assert.That(Shell.Run($"ls '{folder.Mount}'", user: ShellUser.Ordinary).ExitCode, Is.Not.Zero);
        folder.Unmount();
    }

    [Test]
    public void AllowOther_LetsOthersInWithinTheModes()
    {
        TestMachine.RequireRoot("allow_other");
        using MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["-o", "allow_other"] });
        Shell.Get($"cd '{folder.Mount}' && echo open > a && echo closed > b && chmod 600 b");
        Assert.That(Shell.Get($"cat '{folder.Mount}/a'", user: ShellUser.Ordinary), Is.EqualTo("open"));
        Assert.That(Shell.Run($"cat '{folder.Mount}/b'", user: ShellUser.Ordinary).Error,
            Does.Contain("Permission denied"));
        Assert.That(Shell.Run($"touch '{folder.Mount}/c'", user: ShellUser.Ordinary).Error,
            Does.Contain("Permission denied"));
        folder.Unmount();
    }

    [TestCase("noexec,nosuid,nodev,noatime", "noexec", "nosuid", "nodev", "noatime")]
    [TestCase("ro", "ro")]
    [TestCase("nosymfollow,strictatime,lazytime", "nosymfollow")]
    [TestCase("defaults", "rw", "nosuid", "nodev", "default_permissions")]
    public void MountOptions_ReachTheKernel(string list, params string[] expected)
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["-o", list] });
        Assert.That(MountTableView.OptionsOf(folder.Mount), Is.SupersetOf(expected));
        folder.Unmount();
    }
}
