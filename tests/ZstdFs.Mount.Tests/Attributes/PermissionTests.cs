using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Attributes;

/// <summary>Root mounts for all; two users are each stopped where the modes stop them, and nowhere else.</summary>
[TestFixture]
internal sealed class PermissionTests
{
    private const string Ann = "2001", Ben = "2002", Shared = "3000";
    private string _control = "";
    private MountedFolder? _folder;

    private MountedFolder Folder => _folder ?? throw new InvalidOperationException("not mounted");

    [SetUp]
    public void MountForAll()
    {
        TestMachine.RequireRoot("becoming other users");
        _folder = MountedFolder.Create(new MountSetup { Options = ["-o", "allow_other"] });
        _control = TestMachine.CreateFolder();
        Everywhere(
            $"mkdir ann ben shared && chown {Ann}:{Ann} ann && chown {Ben}:{Ben} ben && chmod 700 ann ben && "
            + $"chown {Ann}:{Shared} shared && chmod 2770 shared && mkdir -m 1777 tmp");
    }

    [TearDown]
    public void Unmount()
    {
        _folder?.Dispose();
        Shell.Run($"rm -rf --one-file-system -- '{_control}'");
    }

    // Each line: user, command, whether it works. Told in this order, on the mount and in an ordinary folder.
    private static readonly (string User, string Command, bool Works)[] Steps =
    [
        (Ann, "echo mine > ann/f", true),
        (Ben, "cat ann/f", false),
        (Ben, "ls ann", false),
        (Ben, "echo x > ann/g", false),
        (Ann, "echo both > shared/f && chmod 660 shared/f", true),
        (Ben, "echo more >> shared/f", true),
        (Ben, "chmod 600 shared/f", false),
        (Ben, "chown 2002 shared/f", false),
        (Ben, "touch -d @1 shared/f", false),
        (Ben, "touch shared/f", true),
        (Ben, "truncate -s 3 shared/f", true),
        (Ann, "chmod 640 shared/f", true),
        (Ben, "cat shared/f", true),
        (Ben, "echo x >> shared/f", false),
        (Ben, "truncate -s 0 shared/f", false),
        (Ben, "setfattr -n user.a -v b shared/f", false),
        (Ann, "setfacl -m u:2002:rw shared/f", true),
        (Ben, "echo x >> shared/f", true),
        (Ann, "echo a > tmp/a", true),
        (Ben, "rm -f tmp/a", false),
        (Ben, "mv tmp/a tmp/b", false),
        (Ben, "cat tmp/a", true),
        (Ben, "echo x > top", false),
        (Ben, "mkdir top", false),
        (Ben, "ln -s a tmp/link && rm tmp/link", true),
        (Ann, "chmod 000 tmp/a", true),
        (Ann, "cat tmp/a", false),
        (Ann, "chmod 600 tmp/a && cat tmp/a", true),
        (Ann, "chgrp 3000 tmp/a", true),
        (Ann, "chgrp 2002 tmp/a", false),
        (Ben, "rm -f shared/f", true),
    ];

    [Test]
    public void TwoUsers_AreStoppedWhereTheModesStopThem()
    {
        foreach ((string user, string command, bool works) in Steps)
        {
            Assert.That(As(user, _control, command).ExitCode == 0, Is.EqualTo(works),
                $"the control itself: {user}: {command}");
            ShellResult result = As(user, Folder.Mount, command);
            Assert.That(result.ExitCode == 0, Is.EqualTo(works), $"{user}: {command}: {result}");
        }
        AssertSame();
        Folder.Remount();
        AssertSame();
        Folder.Unmount();
    }

    [Test]
    public void WhatAUserMakes_BelongsToTheUserAndInASetGidFolderToItsGroup()
    {
        foreach (string ground in new[] { Folder.Mount, _control })
        {
            Assert.That(As(Ben, ground,
                "umask 027 && echo x > shared/f && mkdir shared/d && echo y > tmp/g && mkfifo tmp/p && "
                + "ln -s x tmp/l && stat -c '%u:%g %a' shared/f shared/d tmp/g tmp/p tmp/l").Text,
                Is.EqualTo(
                    $"{Ben}:{Shared} 640\n{Ben}:{Shared} 2750\n{Ben}:{Ben} 640\n{Ben}:{Ben} 640\n{Ben}:{Ben} 777"),
                    ground);
        }
        Assert.That(Shell.Get($"stat -c '%u:%g %a' '{Folder.Source}/shared/f.zst'"), Is.EqualTo($"{Ben}:{Shared} 640"));
        Folder.Unmount();
    }

    [Test]
    public void DefaultAclOfAFolder_IsInherited()
    {
        Everywhere("setfacl -d -m u:2002:rw,o::- tmp");
        foreach (string ground in new[] { Folder.Mount, _control })
            Assert.That(As(Ann, ground, "umask 077; echo x > tmp/f && mkdir tmp/d && getfacl -cp tmp/f tmp/d").Text,
                Does.Contain("user:2002:rw-"), ground);
        AssertSame();
        Assert.That(As(Ben, Folder.Mount, "echo y >> tmp/f && cat tmp/f").Text, Is.EqualTo("x\ny"));
        Folder.Unmount();
    }

    private void Everywhere(string script)
    {
        Shell.Get($"cd '{Folder.Mount}' && {script}");
        Shell.Get($"cd '{_control}' && {script}");
    }

    private void AssertSame()
    {
        const string look = "find . -mindepth 1 -printf '%P %y %m %U:%G %s\\n' | LC_ALL=C sort; "
            + "find . -mindepth 1 ! -type l | LC_ALL=C sort | xargs getfacl -p --";
        Assert.That(Shell.Get($"cd '{Folder.Mount}' && {look}"), Is.EqualTo(Shell.Get($"cd '{_control}' && {look}")));
    }

    private static ShellResult As(string user, string folder, string command) =>
        Shell.Run(["setpriv", $"--reuid={user}", $"--regid={user}", $"--groups={user},{Shared}", "--inh-caps=-all",
            "bash", "-c", $"cd '{folder}' && {command}"]);
}
