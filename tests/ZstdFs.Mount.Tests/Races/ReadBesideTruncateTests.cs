using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Races;

/// <summary>
/// A file that one process cuts and writes while others read it: a read returns what is there at that moment, and never
/// fails.
/// </summary>
[CancelAfter(120_000)]
internal sealed class ReadBesideTruncateTests(Ground ground) : GroundTests(ground)
{
    // The writer ends by its count; the readers go on until it has. Each reports how often a call failed, by call and
    // errno.
    private const string Readers =
        """
        import collections, ctypes, errno, os, random, sys
        libc = ctypes.CDLL(None, use_errno=True)
        def reading(path, size, done, report):
            failures, rng, reads = collections.Counter(), random.Random(1), 0
            fd = os.open(path, os.O_RDONLY)
            end = os.open(path + ".taken%d" % os.getpid(), os.O_RDWR | os.O_CREAT)
            while not os.path.exists(done) or reads < 2000:
                if reads % 64 == 0:
                    os.close(fd)
                    fd = os.open(path, os.O_RDONLY)
                reads += 1
                at, length = rng.randrange(size + 4096), rng.choice((1, 100, 4096, 70000))
                for name, call in (
                    ("read", lambda: check(os.pread(fd, length, at))),
                    ("data", lambda: os.lseek(fd, at, os.SEEK_DATA)),
                    ("hole", lambda: os.lseek(fd, at, os.SEEK_HOLE)),
                    ("ahead", lambda: os.posix_fadvise(fd, at, length, os.POSIX_FADV_WILLNEED)),
                    ("copy", lambda: os.copy_file_range(fd, end, length, at, 0) if reads % 16 == 0 else 0),
                    ("stat", lambda: os.fstat(fd)),
                ):
                    try: call()
                    except OSError as e:
                        # There is no data behind the end.
                        if not (name in ("data", "hole") and e.errno == errno.ENXIO):
                            failures[name, errno.errorcode[e.errno]] += 1
            os.write(report, (repr(dict(failures)) + "\n").encode() if failures else b"")
        def check(found):
            assert not found.strip(b"0123456789\n\0"), found
        def beside(write, path, size, readers=2):
            done, (out, report) = "done", os.pipe()
            if os.path.exists(done): os.unlink(done)
            children = []
            for _ in range(readers):
                child = os.fork()
                if child == 0:
                    status = 1
                    try: reading(path, size, done, report); status = 0
                    finally: os._exit(status)
                children.append(child)
            os.close(report)
            try: write()
            finally: open(done, "w").close()
            statuses = [os.waitpid(child, 0)[1] for child in children]
            with os.fdopen(out) as said: failed = said.read()
            assert not failed and not any(statuses), (failed, statuses)
        """;

    [TestCase(300, 3000)]
    [TestCase(40_000, 1500)]
    [TestCase(900_000, 150)]
    public void FileThatIsCutAndWrittenAgain_IsReadWithoutAnError(int size, int times)
    {
        Python(
            $$"""
            {{Readers}}
            line = b"0123456789\n"
            content = line * ({{size}} // len(line))
            def write():
                fd = os.open("f", os.O_RDWR | os.O_CREAT)
                for i in range({{times}}):
                    os.ftruncate(fd, 0)
                    os.pwrite(fd, content, 0)
                    os.ftruncate(fd, len(content) // 2)
                    os.pwrite(fd, line, len(content) - len(line))
                    libc.fallocate(fd, 3, ctypes.c_long(0), ctypes.c_long(len(content) // 3))
                    if i % 50 == 0: os.fsync(fd)
                    if i % 20 == 0:
                        os.close(fd)
                        fd = os.open("f", os.O_RDWR)
                os.pwrite(fd, content, 0)
                os.ftruncate(fd, len(content))
                os.close(fd)
            open("f", "w").close()
            beside(write, "f", {{size}})
            assert open("f", "rb").read() == content
            """);
        AssertKept();
    }

    [Test]
    public void LogThatIsEmptied_IsFollowedWithoutAnError()
    {
        Python(
            $$"""
            {{Readers}}
            def write():
                fd = os.open("log", os.O_WRONLY | os.O_APPEND)
                for i in range(1, 20001):
                    os.write(fd, b"%030d\n" % i)
                    if i % 200 == 0: os.ftruncate(fd, 0)
                os.close(fd)
            open("log", "w").close()
            beside(write, "log", 200 * 31)
            """);
        AssertKept();
    }
}
