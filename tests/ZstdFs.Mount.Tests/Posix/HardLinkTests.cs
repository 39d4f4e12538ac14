using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>A hard link that nobody has looked up is a name all the same.</summary>
internal sealed class HardLinkTests(Ground ground) : GroundTests(ground)
{
    [Test]
    public void File_ThatLosesTheOnlyNameLookedUp_KeepsWhatIsWrittenUnderTheOther(
        [Values(5, 2_000_000)] int size, [Values("unlink", "rename")] string how, [Values] bool synchronises)
    {
        Bash("mkdir d; seq 100 > a; ln a d/b; echo other > x");
        Remount();
        Python(
            $$"""
            import os
            content = os.urandom({{size}})
            fd = os.open("a", os.O_RDWR)
            os.pwrite(fd, content, 3)
            if "{{how}}" == "unlink": os.unlink("a")
            else: os.rename("x", "a")
            assert os.fstat(fd).st_nlink == 1, os.fstat(fd)
            os.pwrite(fd, b"later", 1)
            os.fchmod(fd, 0o640)
            if {{(synchronises ? "True" : "False")}}: os.fsync(fd)
            os.close(fd)
            open("expected", "wb").write(content)
            """);
        // Nobody has looked the other name up when the mount ends.
        Remount();
        Python(
            """
            import os
            old = b"".join(b"%d\n" % n for n in range(1, 101))
            new = open("expected", "rb").read()
            expected = old[:3] + new + old[3 + len(new):]
            expected = expected[:1] + b"later" + expected[6:]
            assert open("d/b", "rb").read() == expected
            s = os.stat("d/b")
            assert (s.st_nlink, s.st_mode & 0o7777) == (1, 0o640), s
            """);
        AssertKept();
    }

    [Test]
    public void File_ThatWasReplacedSinceAnEarlierNameWent_KeepsWhatIsWrittenUnderNamesThatAreForgotten()
    {
        Bash("seq 100 > a; ln a b");
        Remount();
        Python(
            """
            import os
            keep = os.open("a", os.O_RDONLY)
            fd = os.open("a", os.O_RDWR)
            os.unlink("a")
            os.stat("b")
            os.write(fd, b"X")
            os.close(fd)
            # More names than are remembered of a file.
            for i in range(20): os.link("b", f"c{i}")
            fd = os.open("b", os.O_RDWR)
            os.unlink("b")
            for i in range(4, 20): os.unlink(f"c{i}")
            os.write(fd, b"YZ")
            os.fsync(fd)
            os.close(fd)
            os.close(keep)
            """);
        Remount();
        Assert.That(Bash("for i in 0 1 2 3; do head -c 2 c$i; echo; done"), Is.EqualTo("YZ\nYZ\nYZ\nYZ"));
    }

    [Test]
    public void File_ThatLosesItsOtherNameToo_IsGone([Values(5, 2_000_000)] int size)
    {
        Bash("mkdir d; seq 100 > a; ln a d/b");
        Remount();
        Python(
            $$"""
            import os
            fd = os.open("a", os.O_RDWR)
            os.pwrite(fd, b"x" * {{size}}, 0)
            os.unlink("a")
            os.pwrite(fd, b"y" * {{size}}, 0)
            os.unlink("d/b")
            assert os.fstat(fd).st_nlink == 0
            os.pwrite(fd, b"z", 0)
            assert os.pread(fd, 3, 0) == b"zyy"
            os.close(fd)
            assert os.listdir(".") == ["d"] and os.listdir("d") == []
            """);
        if (!OnMount)
            return;
        Remount();
        Assert.That(Directory.GetFiles(Mounted.Source, "*", SearchOption.AllDirectories).Select(Path.GetFileName),
            Has.None.StartsWith("copy-").And.None.StartsWith("redo-").And.None.EndsWith(".zst"));
    }
}
