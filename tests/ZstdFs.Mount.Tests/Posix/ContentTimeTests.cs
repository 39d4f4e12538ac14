using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>
/// The times of content, of names and of attributes come from one clock: what is done later never looks older.
/// </summary>
internal sealed class ContentTimeTests(Ground ground) : GroundTests(ground)
{
    [Test]
    public void WhatIsDoneLater_NeverLooksOlder() => Python(
        """
        import os
        last, what = 0, ""
        def next(name, ns):
            global last, what
            assert ns >= last, (what, name, last - ns)
            last, what = ns, name
        for i in range(150):
            fd = os.open(f"content{i}", os.O_RDWR | os.O_CREAT)
            next("create", os.fstat(fd).st_mtime_ns)
            os.write(fd, b"x" * 100); next("write", os.fstat(fd).st_mtime_ns)
            os.mkdir(f"d{i}"); next("mkdir", os.stat(f"d{i}").st_mtime_ns)
            os.ftruncate(fd, 50); next("truncate", os.fstat(fd).st_mtime_ns)
            os.fchmod(fd, 0o600); next("chmod", os.fstat(fd).st_ctime_ns)
            os.write(fd, b"y"); next("write after chmod", os.fstat(fd).st_ctime_ns)
            os.utime(fd); next("touch", os.fstat(fd).st_mtime_ns)
            os.pwrite(fd, b"z", 0); next("write after touch", os.fstat(fd).st_mtime_ns)
            os.symlink("t", f"s{i}"); next("symlink", os.lstat(f"s{i}").st_mtime_ns)
            os.close(fd)
        """);

    /// <summary>From Linux 6.13 on a time that was looked at moves with the next change, also within a tick.</summary>
    [Test]
    public void ChangeAfterALook_MovesTheTimes_WhereItDoesOutside()
    {
        const string Changes =
            """
            import os, sys
            fd = os.open(os.path.join(sys.argv[1], "looked"), os.O_RDWR | os.O_CREAT)
            def look(): s = os.fstat(fd); return s.st_mtime_ns, s.st_ctime_ns
            times = [look()]
            for i in range(100):
                os.pwrite(fd, bytes([i]), 0)
                times.append(look())
            print(all(a[0] < b[0] and a[1] < b[1] for a, b in zip(times, times[1:])))
            """;
        if (Bash($"python3 - \"$outside\" <<'END'\n{Changes}\nEND") == "True")
            Assert.That(Bash($"python3 - . <<'END'\n{Changes}\nEND"), Is.EqualTo("True"));
    }

    [Test]
    public void Allocation_MovesTheTimesWhateverItChanges()
    {
        if (!OnMount && FileSystem is not null and not "ext4")
            Assert.Ignore("as ext4 has it");
        Python(
            """
            import ctypes, os, subprocess, time
            libc = ctypes.CDLL(None, use_errno=True)
            def look(fd): s = os.fstat(fd); return s.st_mtime_ns, s.st_ctime_ns, s.st_size
            for size in (1000, 3_000_000):
                for state in ("open", "closed"):
                    for mode in (0, 1, 3, 16, 17):
                        for at in (0, size + 5_000_000):
                            if at and mode in (0, 16): continue # these lengthen it
                            fd = os.open("f", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
                            os.write(fd, b"x" * size)
                            if state == "closed":
                                os.close(fd)
                                fd = os.open("f", os.O_RDWR)
                            os.utime(fd, (1, 1))
                            before = look(fd)
                            time.sleep(0.02) # a tick of the clock
                            if libc.fallocate(fd, mode, ctypes.c_long(at), ctypes.c_long(size)) < 0:
                                raise OSError(ctypes.get_errno(), "fallocate")
                            after = look(fd)
                            what = (size, state, mode, at, before, after)
                            assert after[0] > before[0] and after[1] > before[1], what
                            assert after[2] == size, what
                            os.close(fd)
                            s = os.stat("f")
                            assert (s.st_mtime_ns, s.st_ctime_ns) == after[:2], what
            """);
        string before = Bash("stat -c '%.9Y %.9Z %s' f");
        Remount();
        Assert.That(Bash("stat -c '%.9Y %.9Z %s' f"), Is.EqualTo(before));
    }
}
