using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Security;

/// <summary>
/// Root's daemon serves ordinary users (allow_other): what it can do beyond what they may, they cannot make it do.
/// docs/security.md has what is tried here.
/// </summary>
[CancelAfter(120_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class OrdinaryUserTests : IDisposable
{
    private const string Ann = "2001", Ben = "2002";

    private readonly MountedFolder _folder;

    public OrdinaryUserTests()
    {
        TestMachine.RequireRoot("becoming other users");
        _folder = MountedFolder.Create(new MountSetup { Options = ["-o", "allow_other,suid,dev"] });
        Shell.Get(
            $"cd '{_folder.Mount}' && mkdir -m 1777 tmp && install -d -o {Ann} -g {Ann} -m 700 ann && "
            + "echo roots > roots && chmod 644 roots");
    }

    public void Dispose() => _folder.Dispose();

    [TestCase("mknod tmp/d b 8 0", "not permitted")]
    [TestCase("mknod tmp/d c 1 1", "not permitted")]
    [TestCase("echo x > tmp/f && chown 0 tmp/f", "not permitted")]
    [TestCase("echo x > tmp/f && setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 tmp/f",
        "not permitted")]
    [TestCase("echo x > tmp/f && setfattr -n trusted.a -v b tmp/f", "not permitted")]
    [TestCase("echo x > tmp/f && chattr +i tmp/f", "not permitted")]
    [TestCase("chattr +A roots", "not permitted")]
    [TestCase("echo x > tmp/f && setfattr -n user.zstdfs -v 0x7a46 tmp/f", "not permitted")]
    [TestCase("echo x > tmp/f && setfattr -n user.zstdfs.working -v x tmp/f", "not permitted")]
    [TestCase("getfattr -n user.zstdfs roots", "No such attribute")]
    [TestCase("mkdir .zstdfs", "File exists|not permitted|denied")]
    [TestCase("ls .zstdfs", "No such file")]
    [TestCase("cat .zstdfs/state", "No such file")]
    [TestCase("mv tmp .zstdfs", "denied|not permitted")]
    [TestCase("ls ann/", "denied")]
    [TestCase("ln roots tmp/l && echo x > tmp/l", "denied|not permitted")]
    [TestCase("mount -t tmpfs none tmp", "only root|permission|must be superuser")]
    public void WhatOnlyRootMayDo_IsRefused(string command, string why)
    {
        ShellResult result = As(Ben, command);
        Assert.That(result.ExitCode, Is.Not.Zero, result.ToString);
        Assert.That(result.Error, Does.Match(why));
        _folder.Unmount();
    }

    [Test]
    public void SetIdBits_AreOfUseForTheirOwnerOnly()
    {
        // A stranger's write takes the bits away; a file in a folder of another group does not get that group's.
        Shell.Get($"cd '{_folder.Mount}/tmp' && install -m 4777 /bin/true setuid && install -d -g 4000 -m 777 theirs");
        Assert.That(As(Ben, "echo x >> tmp/setuid && stat -c %a tmp/setuid").Text, Is.EqualTo("777"));
        Assert.That(As(Ben, "cp /bin/true tmp/own && chmod 6755 tmp/own && stat -c '%u %a' tmp/own").Text,
            Is.EqualTo($"{Ben} 6755"));
        Assert.That(
            As(Ben,
                "cp /bin/true tmp/theirs/x && chgrp 4000 tmp/theirs/x; chmod 2755 tmp/theirs/x && "
                + "stat -c '%g %a' tmp/theirs/x").Text,
            Is.EqualTo($"{Ben} 2755"));
        _folder.Unmount();
    }

    /// <summary>What is not committed has names, which may be secrets of others.</summary>
    [Test]
    public void Status_IsForRootAndTheDaemonsUser()
    {
        Shell.Get(
            $"setpriv --reuid={Ann} --regid={Ann} --clear-groups --inh-caps=-all bash -c 'exec 3> "
            + $"{_folder.Mount}/ann/secret-name; head -c 3000000 /dev/urandom >&3; "
            + $"sleep 30' > /dev/null 2>&1 & echo $! > '{_folder.Source}/../writer'");
        Assert.That(
            Waiting.For(() =>
                _folder.Program("status", _folder.Mount).Output.Contains("secret-name", StringComparison.Ordinal)),
            Is.True);
        string program = TestMachine.Program(ShellUser.Ordinary);
        ShellResult status = As(Ben, $"'{program}' status '{_folder.Mount}'");
        Assert.That(status.Output + status.Error, Does.Not.Contain("secret-name"));
        Assert.That(status.ExitCode, Is.Not.Zero);
        // The ioctl itself.
        Assert.That(
            As(Ben,
                "python3 -c \"import fcntl, os; b = bytearray(12288); "
                + $"fcntl.ioctl(os.open('{_folder.Mount}', os.O_RDONLY), 0xB0007a03, b)\"").Error,
            Does.Contain("not permitted"));
        Shell.Get($"kill $(cat '{_folder.Source}/../writer')");
        Assert.That(Waiting.For(() => _folder.Program("unmount", _folder.Mount).ExitCode == 0), Is.True);
    }

    private ShellResult As(string user, string command) =>
        Shell.Run(["setpriv", $"--reuid={user}", $"--regid={user}", "--clear-groups", "--inh-caps=-all", "bash", "-c",
            $"cd '{_folder.Mount}' && {command}"]);
}
