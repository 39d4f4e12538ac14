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

    /// <summary>The kernel believed the end to be elsewhere, and has put what was written into its pages there.</summary>
    [Test]
    public void WhoHasTheFileOpen_ReadsWhatWasAppendedWhereItIs()
    {
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = PlainFiles.Show }, "printf 'a\\n' > log");
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
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = PlainFiles.Show }, "echo 0123456789 > f");
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

    [Test]
    public void AppendOnlyFile_IsAppendedTo()
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("making a file append-only needs root");
        using var mounted = new MountedSource(new FileSystemOptions { PlainFiles = PlainFiles.Show }, "echo a > log; chattr +a log");
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
}
