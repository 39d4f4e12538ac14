using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Races;

/// <summary>
/// stat(2) beside writes and commits: what it tells is one file of one moment, and a commit changes nothing of it.
/// </summary>
[CancelAfter(120_000)]
internal sealed class StatBesideCommitTests(Ground ground) : GroundTests(ground)
{
    // The child looks all the time, past the kernel's memory. An odd phase says that the file has its version's last
    // content and times: nothing but a commit happens to it then.
    private const string Beside =
        """
        import ctypes, fcntl, mmap, os, stat, struct, sys
        libc = ctypes.CDLL(None, use_errno=True)
        answer = ctypes.create_string_buffer(256)
        def look(path):
            if libc.statx(-100, path.encode(), 0x2000, 0x7ff, answer): raise OSError(ctypes.get_errno(), path)
            nlink, mode = struct.unpack_from("<I8xH", answer, 16)
            size, blocks = struct.unpack_from("<QQ", answer, 40)
            seconds, nanoseconds = struct.unpack_from("<qI", answer, 112)
            return nlink, stat.S_IMODE(mode), size, blocks, seconds * 10**9 + nanoseconds
        shared = mmap.mmap(-1, 4096)
        def get(at): return struct.unpack_from("<q", shared, at)[0]
        def put(at, value): struct.pack_into("<q", shared, at, value)
        PHASE, LOOKS, END = 0, 8, 16
        def whole(size): return (size + 4095) // 4096 * 8
        def watch(path, expected, checkBlocks):
            while not get(END):
                before = get(PHASE)
                try: seen = look(path)
                except FileNotFoundError: continue
                after = get(PHASE)
                put(LOOKS, get(LOOKS) + 1)
                if checkBlocks: assert seen[3] == whole(seen[2]), ("blocks", seen, whole(seen[2]))
                if before == after and before % 2:
                    wanted = expected[before // 2]
                    assert seen[:3] + seen[4:] == wanted, ("attributes", seen, wanted)
        def beside(path, expected, checkBlocks, change):
            child = os.fork()
            if child == 0:
                status = 1
                try: watch(path, expected, checkBlocks); status = 0
                except Exception as e: print(e, file=sys.stderr, flush=True)
                finally: os._exit(status)
            try:
                for i in range(len(expected)):
                    put(PHASE, 2 * i)
                    change(i, lambda: put(PHASE, 2 * i + 1))
                    at = get(LOOKS)
                    ended = lambda: os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                    while get(LOOKS) < at + 20 and not ended(): pass
            finally: put(END, 1)
            assert os.waitpid(child, 0)[1] == 0
        """;

    [Test]
    public void StatBesideCommits_TellsOneFileOfOneMoment([Values("new", "existing", "linked")] string kind)
    {
        Python(
            $$"""
            {{Beside}}
            onMount = {{(OnMount ? "True" : "False")}}
            links = 2 if "{{kind}}" == "linked" else 1
            sizes = [8_000_000, 300, 700_000, 100_000, 2_500_000, 0] * 4
            expected = [(links, 0o640, size, 10**18 + i * 1_000_000_007) for i, size in enumerate(sizes)]
            root = os.open(".", os.O_RDONLY)
            os.umask(0)
            def make():
                os.close(os.open("f", os.O_RDWR | os.O_CREAT, 0o640))
                if links == 2 and not os.path.exists("g"): os.link("f", "g")
            make()
            def change(i, stable):
                if "{{kind}}" == "new":
                    os.unlink("f")
                    make()
                fd = os.open("f", os.O_RDWR)
                os.ftruncate(fd, 0)
                text = b"the same line again %4d\n" % i
                for at in range(0, sizes[i], 1 << 20):
                    os.pwrite(fd, (text * ((1 << 20) // len(text) + 1))[:min(1 << 20, sizes[i] - at)], at)
                os.utime(fd, ns=(expected[i][3], expected[i][3]))
                stable()
                os.close(fd)
                # What sync(1) does of one file. While it waits for its commit the kernel may serve it by itself.
                fd = os.open("f", os.O_RDONLY)
                os.fsync(fd)
                os.close(fd)
                if onMount: fcntl.ioctl(root, 0x7a02)
            beside("f", expected, onMount, change)
            """);
        AssertKept();
    }

    [Test]
    public void FileLeftByAKilledDaemon_IsNotSparseBeforeItsCommit()
    {
        if (!OnMount)
            return; // It has no daemon.
        Bash("(yes 'the same line again' || true) 2>/dev/null | head -c 8000000 > f");
        for (int i = 0; i < 5; i++)
        {
            Bash("(yes 'another line' || true) 2>/dev/null | head -c 8000000 | dd of=f conv=notrunc status=none bs=1M");
            Mounted.Crash();
            Mounted.Start();
            Assert.That(Bash("stat -c '%s %b' f"), Is.EqualTo("8000000 15632"));
        }
        AssertKept();
    }
}
