using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.FileSystem;

/// <summary>Plain files that are written through the mount, and by others in the source at the same time.</summary>
[CancelAfter(120_000)]
internal sealed class PlainFileWriteTests
{
    [TestCase(PlainFiles.Show)]
    [TestCase(PlainFiles.Convert)]
    public void Append_GoesBehindWhatOthersHaveAppended(PlainFiles mode)
    {
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = mode }, "printf 'a\\n' > log");
        string both = mounted.Shell("""
            exec 3>>log; echo b >&3; echo c >> "$SRC/log"; echo d >&3; echo e >&3
            cat log; stat -c %s log; cat "$SRC/log"
            """);
        Assert.That(both, Is.EqualTo("a\nb\nc\nd\ne\n10\na\nb\nc\nd\ne\n"));
    }

    /// <summary>
    /// The kernel believed the end to be elsewhere, and has put what was written into its pages there.
    /// </summary>
    [Test]
    public void WhoHasTheFileOpen_ReadsWhatWasAppendedWhereItIs()
    {
        using var mounted =
            new MountedSource(new FileSystemOptions { PlainFiles = PlainFiles.Show }, "printf 'a\\n' > log");
        mounted.Shell("""
            python3 - <<'END'
            import mmap, os
            source = os.environ["SRC"] + "/log"
            fd = os.open("log", os.O_RDWR | os.O_APPEND)
            other = os.open("log", os.O_RDONLY)
            assert os.pread(other, 100, 0) == b"a\n"
            for i in range(50):
                with open(source, "ab") as f: f.write(b"behind %d\n" % i)
                os.write(fd, b"through %d\n" % i)
                expected = open(source, "rb").read()
                assert expected.endswith(b"behind %d\nthrough %d\n" % (i, i)), expected
                assert os.pread(other, 10000, 0) == expected, i
                assert os.pread(fd, 10000, 0) == expected, i
                with mmap.mmap(fd, len(expected), access=mmap.ACCESS_READ) as m: assert m[:] == expected, i
            END
            """);
    }

    /// <summary>fcntl(2) takes O_APPEND away and gives it, and no request but the writes says so.</summary>
    [Test]
    public void AppendFlag_CountsAsItIsAtTheWrite()
    {
        using var mounted =
            new MountedSource(new FileSystemOptions { PlainFiles = PlainFiles.Show }, "echo 0123456789 > f");
        mounted.Shell("""
            python3 - <<'END'
            import fcntl, mmap, os
            source = os.environ["SRC"] + "/f"
            def content(): return open(source, "rb").read()
            fd = os.open("f", os.O_RDWR | os.O_APPEND)
            assert os.pwrite(fd, b"end", 0) == 3 and content() == b"0123456789\nend", content()
            with mmap.mmap(fd, 14) as m: m[0:2] = b"mm"; m.flush()
            assert content() == b"mm23456789\nend", content()
            fcntl.fcntl(fd, fcntl.F_SETFL, 0)
            os.pwrite(fd, b"AB", 4)
            assert content() == b"mm23AB6789\nend", content()
            os.close(fd)
            fd = os.open("f", os.O_WRONLY)
            with open(source, "ab") as f: f.write(b"+behind")
            fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
            os.write(fd, b"+through")
            assert content() == b"mm23AB6789\nend+behind+through", content()
            END
            """);
    }

    /// <summary>The other name is one that the mount has never looked up: all it has is the file.</summary>
    [TestCase(PlainFiles.Show, "rm a")]
    [TestCase(PlainFiles.Show, "mv -f c a")]
    [TestCase(PlainFiles.Convert, "rm a")]
    public void FileWithoutItsName_IsOpenedAsThePlainFileThatItIs(PlainFiles mode, string lose)
    {
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = mode },
            "echo old > a; ln a b; echo other > c");
        // What somebody has open for writing is not converted.
        Assert.That(mounted.Shell($$"""
            exec 8>>"$SRC/b" 3<a; {{lose}}
            cat /proc/self/fd/3
            echo new > /proc/self/fd/3; cat /proc/self/fd/3 "$SRC/b"
            echo more >> /proc/self/fd/3; printf N 1<> /proc/self/fd/3; truncate -s 7 /proc/self/fd/3
            cat /proc/self/fd/3
            exec 3<&-
            """), Is.EqualTo("old\nnew\nnew\nNew\nmor"));
        mounted.Synchronize();
        Assert.That(mounted.Shell("exec 8>&-; cat \"$SRC/b\""), Is.EqualTo("New\nmor"));
    }

    /// <summary>With no other name it is gone with its last user.</summary>
    [Test]
    public void FileWithoutAnyName_IsOpenedAsLongAsSomebodyHasIt()
    {
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = PlainFiles.Show }, "echo old > a");
        Assert.That(mounted.Shell("""
            exec 3<a; rm a; echo new > /proc/self/fd/3; cat /proc/self/fd/3; exec 3<&-
            ls -A "$SRC" | grep -v '^.zstdfs$' || true
            """), Is.EqualTo("new\n"));
    }

    [Test]
    public void AppendOnlyFile_IsAppendedTo()
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("making a file append-only needs root");
        using var mounted =
            new MountedSource(new FileSystemOptions { PlainFiles = PlainFiles.Show }, "echo a > log; chattr +a log");
        try
        {
            Assert.That(mounted.Shell("""
                exec 3>>log; echo b >&3; echo c >> "$SRC/log"; echo d >&3; cat log
                ! echo x > log; ! echo x 1<> log; ! truncate -s 0 log
                python3 - <<'END'
                import errno, fcntl, os
                fd = os.open("log", os.O_WRONLY | os.O_APPEND)
                fcntl.fcntl(fd, fcntl.F_SETFL, 0)
                try: os.pwrite(fd, b"X", 0); print("written")
                except OSError as e: print(errno.errorcode[e.errno])
                END
                cat "$SRC/log"
                """), Is.EqualTo("a\nb\nc\nd\nEPERM\na\nb\nc\nd\n"));
        }
        finally
        {
            mounted.Shell("chattr -a \"$SRC/log\"");
        }
    }

    /// <summary>
    /// Each change by each user of each mode, on a plain file by way of the mount and in an ordinary folder.
    /// </summary>
    [Test]
    public void SetIdBits_GoAsInAnOrdinaryFolder()
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("becoming other users needs root");
        using var mounted =
            new MountedSource(new FileSystemOptions { PlainFiles = PlainFiles.Show }, "mkdir ../control; chmod 755 ..");
        mounted.Shell("""
            python3 - <<'END'
            import ctypes, fcntl, os
            libc = ctypes.CDLL(None, use_errno=True)
            # The file system serves in the process that started this one, on threads whose capabilities outlast a
            # change of user.
            PR_SET_SECUREBITS = 28
            assert libc.prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) == 0
            source = os.environ["SRC"]; control = source + "/../control"
            def opened(flags, act):
                def op(path):
                    fd = os.open(path, flags)
                    try: act(fd)
                    finally: os.close(fd)
                return op
            def allocate(fd):
                if libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(100)): raise OSError(ctypes.get_errno(), "")
            def again(fd):
                os.write(fd, b"x"); ready[1].write("."); ready[1].flush(); gone[0].read(1); os.write(fd, b"y")
            ops = {
                "write": opened(os.O_WRONLY, lambda fd: os.write(fd, b"x")),
                "append": opened(os.O_WRONLY | os.O_APPEND, lambda fd: os.write(fd, b"x")),
                "truncate": lambda path: os.truncate(path, 2),
                "ftruncate": opened(os.O_RDWR, lambda fd: os.ftruncate(fd, 2)),
                "O_TRUNC": opened(os.O_WRONLY | os.O_TRUNC, lambda fd: None),
                "allocate": opened(os.O_RDWR, allocate),
                "write, chmod, write": opened(os.O_RDWR, again),
            }
            users = {"root": None, "owner": (2001, [3000]), "member": (2002, [3000]), "stranger": (2003, [])}
            faults = []
            for user, who in users.items():
                for op, act in ops.items():
                    for mode in (0o4777, 0o2777, 0o2767, 0o6777, 0o6767):
                        name = f"{user} {op} {mode:o}"; found = []
                        for at, by in ((source, os.environ["MNT"]), (control, control)):
                            path, seen = at + "/" + name, by + "/" + name
                            with open(path, "w") as f: f.write("0123456789\n")
                            os.chown(path, 2001, 3000); os.chmod(path, mode); os.stat(seen)
                            ready, gone = ([os.fdopen(fd, "rw"[i]) for i, fd in enumerate(os.pipe())] for _ in "12")
                            child = os.fork()
                            if child == 0:
                                end = 1
                                try:
                                    if who:
                                        os.setgroups(who[1]); os.setresgid(who[0], who[0], who[0])
                                        os.setresuid(who[0], who[0], who[0])
                                    # What fallocate(2) leaves is not the same everywhere; through the mount it is what
                                    # a write leaves.
                                    (ops["write"] if op == "allocate" and at == control else act)(seen); end = 0
                                finally: os._exit(end)
                            ready[1].close(); gone[0].close()
                            if act is ops["write, chmod, write"]:
                                ready[0].read(1); os.chmod(seen, mode); gone[1].write("."); gone[1].flush()
                            end = os.waitpid(child, 0)[1]
                            found.append((end, oct(os.stat(seen).st_mode), oct(os.stat(path).st_mode)))
                            for f in (*ready, *gone): f.close()
                        if found[0] != found[1]: faults.append((name, *found))
            assert not faults, "\n".join(map(str, faults))
            END
            """);
    }
}
