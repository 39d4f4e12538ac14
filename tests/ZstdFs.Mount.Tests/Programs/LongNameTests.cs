using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>
/// File names of 252 to 255 bytes, which leave no room for the suffix: stored under a shortened name, the whole one in
/// an attribute.
/// </summary>
internal sealed class LongNameTests(Ground ground) : GroundTests(ground)
{
    [Test]
    public void LongNames_AreNamesLikeOthers()
    {
        Python(
            """
            import os
            names = [c * n for c in "ab"
                for n in (250, 251, 252, 253, 254, 255)] + ["€" * 84, "€" * 85, "n" * 251 + ".zst", "n" * 250 + ".zst"]
            for n in names:
                with open(n, "w") as f: f.write("content of " + n)
            assert sorted(os.listdir(".")) == sorted(names)
            for n in names:
                with open(n) as f: assert f.read() == "content of " + n
                with open(n, "r+") as f: f.write("CONTENT")
                os.utime(n, (1, 2)); os.setxattr(n, "user.a", b"b"); os.chmod(n, 0o444)
                assert os.listxattr(n) == ["user.a"]
            os.mkdir("d")
            for n in names: os.rename(n, "d/" + n)
            for n in names: assert os.stat("d/" + n).st_mtime == 2
            os.rename("d", "e" * 255)
            for n in names[::2]: os.unlink("e" * 255 + "/" + n)
            assert sorted(os.listdir("e" * 255)) == sorted(names[1::2])
            os.rename("e" * 255 + "/" + names[1], "r" * 254); os.rename("r" * 254, "r" * 255)
            os.symlink("t", "s" * 255); os.mkfifo("p" * 255)
            """);
        AssertKept();
    }

    [Test]
    public void Renames_GoFromEveryLengthToEveryLength()
    {
        Python(
            """
            import ctypes, os
            libc = ctypes.CDLL(None)
            def exchange(a, b): assert libc.renameat2(-100, a.encode(), -100, b.encode(), 2) == 0
            long, other, short = "l" * 255, "o" * 252, "short"
            def put(n, content):
                with open(n, "w") as f: f.write(content)
            def have(**wanted):
                names = {"long": long, "other": other, "short": short}
                assert sorted(os.listdir(".")) == sorted(names[k] for k in wanted), os.listdir(".")
                for k, v in wanted.items():
                    with open(names[k]) as f: assert f.read() == v, (k, v)
            put(short, "1"); os.rename(short, long); have(long="1")
            os.rename(long, other); have(other="1")
            put(long, "2"); have(long="2", other="1")
            exchange(long, other); have(long="1", other="2")
            put(short, "3"); exchange(short, long); have(short="1", long="3", other="2")
            os.rename(other, long); have(short="1", long="2")
            os.mkdir("d"); os.rename("d", "m" * 255); exchange("m" * 255, long)
            os.rename("m" * 255, other); os.rmdir(long); have(short="1", other="2")
            with open(other, "w") as f:
                f.write("4"); f.flush(); os.rename(other, long); f.write("5")
            have(short="1", long="45")
            """);
        AssertKept();
    }

    [Test]
    public void HardLinks_HaveLongNamesOfTheirOwn()
    {
        Python(
            """
            import os
            names = [c * 255 for c in "abcdef"]
            os.mkdir("d")
            with open("short", "w") as f: f.write("x" * 100)
            for n in names: os.link("short", n); os.link(n, "d/" + n)
            os.unlink("short")
            with open(names[3], "a") as f: f.write("more")
            assert sorted(os.listdir("d")) == names and sorted(os.listdir(".")) == sorted(names + ["d"])
            os.rename(names[0], "g" * 254); os.unlink(names[1])
            assert sorted(os.listdir("d")) == names
            assert {os.stat("d/" + n).st_ino for n in names} == {os.stat("g" * 254).st_ino}
            assert os.stat("g" * 254).st_nlink == 11
            for n in names:
                with open("d/" + n) as f: assert f.read() == "x" * 100 + "more"
            """);
        AssertKept();
    }

    [TestCase("link")]
    [TestCase("rename")]
    [TestCase("exchange")]
    [TestCase("another folder")]
    public void LongNamesThatWent_LeaveRoomForOthers(string kind)
    {
        string script =
            $$"""
            import ctypes, os, sys
            libc = ctypes.CDLL(None)
            def long(i): return "%02d" % i + "m" * 253
            def link(i): os.link("f", long(i)); os.unlink(long(i - 1))
            def rename(i): os.rename(long(i - 1), long(i))
            def exchange(i):
                assert libc.renameat2(-100, b"x", -100, long(i - 1).encode(), 2) == 0
                os.rename(long(i - 1), long(i))
                assert libc.renameat2(-100, b"x", -100, long(i).encode(), 2) == 0
            def folder(i):
                here, there = ("", "d/")[::1 if i % 2 else -1]
                os.rename(here + long(i - 1), there + long(i))
            step = {"link": link, "rename": rename, "exchange": exchange, "another folder": folder}["{{kind}}"]
            first = int(open("$outside/first").read())
            if first == 0:
                os.mkdir("d")
                with open("f", "w") as f: f.write("content")
                with open("x", "w") as f: f.write("other")
                os.link("f", long(0)); os.link("f", "d/kept" + "k" * 249)
            for i in range(first + 1, first + 31): step(i)
            for n in ("f", long(first + 30), "d/kept" + "k" * 249):
                with open(n) as f: assert f.read() == "content", n
            assert os.stat("f").st_nlink == 3
            """;
        foreach (int first in new[] { 0, 30 })
        {
            File.WriteAllText(Path.Combine(Outside, "first"), $"{first}");
            Python(script.Replace("$outside", Outside, StringComparison.Ordinal));
            AssertKept();
        }
    }

    /// <summary>
    /// A new mount has not met the file under its names in other folders. What is left of them is found in the
    /// source, and what is in use stays.
    /// </summary>
    [Test]
    public void LongNamesThatWent_LeaveRoom_ThoughOtherLinksAreNotKnown()
    {
        Python(
            """
            import os
            os.makedirs("d/e")
            with open("f", "w") as f: f.write("content")
            os.link("f", "d/" + "o" * 255); os.link("f", "d/e/" + "p" * 254); os.link("f", "d/e/" + "o" * 255)
            os.link("f", "00" + "m" * 253)
            """);
        for (int first = 0; first < 60; first += 20)
        {
            Remount();
            Python(
                $$"""
                import os
                def long(i): return "%02d" % i + "m" * 253
                for i in range({{first}}, {{first}} + 20, 2):
                    os.link("f", long(i + 1)); os.unlink(long(i))
                    os.rename(long(i + 1), long(i + 2))
                assert os.stat("f").st_nlink == 5
                """);
        }
        Assert.That(Bash("ls d/e; ls d | grep o; cat d/e/p*"),
            Is.EqualTo($"{new string('o', 255)}\n{new string('p', 254)}\n{new string('o', 255)}\ncontent"));
        // As many names as there is room for are in use: the next is refused, and none is given up for it.
        if (FileSystem is null or "ext4")
            Python(
                """
                import errno, os
                made = 0
                try:
                    while made < 40: os.link("f", "d/n%02d" % made + "m" * 252); made += 1
                except OSError as e: assert e.errno == errno.EMLINK, e
                names = sorted(os.listdir("d"))
                assert len(names) == made + 2 and all(n == "e" or len(n) == 255 for n in names), names
                os.unlink("d/n00" + "m" * 252)
                os.link("f", "d/again" + "m" * 248)
                """);
        AssertKept();
    }

    [Test]
    public void UnnamedFile_IsLinkedToALongName()
    {
        Python(
            """
            import ctypes, os
            fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
            os.write(fd, b"content")
            assert ctypes.CDLL(None).linkat(-100, b"/proc/self/fd/%d" % fd, -100, b"l" * 255, 0x400) == 0
            os.close(fd)
            assert os.listdir(".") == ["l" * 255] and open("l" * 255).read() == "content"
            """);
        AssertKept();
    }

    [TestCase("tar", "tar cf - * | tar xf - -C ../copy")]
    [TestCase("rsync", "rsync -a ./ ../copy/")]
    [TestCase("cp", "cp -a . ../copy/")]
    public void Program_CopiesLongNames(string program, string command)
    {
        Bash("mkdir original copy && cd original && for n in 245 248 251 252 255; do echo $n > $(printf '%0*d' $n 7); "
            + $"done && ln -s t $(printf '%0*d' 255 8) && mkdir $(printf '%0*d' 255 9) && {command} && cd .. && "
            + $"diff -r --no-dereference original copy && echo '{program}'");
        AssertKept();
    }
}
