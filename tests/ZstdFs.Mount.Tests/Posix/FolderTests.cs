using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>Large folders, listings of folders that change, and what else programs rely on in folders.</summary>
internal sealed class FolderTests(Ground ground) : GroundTests(ground)
{
    private const string Listing =
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
        libc.telldir.restype = ctypes.c_long
        for f, a in (("readdir", [ctypes.c_void_p]), ("telldir", [ctypes.c_void_p]),
                ("seekdir", [ctypes.c_void_p, ctypes.c_long]), ("rewinddir", [ctypes.c_void_p]),
                ("closedir", [ctypes.c_void_p])):
            getattr(libc, f).argtypes = a
        def entry(d):
            p = libc.readdir(d)
            return ctypes.string_at(p + 19).decode() if p else None
        """;

    [Test]
    public void HundredThousandEntries_AreEachListedOnceFoundAndRemoved()
    {
        Python(
            $$"""
            {{Listing}}
            os.mkdir("d")
            N = 100000
            # Empty files cost least; among them some of the other kinds.
            for i in range(N):
                if i % 1000 == 1: os.symlink("x", "d/%d" % i)
                elif i % 1000 == 2: os.mkdir("d/%d" % i)
                else: os.mknod("d/%d" % i)
            names = os.listdir("d")
            assert len(names) == N and set(names) == {str(i) for i in range(N)}
            assert all(os.path.lexists("d/%d" % i) for i in range(0, N, 97)) and not os.path.lexists("d/%d" % N)
            # Back to places in the middle, in any order: what followed there follows there again.
            d = libc.opendir(b"d")
            marks, order = [], []
            while True:
                if len(order) % 9973 == 0: marks.append((libc.telldir(d), len(order)))
                name = entry(d)
                if name is None: break
                order.append(name)
            assert len(order) == N + 2
            for mark, at in marks[::-1]:
                libc.seekdir(d, mark)
                assert [entry(d) for _ in range(5)] == (order + [None] * 5)[at:at + 5], at
            libc.closedir(d)
            # Removed while listed, as rm -rf does it: each of the others appears once.
            seen = []
            d = libc.opendir(b"d")
            while (name := entry(d)) is not None:
                seen.append(name)
                if name not in (".", ".."):
                    (os.rmdir if int(name) % 1000 == 2 else os.unlink)("d/" + name)
            libc.closedir(d)
            assert len(seen) == len(set(seen)) == N + 2, (len(seen), len(set(seen)))
            assert os.listdir("d") == []
            os.rmdir("d")
            """, TimeSpan.FromMinutes(4));
    }

    /// <summary>A commit renames, and btrfs shows what was renamed again at the end.</summary>
    [Test]
    public void FilesRewrittenAsTheyAreListed_AreListedOnce() => Python("""
        import os
        os.mkdir("d")
        names = ["d/%03d-%s" % (i, "n" * 100) for i in range(500)]
        for name in names: open(name, "w").close()
        listed = []
        with os.scandir("d") as entries:
            for entry in entries:
                listed.append(entry.path)
                assert len(listed) <= len(names), "it does not end"
                with open(entry.path, "w") as f: f.write("rewritten")
        assert sorted(listed) == names
        """);

    [Test]
    public void WhatStays_IsListedOnceWhileOtherNamesComeAndGo()
    {
        Python(
            $$"""
            {{Listing}}
            import threading
            os.mkdir("d")
            stay = {"stay%d" % i for i in range(2000)}
            for n in stay: os.mknod("d/" + n)
            stop = threading.Event()
            def change(k):
                i = 0
                while not stop.is_set():
                    n = "d/come%d-%d" % (k, i % 50); i += 1
                    open(n, "w").close(); os.rename(n, n + "x"); os.unlink(n + "x")
            threads = [threading.Thread(target=change, args=(k,)) for k in range(2)]
            for t in threads: t.start()
            try:
                for _ in range(15):
                    seen, d = [], libc.opendir(b"d")
                    while (name := entry(d)) is not None: seen.append(name)
                    libc.closedir(d)
                    kept = [n for n in seen if n.startswith("stay")]
                    assert len(kept) == len(set(kept)) == len(stay)
            finally:
                stop.set()
                for t in threads: t.join()
            d = libc.opendir(b"d")
            first = sorted(iter(lambda: entry(d), None))
            os.mknod("d/later")
            libc.rewinddir(d)
            assert sorted(iter(lambda: entry(d), None)) == sorted(first + ["later"])
            """, TimeSpan.FromMinutes(2));
    }

    [Test]
    public void FolderSynchronised_Answers() => Python(
        """
        import os
        os.mkdir("d"); open("d/f", "w").close()
        fd = os.open("d", os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(fd); os.fdatasync(fd)
        os.unlink("d/f"); os.rmdir("d"); os.fsync(fd)
        """);

    [Test]
    public void PathUpToPathMax_WorksAndOneMoreIsTooLong()
    {
        Python(
            """
            import errno, os
            top, name, deep = os.getcwd(), "n" * 200, ""
            # Relative paths count alone: 4095 bytes and the NUL are the longest.
            while 4095 - len(deep) - 1 > 250:
                deep = os.path.join(deep, name); os.mkdir(deep)
            longest = deep + "/" + "f" * (4095 - len(deep) - 1)
            assert len(longest) == 4095
            with open(longest, "w") as f: f.write("deep")
            assert open(longest).read() == "deep" and os.stat(longest).st_size == 4
            try: os.stat(longest + "x"); assert False
            except OSError as e: assert e.errno == errno.ENAMETOOLONG
            os.unlink(longest)
            # Deeper, step by step.
            os.chdir(deep)
            for _ in range(30):
                os.mkdir(name); os.chdir(name)
            with open("f", "w") as f: f.write("deeper" * 200000)
            assert open("f").read() == "deeper" * 200000
            fd = os.open("..", os.O_RDONLY | os.O_DIRECTORY)
            assert os.stat(name + "/f", dir_fd=fd).st_size == 1200000
            os.chdir(top)
            """);
        Remount();
        Bash($"rm -r {new string('n', 200)}; [ -z \"$(ls -A)\" ]");
    }

    [Test]
    public void ChangesMadeHere_AreToldToInotify()
    {
        string told = Python(
            """
            import ctypes, os, struct
            libc = ctypes.CDLL(None, use_errno=True)
            fd = libc.inotify_init1(os.O_NONBLOCK)
            os.mkdir("d")
            assert libc.inotify_add_watch(fd, b"d", 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200) >= 0
            with open("d/f", "w") as f: f.write("x")
            os.chmod("d/f", 0o600); os.rename("d/f", "d/g"); os.link("d/g", "d/h"); os.symlink("x", "d/l")
            os.unlink("d/g"); os.mkdir("d/s"); os.rmdir("d/s"); os.truncate("d/h", 0)
            names = {0x2: "modify", 0x4: "attrib", 0x8: "close", 0x40: "from", 0x80: "to", 0x100: "create",
                0x200: "delete"}
            data, out = os.read(fd, 65536), []
            while data:
                _, mask, _, length = struct.unpack("iIII", data[:16])
                out.append(names[mask & 0xFFFF & -(mask & 0xFFFF)] + " " + data[16:16 + length].rstrip(b"\0").decode())
                data = data[16 + length:]
            print(", ".join(out))
            """);
        Assert.That(told,
            Is.EqualTo(
                "create f, modify f, close f, attrib f, from f, to g, create h, create l, delete g, create s, delete "
                + "s, modify h"));
    }

    [Test]
    public void LocksOfThreeKinds_KeepOtherProcessesOut() => Python(
        """
        import fcntl, os, struct
        with open("f", "w") as f: f.write("x" * 100)
        SETLK, OFD = fcntl.F_SETLK, 37
        def lock(fd, kind, start, length, command):
            return fcntl.fcntl(fd, command, struct.pack("hhqqi4x", kind, 0, start, length, 0))
        def refused(call):
            child = os.fork()
            if child == 0:
                try: call(os.open("f", os.O_RDWR)); os._exit(0)
                except OSError: os._exit(1)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
        flock = lambda kind: lambda fd: fcntl.flock(fd, kind | fcntl.LOCK_NB)
        a = os.open("f", os.O_RDWR)
        fcntl.flock(a, fcntl.LOCK_SH)
        assert refused(flock(fcntl.LOCK_EX)) and not refused(flock(fcntl.LOCK_SH))
        fcntl.flock(a, fcntl.LOCK_EX); assert refused(flock(fcntl.LOCK_SH))
        fcntl.flock(a, fcntl.LOCK_UN); assert not refused(flock(fcntl.LOCK_EX))
        for command in (SETLK, OFD):
            lock(a, fcntl.F_WRLCK, 10, 20, command)
            assert refused(lambda fd: lock(fd, fcntl.F_RDLCK, 29, 5, command)) \
                and not refused(lambda fd: lock(fd, fcntl.F_WRLCK, 30, 5, command))
            lock(a, fcntl.F_UNLCK, 0, 0, command)
            assert not refused(lambda fd: lock(fd, fcntl.F_WRLCK, 0, 0, command))
        # The traditional ones go with any descriptor of the process, those of the open file with it alone.
        lock(a, fcntl.F_WRLCK, 0, 0, SETLK); os.close(os.open("f", os.O_RDWR))
        assert not refused(lambda fd: lock(fd, fcntl.F_WRLCK, 0, 0, SETLK))
        lock(a, fcntl.F_WRLCK, 0, 0, OFD); os.close(os.open("f", os.O_RDWR))
        assert refused(lambda fd: lock(fd, fcntl.F_WRLCK, 0, 0, OFD))
        """);

    [Test]
    public void BirthTime_IsThatOfTheFileAndNotOfItsLastRewrite()
    {
        if (OnMount && Environment.OSVersion.Version < new Version(6, 6))
            TestMachine.CannotRun("the kernel asks FUSE for no birth times before Linux 6.6");
        Bash("echo a > f; stat -c %W.%w f > $outside/born; sleep 1.2; echo b >> f; sync f; echo c > new; mv new g; "
            + "truncate -s 3M f; sync f; mv f h; stat -c %W.%w h | cmp - $outside/born");
        Assert.That(Bash("[ $(stat -c %W h) -gt 1000000000 ] && [ $(stat -c %Y h) -gt $(stat -c %W h) ] && echo older"),
            Is.EqualTo("older"));
        Remount();
        Bash("stat -c %W.%w h | cmp - $outside/born");
    }

    [Test]
    public void UmaskAndDefaultAcl_SetTheModesOfWhatIsMade()
    {
        const string make = "umask 027; echo x > f; mkdir s; mkfifo p; umask 0; python3 -c 'import os; "
            + "os.close(os.open(\"e\", os.O_CREAT | os.O_WRONLY, 0o751))'; stat -c '%n %a' e f p s; "
            + "getfacl -ncp e f p s";
        Bash("mkdir plain acl; setfacl -d -m u::rwx,u:5:rw,g::rx,o::-,m::rwx acl");
        string plain = Bash($"cd plain; {make}"), inherited = Bash($"cd acl; {make}");
        Assert.That(plain, Does.StartWith("e 751\nf 640\np 640\ns 750"));
        // With a default ACL the umask counts for nothing; the mask is what the mode asked for.
        Assert.That(inherited,
            Does.StartWith("e 750\nf 660\np 660\ns 770").And.Contain("default:user:5:rw-").And.Contain("user:5:rw-"));
        AssertKept();
        Assert.That(Bash("cd acl; getfacl -ncp e f p s"),
            Is.EqualTo(inherited[inherited.IndexOf("user::", StringComparison.Ordinal)..]));
    }
}
