using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>
/// Times long ago and far ahead: whatever the file system below holds, before the commit and after it.
/// </summary>
internal sealed class FarTimeTests(Ground ground) : GroundTests(ground)
{
    // Every kind of file gets each time that the folder given holds, before, between and after writes.
    private const string Make =
        """
        import os, sys
        probe = sys.argv[1]; open(probe, "w").close()
        def holds(ns):
            os.utime(probe, ns=ns)
            return (os.stat(probe).st_atime_ns, os.stat(probe).st_mtime_ns) == ns
        def put(n, size):
            with open(n, "wb") as f: f.write(os.urandom(size))
        def written(n, ns, size, after):
            fd = os.open(n, os.O_RDWR | os.O_CREAT)
            os.write(fd, b"x" * size)
            if not after: os.close(fd)
            os.utime(n if not after else fd, ns=ns)
            if after: os.close(fd)
        def again(n, ns):
            put(n, 2500000)
            fd = os.open(n, os.O_RDWR)
            os.utime(fd, ns=ns)
            os.close(fd)
        def linked(n, ns): put(n, 2500000); os.link(n, n + "l"); os.utime(n, ns=ns)
        def renamed(n, ns): put(n + "r", 2500000); os.utime(n + "r", ns=ns); os.rename(n + "r", n)
        def folder(n, ns): os.mkdir(n); os.utime(n, ns=ns)
        def symlink(n, ns): os.symlink("t", n); os.utime(n, ns=ns, follow_symlinks=False)
        kinds = {"empty": lambda n, ns: written(n, ns, 0, False), "small": lambda n, ns: written(n, ns, 100, False),
            "big": lambda n, ns: written(n, ns, 2500000, False), "open": lambda n, ns: written(n, ns, 2500000, True),
            "little": lambda n, ns: written(n, ns, 100, True),
            "again": again, "linked": linked, "renamed": renamed, "folder": folder, "symlink": symlink}
        for seconds in (-9500000000, -9000000000, -2147483648, -1, 0, 4294967296, 8589934591, 8589934592, 10413792000,
                15032385535, 17179869184, 95617584000):
            ns = (seconds * 10**9 + 123456700, seconds * 10**9 + 987654300)
            if holds(ns):
                for kind, make in kinds.items(): make("%s.%d" % (kind, seconds), ns)
        """;

    private const string Look =
        """
        import os
        names = [n for n in os.listdir(".") if not n.endswith("l")]
        for n in names:
            seconds, s = int(n.split(".")[1]), os.lstat(n)
            ns = (seconds * 10**9 + 123456700, seconds * 10**9 + 987654300)
            if (s.st_atime_ns, s.st_mtime_ns) != ns: print(n, s.st_atime_ns - ns[0], s.st_mtime_ns - ns[1])
        print(len(names) > 20)
        """;

    [Test]
    public void FarTime_IsKeptAsItWasSet([Values] bool isKilled)
    {
        string parent = SourceParent ?? Outside;
        if (SourceParent is not null && User == ShellUser.Ordinary)
            Shell.Get($"chown 65534:65534 '{parent}'");
        Bash($"python3 - '{parent}/probe' <<'END'\n{Make}\nEND");
        AssertShown("at once");
        if (OnMount && isKilled)
        {
            Mounted.Crash();
            Mounted.Start();
            AssertShown("after a crash");
        }
        if (OnMount)
            Assert.That(Mounted.Program("sync", Folder).ExitCode, Is.Zero);
        AssertShown("after the commit");
        Remount();
        AssertShown("after a remount");
    }

    private void AssertShown(string when) => Assert.That(Python(Look), Is.EqualTo("True"), when);
}
