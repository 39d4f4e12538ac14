using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.CommandLine;

/// <summary>A user without any privilege mounts, works with ordinary programs, and unmounts.</summary>
[TestFixture]
internal sealed class OrdinaryUserWorkTests
{
    [Test]
    public void DaysWork_IsAllInTheSource()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { User = ShellUser.Ordinary });
        Shell.Get(
            $$"""
            set -euo pipefail; export HOME=/nonexistent; cd '{{folder.Mount}}'
            mkdir -p project/sub && cd project
            git init -q . && git config user.email a@b.c && git config user.name n
            for i in $(seq 30); do seq $((i * 100)) > sub/file$i; done
            chmod 600 sub/file1; ln -s file2 sub/link; umask 077; echo private > private; umask 022
            sed -i s/5/five/ sub/file3 && mv sub/file4 four && rm sub/file5
            git add -A && git commit -qm first && git fsck --full && [ -z "$(git status --porcelain)" ]
            git gc -q && git clone -q . clone && rm -rf clone
            for i in 1 2 3; do
                (umask 0777; seq 1000 > none$i; seq 200000 > none-large$i)
                (umask 0222; seq 1000 > locked$i; seq 200000 > locked-large$i)
            done
            [ "$(stat -c '%a %s' locked2 none-large2)" = "$(printf '444 3893\n0 1288895')" ] &&
                [ "$(tail -1 locked-large3)" = 200000 ] && chmod u+r none*
            sqlite3 db 'pragma journal_mode=wal; create table t(x); insert into t values (1);' > /dev/null
            tar -cf all.tar sub && mkdir out && tar -xf all.tar -C out && diff -r sub out/sub
            head -c 3000000 /dev/urandom > random && truncate -s 2000000 random
            touch -d @1234567890.5 random && setfattr -n user.a -v b random
            ! chown 0 random 2> /dev/null && ! touch /root/x 2> /dev/null
            """, TimeSpan.FromMinutes(2), ShellUser.Ordinary);
        folder.Remount();
        Assert.That(Shell.Get(
            $"cd '{folder.Mount}/project' && HOME=/nonexistent git fsck --full && "
            + "sqlite3 db 'pragma integrity_check' && stat -c '%a %s %.1Y' random private && diff -r sub out/sub",
            user: ShellUser.Ordinary),
            Is.EqualTo("ok\n644 2000000 1234567890.5\n600 8 "
                + Shell.Get($"stat -c %.1Y '{folder.Source}/project/private.zst'")));
        // Root sees the source, not the mount.
        Shell.Get(
            $"cd '{folder.Source}' && [ -z \"$(find . ! -user 65534)\" ] && "
            + "find . -name '*.zst' -print0 | xargs -0 zstd -qt");
        folder.Unmount();
    }

    [Test]
    public void ReadOnlyFileOfTheUsersOwn_CanBeReplacedButNotWritten()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { User = ShellUser.Ordinary });
        Assert.That(
            Shell.Run($"cd '{folder.Mount}' && echo a > f && chmod 444 f && echo b >> f",
                user: ShellUser.Ordinary).Error,
            Does.Contain("Permission denied"));
        Assert.That(
            Shell.Get($"cd '{folder.Mount}' && echo new > g && mv -f g f && cat f && chmod 000 f && rm -f f && ls",
                user: ShellUser.Ordinary),
            Is.EqualTo("new"));
        folder.Unmount();
    }

    /// <summary>
    /// The daemon may not read such a file, nor its attributes. It knows all the same what users saw of the file.
    /// </summary>
    [Test]
    public void FileThatItsOwnerMayNotRead_KeepsNumberLengthAndBirth()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { User = ShellUser.Ordinary });
        string Look() => Shell.Get(
            $"cd '{folder.Mount}' && stat --cached=never -c '%n %s %i %.9W' *", user: ShellUser.Ordinary);
        Shell.Get(
            $"""
            set -e; cd '{folder.Mount}'
            seq 2000 > small; seq 300000 > large; : > empty; seq 300 > linked; ln linked link; seq 400 > touched
            (umask 0777; seq 50 > made; seq 200000 > made-large; : > made-empty)
            exec 5>>open; seq 100 >&5
            '{TestMachine.Program(ShellUser.Ordinary)}' sync .
            """, user: ShellUser.Ordinary);
        string before = Look();
        Assert.That(before, Does.Contain("small 8893 ").And.Contain("made 141 ").And.Contain("made-large 1288895 "));
        Shell.Get(
            $"""
            set -e; cd '{folder.Mount}'
            chmod 0200 small linked; chmod 0 large empty touched; touch -d @1000000000.5 touched; chmod 0044 open
            """, user: ShellUser.Ordinary);
        Assert.That(Look(), Is.EqualTo(before), "without the right");
        for (int round = 0; round < 2; round++)
        {
            folder.Remount();
            Assert.That(Look(), Is.EqualTo(before), "after a remount");
        }
        Assert.That(Shell.Run($"cat '{folder.Mount}/small'", user: ShellUser.Ordinary).Error,
            Does.Contain("Permission denied"));
        Shell.Get($"cd '{folder.Mount}' && mv large moved && chmod 600 * && mv moved large", user: ShellUser.Ordinary);
        Assert.That(Look(), Is.EqualTo(before), "with the right again");
        Assert.That(
            Shell.Get($"cd '{folder.Mount}' && tail -n 1 small large linked touched made-large open | xargs",
                user: ShellUser.Ordinary),
            Does.Contain("2000").And.Contain("300000").And.Contain("400").And.Contain("200000"));
        folder.Unmount();
        Assert.That(folder.Program("check", folder.Source).ExitCode, Is.Zero);
    }

    /// <summary>Only root may take the mark off for a commit: what could never be stored is refused at once.</summary>
    [Test]
    public void AppendOnlyFile_IsReadButNotAppendedTo()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { User = ShellUser.Ordinary },
            source => Shell.Get(
                $"cd '{source}' && echo log | zstd -q > f.zst && chown 65534:65534 f.zst && chattr +a f.zst"));
        try
        {
            Assert.That(Shell.Get($"cat '{folder.Mount}/f'", user: ShellUser.Ordinary), Is.EqualTo("log"));
            Assert.That(Shell.Run($"echo more >> '{folder.Mount}/f'", user: ShellUser.Ordinary).Error,
                Does.Contain("Operation not permitted"));
            folder.Unmount();
        }
        finally
        {
            Shell.Run($"chattr -a '{folder.Source}/f.zst'");
        }
    }

    /// <summary>A folder without read permission cannot be opened to be synchronised.</summary>
    [Test]
    public void FolderThatMayNotBeRead_KeepsAndStoresWhatIsWrittenInIt()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { User = ShellUser.Ordinary });
        Shell.Get(
            $"""
            set -e; cd '{folder.Mount}'; mkdir d; chmod 300 d
            for round in 1 2 3; do
                for size in 2000 3000000; do
                    head -c $size /dev/urandom > new; dd if=new of=d/f$size bs=100k conv=fsync status=none
                    dd if=new of=d/f$size bs=100k seek=1 conv=fsync,notrunc status=none; sync d/f$size
                done
                '{TestMachine.Program(ShellUser.Ordinary)}' sync .
            done
            """, user: ShellUser.Ordinary);
        folder.Remount();
        Assert.That(
            Shell.Get($"stat -c %s '{folder.Mount}'/d/f2000 '{folder.Mount}'/d/f3000000", user: ShellUser.Ordinary),
            Is.EqualTo("104400\n3102400"));
        folder.Unmount();
    }

    [Test]
    public void FileOfAnotherOwnerInTheSource_IsAsOutOfReachAsItIs()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { User = ShellUser.Ordinary },
            source => Shell.Get(
                $"cd '{source}' && echo secret | zstd -q > secret.zst && chmod 600 secret.zst && "
                + "echo public | zstd -q > public.zst"));
        Assert.That(Shell.Get($"cat '{folder.Mount}/public'", user: ShellUser.Ordinary), Is.EqualTo("public"));
        Assert.That(Shell.Run($"cat '{folder.Mount}/secret'", user: ShellUser.Ordinary).Error,
            Does.Contain("Permission denied"));
        Assert.That(Shell.Run($"echo x >> '{folder.Mount}/public'", user: ShellUser.Ordinary).Error,
            Does.Contain("Permission denied"));
        Assert.That(Shell.Get($"ls '{folder.Mount}'", user: ShellUser.Ordinary), Is.EqualTo("public\nsecret"));
        folder.Unmount();
    }

    [Test]
    public void AllowOtherOfAnOrdinaryUser_NeedsTheLineInFuseConf()
    {
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { User = ShellUser.Ordinary });
        ShellResult mounted = folder.Program("mount", "-o", "allow_other", folder.Source, folder.Mount);
        if (Shell.Run("grep -qx user_allow_other /etc/fuse.conf").ExitCode == 0)
        {
            Assert.That(mounted.ExitCode, Is.Zero, mounted.ToString);
            Assert.That(MountTableView.TypeOf(folder.Mount), Is.EqualTo("fuse.zstdfs"));
            return;
        }
        Assert.That(mounted.ExitCode, Is.EqualTo(5), mounted.ToString);
        Assert.That(mounted.Error, Does.Match("^zstdfs: [^\n]*user_allow_other[^\n]*\n$"));
        Assert.That(MountTableView.TypeOf(folder.Mount), Is.Null);
    }

    [Test]
    public void UnmountByAnotherUser_IsRefused()
    {
        TestMachine.RequireRoot("a mount of root's");
        using MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["-o", "allow_other"] });
        ShellResult unmounted =
            Shell.Run([TestMachine.Program(ShellUser.Ordinary), "unmount", folder.Mount], user: ShellUser.Ordinary);
        Assert.That(unmounted.ExitCode, Is.Not.Zero, unmounted.ToString);
        Assert.That(unmounted.Error, Does.Match("^zstdfs: [^\n]+\n$"));
        Assert.That(MountTableView.TypeOf(folder.Mount), Is.EqualTo("fuse.zstdfs"));
        folder.Unmount();
    }
}
