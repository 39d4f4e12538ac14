using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Attributes;

/// <summary>
/// Mode, owner, times, attributes and inode number stay with a file that is rewritten, and changes to them while it is
/// open.
/// </summary>
internal sealed class MetadataTests(Ground ground) : GroundTests(ground)
{
    private const string Look =
        "stat -c '%a %u:%g %i %h' f && getfattr --only-values -n user.colour f && getfacl -cp f";

    [TestCase("echo more >> f")]
    [TestCase("echo new > f")]
    [TestCase("truncate -s 2M f")]
    [TestCase("printf x | dd of=f bs=1 seek=700000 conv=notrunc status=none")]
    public void Rewrite_KeepsModeOwnerAttributesAndNumber(string rewrite)
    {
        if (IsForRootOnly("owners", "chown 12:34 refused"))
            return;
        Bash("seq 300000 > f && chmod 2751 f && chown 12:34 f && chmod 2751 f && "
            + "setfattr -n user.colour -v green f && setfacl -m u:77:rw f");
        string before = Bash(Look);
        // Root's write keeps set-id bits; so it does on ext4.
        Bash(rewrite);
        Assert.That(Bash(Look), Is.EqualTo(before));
        Remount();
        Assert.That(Bash(Look), Is.EqualTo(before));
        AssertKept();
    }

    [Test]
    public void TimeSetAfterARewrite_StaysToTheNanosecond()
    {
        Bash("echo a > f && touch -d @1111111111.222333444 f && echo b > f && touch -d @1222222222.333444555 f");
        Assert.That(Bash("stat -c %.9Y f"), Is.EqualTo("1222222222.333444555"));
        Remount();
        Assert.That(Bash("stat -c %.9Y f; cat f"), Is.EqualTo("1222222222.333444555\nb"));
    }

    [TestCase(10)]
    [TestCase(3_000_000)]
    public void ChangesWhileOpenAndDirty_OutliveTheClose(int size)
    {
        if (IsForRootOnly("owners", "chown 12:34 refused"))
            return;
        Python(
            $$"""
            import os
            fd = os.open("f", os.O_RDWR | os.O_CREAT, 0o644)
            os.write(fd, b"x" * {{size}})
            os.fchmod(fd, 0o4711); os.fchown(fd, 5, 6); os.fchmod(fd, 0o4711)
            os.setxattr(fd, "user.colour", b"red")
            os.utime(fd, ns=(10**18 + 1, 10**18 + 123456789))
            os.close(fd)
            """);
        const string look = "stat -c '%a %u:%g %.9Y' f && getfattr --only-values -n user.colour f";
        Assert.That(Bash(look), Is.EqualTo("4711 5:6 1000000000.123456789\nred"));
        AssertKept();
        Assert.That(Bash(look), Is.EqualTo("4711 5:6 1000000000.123456789\nred"));
    }

    [Test]
    public void ChangeTime_MovesWithEveryChange()
    {
        Bash("echo a > f");
        foreach (string change in new[] { "chmod 600 f", "echo b >> f", "touch -d @1000000000 f",
            "setfattr -n user.a -v b f", "ln f g", "rm g", "mv f f2 && mv f2 f" })
        {
            string before = Bash("stat -c %.9Z f");
            Bash($"sleep 0.02; {change}");
            Assert.That(Bash("stat -c %.9Z f"), Is.Not.EqualTo(before), change);
        }
        AssertKept();
    }

    [Test]
    public void FolderTime_MovesOnlyWhenItsNamesDo()
    {
        Bash("mkdir d && echo a > d/f && touch -d @1000000000 d && echo b > d/f && echo c >> d/f && cat d/f && "
            + "sync d/f");
        Assert.That(Bash("stat -c %Y d"), Is.EqualTo("1000000000"), "rewriting a file changed its folder's time");
        Bash("touch d/g");
        Assert.That(Bash("stat -c %Y d"), Is.Not.EqualTo("1000000000"));
        AssertKept();
    }

    [Test]
    public void OrdinaryUsersWrite_ClearsTheSetIdBits()
    {
        TestMachine.RequireRoot("becoming an ordinary user");
        if (User == ShellUser.Ordinary)
        {
            Assert.That(Bash("echo a > f && chmod 6777 f && stat -c %a f && echo b >> f && stat -c '%a %s' f"),
                Is.EqualTo("6777\n777 4"), "the owner's own write");
            return;
        }
        if (OnMount)
        {
            Mounted.Unmount();
            using MountedFolder folder =
                MountedFolder.Create(new MountSetup { Options = ["-o", "allow_other"], SourceParent = SourceParent });
            Assert.That(ModeAfterWrite(folder.Mount), Is.EqualTo("777 4"));
            Assert.That(Shell.Get($"stat -c %a '{folder.Source}/f.zst'"), Is.EqualTo("777"));
            folder.Unmount();
            Mounted.Start();
        }
        else
        {
            Assert.That(ModeAfterWrite(Folder), Is.EqualTo("777 4"));
        }

        static string ModeAfterWrite(string folder)
        {
            Shell.Get($"cd '{folder}' && echo a > f && chmod 6777 f");
            Shell.Get($"echo b >> '{folder}/f'", user: ShellUser.Ordinary);
            // Asked for the mode alone, Linux 6.18 answers from its cache for a second; with the size it asks the
            // daemon.
            return Shell.Get($"stat -c '%a %s' '{folder}/f'");
        }
    }
}
