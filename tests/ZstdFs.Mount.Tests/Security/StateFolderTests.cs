using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Security;

/// <summary>
/// What is ours in a source that others may write to: made by them before we came, or opened up since.
/// </summary>
[CancelAfter(120_000)]
internal sealed class StateFolderTests
{
    private const string Stranger = "2002";

    [Test]
    public void WhatIsMade_IsTheOwnersOnly()
    {
        using MountedFolder folder = MountedFolder.Create();
        string log = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "events.log");
        Shell.Get($"cd '{folder.Mount}' && umask 0 && echo x > f");
        folder.Unmount();
        Shell.Get(
            $"umask 0; '{TestMachine.Program(ShellUser.Same)}' mount --log-file '{log}' --inodes=rocksdb "
            + $"'{folder.Source}' '{folder.Mount}' && "
            + $"'{TestMachine.Program(ShellUser.Same)}' unmount '{folder.Mount}'");
        Assert.That(Shell.Get(
            $"cd '{folder.Source}' && find .zstdfs -maxdepth 1 -perm /077; "
            + "stat -c '%n %a' .zstdfs .zstdfs/working .zstdfs/inodes .zstdfs/state"),
            Is.EqualTo(".zstdfs 700\n.zstdfs/working 700\n.zstdfs/inodes 700\n.zstdfs/state 600"));
        Assert.That(Shell.Get($"stat -c %a '{log}'"), Is.EqualTo("600"), "errors in the log name files");
    }

    [TestCase("chmod -R 777 .zstdfs")]
    [TestCase("setfacl -R -m u:2002:rwx .zstdfs")]
    [TestCase("chmod 755 .zstdfs")]
    public void OpenedUp_IsClosedByTheNextMount(string open)
    {
        using MountedFolder folder = MountedFolder.Create();
        File.WriteAllText(Path.Combine(folder.Mount, "f"), "content");
        folder.Unmount();
        Shell.Get($"cd '{folder.Source}' && {open}");
        folder.Start();
        Assert.That(Shell.Get($"cd '{folder.Source}' && stat -c %a .zstdfs && cat '{folder.Mount}/f'"),
            Is.EqualTo("700\ncontent"));
        folder.Unmount();
    }

    /// <summary>A working copy that somebody else put there would be committed into whatever file it names.</summary>
    [TestCase("rm -rf .zstdfs; mkdir .zstdfs; chown 2002 .zstdfs", ".zstdfs")]
    [TestCase("rm -rf .zstdfs/working; mkdir -m 777 .zstdfs/working; chown 2002 .zstdfs/working", "working")]
    [TestCase(
        "chmod -R 777 .zstdfs; echo x > .zstdfs/working/0010000000000001-1-1; "
        + "chown 2002 .zstdfs/working/0010000000000001-1-1",
        "0010000000000001-1-1")]
    [TestCase("chmod 777 .zstdfs; head -c 80 /dev/zero > .zstdfs/names; chown 2002 .zstdfs/names", "names")]
    public void MadeBySomebodyElse_TheMountIsRefused(string make, string named)
    {
        TestMachine.RequireRoot("files of somebody else");
        using MountedFolder folder = MountedFolder.Create();
        File.WriteAllText(Path.Combine(folder.Mount, "f"), "content");
        folder.Unmount();
        Shell.Get($"cd '{folder.Source}' && {make}");
        ShellResult mounted = folder.Program("mount", folder.Source, folder.Mount);
        Assert.That(mounted.ExitCode, Is.EqualTo(3), mounted.ToString);
        Assert.That(mounted.Error, Does.Contain($"'{named}'").And.Contain($"user {Stranger}"));
        Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/f.zst'"), Is.EqualTo("content"));
    }

    [Test]
    public void SourceOfAnOrdinaryUserMountedByRoot_IsHisStill()
    {
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { User = ShellUser.Ordinary });
        folder.Start();
        Shell.Get($"echo content > '{folder.Mount}/f'", user: ShellUser.Ordinary);
        folder.Unmount();
        string program = TestMachine.Program(ShellUser.Same);
        Assert.That(
            Shell.Get(
                $"'{program}' mount '{folder.Source}' '{folder.Mount}' && cat '{folder.Mount}/f' && "
                + $"echo more >> '{folder.Mount}/f' && '{program}' unmount '{folder.Mount}'"),
            Is.EqualTo("content"));
        folder.Start();
        Assert.That(Shell.Get($"cat '{folder.Mount}/f'", user: ShellUser.Ordinary), Is.EqualTo("content\nmore"));
        folder.Unmount();
    }
}
