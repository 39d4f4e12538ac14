using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Source;

/// <summary>
/// A source whose file system keeps whole seconds, as ext4 does in inodes of 128 bytes: users see no fractions that a
/// commit would take away.
/// </summary>
[TestFixture]
internal sealed class WholeSecondTests
{
    private const string Looks = "find . -printf '%p %T@ %C@\\n' | sort";

    [Test]
    public void TimesAreWholeAtOnce_AndNoCommitMovesThem([Values] bool isKilled)
    {
        using LoopImage image = LoopImage.Create("ext4", 64, makeOptions: "-I 128");
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        string mount = folder.Mount;
        Shell.Get($$"""
            cd '{{mount}}' && python3 - <<'END'
            import os, time
            os.mkdir("d")
            for size in (0, 100, 3000000):
                for name in ("written", "set", "set-open", "linked"):
                    fd = os.open(f"d/{name}{size}", os.O_RDWR | os.O_CREAT)
                    os.write(fd, b"x" * size)
                    if name == "linked": os.link(f"d/linked{size}", f"d/link{size}")
                    if name == "set-open": os.utime(fd, ns=(1234567890123456789, 1234567890123456789))
                    s = os.fstat(fd)
                    assert s.st_mtime_ns % 10**9 == 0 and s.st_ctime_ns % 10**9 == 0, (name, size, s)
                    os.close(fd)
                    if name == "set": os.utime(f"d/set{size}", ns=(1234567890123456789, 1234567890123456789))
            END
            """);
        string written = Look(folder);
        Assert.That(written, Does.Not.Match(@"\.0*[1-9]"), "whole seconds");
        // In a later second, content that waits for its commit beside the rest.
        Shell.Get($"cd '{mount}' && sleep 1.1 && echo y >> d/set100 && "
            + "head -c 2000000 /dev/urandom >> d/linked3000000");
        string before = Look(folder);
        Assert.That(before, Does.Not.Match(@"\.0*[1-9]"), "whole seconds");
        if (isKilled)
        {
            folder.Crash();
            folder.Start();
            Assert.That(Look(folder), Is.EqualTo(before), "after the kill");
        }
        Shell.Get("sleep 1.1");
        Assert.That(folder.Program("sync", mount).ExitCode, Is.Zero);
        Assert.That(Look(folder), Is.EqualTo(before), "after the commit");
        folder.Remount();
        Assert.That(Look(folder), Is.EqualTo(before), "after a remount");
        Shell.Get($"cd '{mount}' && chmod 600 d/written100 && sleep 1.1 && chmod 640 d/written3000000");
        string changed = Look(folder);
        Assert.That(changed, Is.Not.EqualTo(before));
        folder.Remount();
        Assert.That(Look(folder), Is.EqualTo(changed), "after changes of attributes");
        folder.Unmount();
    }

    /// <summary>The change comes in the second of the commit, and behind the window that the record names.</summary>
    [Test]
    public void AttributesChangedRightAfterACommit_KeepTheirTime()
    {
        using LoopImage image = LoopImage.Create("ext4", 64, makeOptions: "-I 128");
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        Shell.Get($"""
            cd '{folder.Mount}' && python3 - <<'END'
            import os, subprocess, time
            for name in ("f", "g"):
                fd = os.open(name, os.O_RDWR | os.O_CREAT)
                os.write(fd, b"x" * (100 if name == "f" else 3000000))
                time.sleep((0.2 - time.time()) % 1 + 1)
                os.close(fd)
                subprocess.run(["{TestMachine.Program(ShellUser.Same)}", "sync", "."], check=True)
                time.sleep(0.1)
                os.chmod(name, 0o600)
            END
            """);
        string before = Look(folder);
        folder.Remount();
        Assert.That(Look(folder), Is.EqualTo(before));
        folder.Unmount();
    }

    private static string Look(MountedFolder folder) =>
        Shell.Get($"cd '{folder.Mount}' && find . -exec stat --cached=never -c %n {{}} + > /dev/null && {Looks}");
}
