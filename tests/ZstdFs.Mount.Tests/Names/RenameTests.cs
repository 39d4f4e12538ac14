using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Names;

/// <summary>Renames of, onto and above files that are open and not yet stored.</summary>
internal sealed class RenameTests(Ground ground) : GroundTests(ground)
{
    private static readonly int[] Sizes = [10, 3_000_000];

    [TestCaseSource(nameof(Sizes))]
    public void OpenDirtyFile_IsStoredUnderItsNewName(int size)
    {
        Python(
            $$"""
            import os
            fd = os.open("f", os.O_RDWR | os.O_CREAT)
            os.write(fd, b"a" * {{size}})
            os.rename("f", "g")
            os.write(fd, b"b")
            assert os.fstat(fd).st_size == {{size}} + 1
            os.mkdir("d"); os.rename("g", "d/h")
            os.write(fd, b"c")
            os.close(fd)
            assert os.listdir(".") == ["d"] and os.listdir("d") == ["h"]
            with open("d/h", "rb") as f: assert f.read() == b"a" * {{size}} + b"bc"
            """);
        AssertKept();
        Assert.That(Bash("find . -type f"), Is.EqualTo("./d/h"));
    }

    [TestCaseSource(nameof(Sizes))]
    public void FolderAboveAnOpenDirtyFile_CarriesItAlong(int size)
    {
        Python(
            $$"""
            import os
            os.makedirs("a/b")
            fd = os.open("a/b/f", os.O_RDWR | os.O_CREAT)
            os.write(fd, b"a" * {{size}})
            os.rename("a", "c")
            os.write(fd, b"b")
            os.mkdir("a")
            os.rename("c/b", "a/moved")
            os.write(fd, b"c")
            os.fsync(fd); os.close(fd)
            with open("a/moved/f", "rb") as f: assert f.read() == b"a" * {{size}} + b"bc"
            assert os.listdir("c") == []
            """);
        AssertKept();
        Assert.That(Bash("find . -type f"), Is.EqualTo("./a/moved/f"));
    }

    [TestCaseSource(nameof(Sizes))]
    public void RenameOntoAnOpenDirtyFile_KeepsTheNewOneThere(int size)
    {
        Python(
            $$"""
            import os
            old = os.open("f", os.O_RDWR | os.O_CREAT)
            os.write(old, b"old" * {{size}})
            with open("g", "wb") as f: f.write(b"new")
            os.rename("g", "f")
            os.write(old, b"more")
            assert os.pread(old, 3, 0) == b"old" and os.fstat(old).st_nlink == 0
            with open("f", "rb") as f: assert f.read() == b"new"
            os.fsync(old); os.close(old)
            with open("f", "rb") as f: assert f.read() == b"new"
            """);
        AssertKept();
        Assert.That(Bash("ls && cat f"), Is.EqualTo("f\nnew"));
    }

    [TestCaseSource(nameof(Sizes))]
    public void DirtyFileRenamedOntoADirtyFile_IsTheOneThatStays(int size)
    {
        Python(
            $$"""
            import os
            a = os.open("a", os.O_RDWR | os.O_CREAT); os.write(a, b"a" * {{size}})
            b = os.open("b", os.O_RDWR | os.O_CREAT); os.write(b, b"b" * {{size}})
            os.rename("a", "b")
            os.write(b, b"lost"); os.write(a, b"kept")
            os.close(a); os.close(b)
            with open("b", "rb") as f: assert f.read() == b"a" * {{size}} + b"kept"
            """);
        AssertKept();
        Assert.That(Bash("ls"), Is.EqualTo("b"));
    }

    [Test]
    public void WriteToATemporaryNameThenRename_AThousandTimes_IsWholeToEveryReader()
    {
        Assert.That(Python(
            """
            import os
            def put(i):
                with open("t", "wb") as f: f.write(b"%d\n" % i * 500); f.flush()
                os.rename("t", "f")
            put(0)
            reader = os.fork()
            if reader == 0:
                last = 0
                while last < 299:
                    with open("f", "rb") as f: d = f.read()
                    now = int(d.split(b"\n", 1)[0])
                    if d != b"%d\n" % now * 500 or now < last: os._exit(1)
                    last = now
                os._exit(0)
            for i in range(1, 300): put(i)
            print(os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]))
            """), Is.EqualTo("0"));
        AssertKept();
    }

    [TestCase("os.mkdir('b'); open('b/inside', 'w').write('inside')", "open('a/inside').read() == 'inside'")]
    [TestCase("os.symlink('nowhere', 'b')", "os.readlink('a') == 'nowhere'")]
    [TestCase("os.mkfifo('b')", "stat.S_ISFIFO(os.lstat('a').st_mode)")]
    public void Exchange_SwapsAFileWithWhatIsNone(string make, string found)
    {
        Python(
            $$"""
            import ctypes, os, stat
            libc = ctypes.CDLL(None, use_errno=True)
            def exchange(a, b): assert libc.renameat2(-100, a, -100, b, 2) == 0, os.strerror(ctypes.get_errno())
            with open("a", "w") as f: f.write("content")
            {{make}}
            numbers = os.lstat("a").st_ino, os.lstat("b").st_ino
            held = open("a", "r+")
            held.seek(0, 2); held.write(" and more"); held.flush()
            exchange(b"a", b"b")
            assert open("b").read() == "content and more" and {{found}}
            assert (os.lstat("b").st_ino, os.lstat("a").st_ino) == numbers
            exchange(b"a", b"b")
            held.write("!"); held.close()
            assert open("a").read() == "content and more!" and (os.lstat("a").st_ino, os.lstat("b").st_ino) == numbers
            """);
        Remount();
        Assert.That(Bash("cat a; ls"), Is.EqualTo("content and more!a\nb"));
    }

    [Test]
    public void Exchange_SwapsContents()
    {
        Python(
            """
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            with open("a", "w") as f: f.write("A")
            with open("b", "w") as f: f.write("B" * 10)
            fd = os.open("a", os.O_RDWR)
            assert libc.renameat2(-100, b"a", -100, b"b", 2) == 0, os.strerror(ctypes.get_errno())
            os.pwrite(fd, b"a", 0); os.close(fd)
            assert open("a").read() == "B" * 10 and open("b").read() == "a"
            assert libc.renameat2(-100, b"a", -100, b"b", 1) == -1 and ctypes.get_errno() == 17
            """);
        AssertKept();
    }

    [TestCase("os.mkfifo('b')", "open('a', 'w').write('x')", "open('b').read() == 'x'")]
    [TestCase("os.symlink('nowhere', 'b')", "open('a', 'w').write('x' * 3000000)", "len(open('b').read()) == 3000000")]
    [TestCase("open('b', 'w').write('x')", "os.symlink('nowhere', 'a')", "os.readlink('b') == 'nowhere'")]
    [TestCase("open('b', 'w').write('x' * 3000000)", "os.mkfifo('a')", "stat.S_ISFIFO(os.lstat('b').st_mode)")]
    public void RenameOverWhatIsStoredAnotherWay_LeavesTheNewOneAlone(string target, string make, string found)
    {
        Python(
            $$"""
            import os, stat
            {{target}}
            {{make}}
            number = os.lstat("a").st_ino
            os.rename("a", "b")
            assert {{found}} and os.listdir(".") == ["b"] and os.lstat("b").st_ino == number
            os.rename("b", "c"); assert os.listdir(".") == ["c"]
            os.rename("c", "b")
            """);
        Remount();
        Assert.That(Bash("ls -A"), Is.EqualTo("b"));
        if (OnMount)
            Assert.That(Shell.Get($"ls -A '{Mounted.Source}' | grep -v zstdfs | wc -l"), Is.EqualTo("1"),
                "what was replaced is not hidden behind it");
        Bash("rm b");
        Assert.That(Bash("ls -A"), Is.Empty);
    }

    [Test]
    public void TargetThatCannotBeRemoved_StaysAndSoDoesTheSource()
    {
        TestMachine.RequireRoot("a bind mount");
        string place = OnMount ? Mounted.Source : Folder;
        Shell.Get($"mkfifo '{place}/p' '{Outside}/q'; mount --bind '{Outside}/q' '{place}/p'");
        try
        {
            Python(
                """
                import errno, os, stat
                with open("f", "w") as f: f.write("content")
                try: os.rename("f", "p"); assert False
                except OSError as e: assert e.errno == errno.EBUSY, e
                assert open("f").read() == "content" and stat.S_ISFIFO(os.lstat("p").st_mode)
                assert sorted(os.listdir(".")) == ["f", "p"]
                """);
        }
        finally
        {
            Shell.Get($"umount '{place}/p'");
        }
        Remount();
        Assert.That(Bash("ls; cat f"), Is.EqualTo("f\np\ncontent"));
    }

    [Test]
    public void FlagsOfRename_AreKeptToOrRefused()
    {
        string told = Python(
            """
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4
            def rename(what, old, new, flags):
                result = libc.renameat2(-100, old, -100, new, flags)
                print(what, os.strerror(ctypes.get_errno()) if result else "done")
            for name in "fgo": open(name, "w").write(name)
            rename("not over another", b"f", b"g", NOREPLACE)
            rename("to a free name", b"f", b"h", NOREPLACE)
            rename("with what is not there", b"h", b"none", EXCHANGE)
            rename("both", b"h", b"g", NOREPLACE | EXCHANGE)
            rename("whiteout and exchange", b"h", b"g", WHITEOUT | EXCHANGE)
            rename("unknown", b"h", b"g", 64)
            print(*sorted(os.listdir(".")), *(open(name).read() for name in "hgo"))
            """);
        Assert.That(told, Is.EqualTo(
            """
            not over another File exists
            to a free name done
            with what is not there No such file or directory
            both Invalid argument
            whiteout and exchange Invalid argument
            unknown Invalid argument
            g h o f g o
            """));
        // A whiteout is for an overlayfs that has its upper folder here: a mount is refused as one, as it is on every
        // file system without them.
        if (OnMount)
            Assert.That(
                Python("import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
                    + "assert libc.renameat2(-100, b'h', -100, b'g', 4)\n"
                    + "print(os.strerror(ctypes.get_errno()), *sorted(os.listdir('.')), open('g').read())"),
                Is.EqualTo("Invalid argument g h o g"));
        AssertKept();
    }
}
