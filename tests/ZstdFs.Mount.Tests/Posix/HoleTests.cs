using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>
/// Sparse files: what lseek(2) says of holes, what tools make of them, and that they cost next to nothing where they
/// are stored.
/// </summary>
internal sealed class HoleTests(Ground ground) : GroundTests(ground)
{
    private const string Extents =
        """
        import errno, os
        def extents(fd):
            at, seen = 0, []
            while True:
                try: start = os.lseek(fd, at, os.SEEK_DATA)
                except OSError as e:
                    assert e.errno == errno.ENXIO
                    return seen
                at = os.lseek(fd, start, os.SEEK_HOLE)
                assert at > start
                seen.append((start, at))
        M = 1 << 20
        """;

    [Test]
    public void Holes_AreToldWhileOpenAndAfterTheCommit()
    {
        Python(
            $$"""
            {{Extents}}
            fd = os.open("f", os.O_RDWR | os.O_CREAT)
            os.ftruncate(fd, 64 * M)
            os.pwrite(fd, b"x" * M, 16 * M)
            assert extents(fd) == [(16 * M, 17 * M)], extents(fd)
            os.pwrite(fd, b"tail", 64 * M - 4)
            assert [(a, b) for a, b in extents(fd)][0] == (16 * M, 17 * M) and extents(fd)[1][1] == 64 * M \
                and len(extents(fd)) == 2
            assert os.fstat(fd).st_blocks * 512 < 64 * M
            os.close(fd)
            """);
        AssertKept();
        Python(
            $$"""
            {{Extents}}
            fd = os.open("f", os.O_RDONLY)
            found = extents(fd)
            assert found[0] == (16 * M, 17 * M) and len(found) == 2 and found[1][0] >= 63 * M \
                and found[1][1] == 64 * M, found
            assert os.lseek(fd, 20 * M, os.SEEK_HOLE) == 20 * M
            assert 0 < os.fstat(fd).st_blocks * 512 < 4 * M, os.fstat(fd)
            """);
    }

    [Test]
    public void FileWithoutHoles_IsNotSparseToProgramsHoweverWellItCompresses()
    {
        Bash("(yes 'the same line again' || true) 2>/dev/null | head -c 8000000 > f; sync f");
        Assert.That(Bash("stat -c '%s %b' f"), Is.EqualTo("8000000 15632"));
        AssertKept();
        Assert.That(Bash("stat -c '%s %b' f; truncate -s 0 f; stat -c '%s %b' f"), Is.EqualTo("8000000 15632\n0 0"));
    }

    [TestCase("cp f copy")]
    [TestCase("cp --sparse=always f copy")]
    [TestCase("tar -cSf - f | tar -x --transform s/f/copy/")]
    [TestCase("rsync -S f copy")]
    [TestCase("dd if=f of=copy bs=64K conv=sparse status=none")]
    public void SparseCopy_HasTheSameContentAndIsSparse(string copy)
    {
        Bash("truncate -s 40M f; for at in 3 11 39; do head -c 700000 /dev/urandom | "
            + "dd of=f bs=1M seek=$at oflag=seek_bytes seek=$((at * 1048576 + 12345)) conv=notrunc status=none; done");
        Bash($"{copy} && cmp f copy && rm -rf $outside/o && mkdir $outside/o && cp f $outside/o/f && "
            + "cmp f $outside/o/f");
        Assert.That(int.Parse(Bash("stat -c %b copy"), System.Globalization.CultureInfo.InvariantCulture),
            Is.LessThan(24_000), "blocks of the copy in the same folder");
        Assert.That(int.Parse(Bash("stat -c %b $outside/o/f"), System.Globalization.CultureInfo.InvariantCulture),
            Is.LessThan(24_000), "blocks of a copy outside");
        AssertKept();
        Bash($"rm copy && {copy} && cmp f copy && cmp f $outside/o/f && truncate -s +1M copy && cp copy copy2 && "
            + "cmp copy copy2");
    }

    [Test]
    public void HugeHole_CostsNextToNothing()
    {
        Bash("truncate -s 100G f && printf end | "
            + "dd of=f bs=1 seek=$((100 * 1024 * 1024 * 1024 - 3)) conv=notrunc status=none && sync f");
        Assert.That(Bash("tail -c 5 f | od -An -c | tr -s ' '"), Is.EqualTo(" \\0 \\0 e n d"));
        if (OnMount)
        {
            Assert.That(Mounted.Program("sync", Folder).ExitCode, Is.Zero);
            long stored = new FileInfo(Path.Combine(Mounted.Source, "f.zst")).Length;
            Assert.That(stored, Is.LessThan(12_000_000));
            long peakKiB = long.Parse(
                Shell.Get($"awk '/VmHWM/ {{ print $2 }}' /proc/{Mounted.Daemon.ProcessId}/status"),
                System.Globalization.CultureInfo.InvariantCulture);
            Assert.That(peakKiB, Is.LessThan(200_000), "peak memory of the daemon, in KiB");
            // Stock zstd takes it; to decode all of it would take minutes.
            Assert.That(
                Shell.Get(
                    $"zstd -dc '{Mounted.Source}/f.zst' 2>/dev/null | head -c 100000000 | "
                    + "cmp -n 100000000 - /dev/zero && echo zeros"),
                Does.EndWith("zeros"));
        }
        Remount();
        Python(
            $$"""
            {{Extents}}
            fd = os.open("f", os.O_RDWR)
            (start, end), = extents(fd)
            assert start >= (100 << 30) - M and end == 100 << 30
            os.pwrite(fd, b"middle", 50 << 30)
            os.close(fd)
            """);
        Remount();
        Assert.That(
            Bash("dd if=f bs=1 skip=$((50 * 1024 * 1024 * 1024 - 2)) count=10 status=none | od -An -c | tr -s ' '; "
                + "stat -c %s f"),
            Is.EqualTo(" \\0 \\0 m i d d l e \\0 \\0\n107374182400"));
    }

    [Test]
    public void LengthBeyondWhatCanBeStored_IsRefusedAtOnce()
    {
        if (!OnMount && FileSystem is "btrfs" or "xfs" or "tmpfs")
            return; // Their files may be as long as offsets go.
        Python(
            """
            import errno, os
            fd = os.open("f", os.O_RDWR | os.O_CREAT)
            for call in (lambda: os.ftruncate(fd, 1 << 60), lambda: os.pwrite(fd, b"x", 1 << 60)):
                try: call(); assert False
                except OSError as e: assert e.errno in (errno.EFBIG, errno.EINVAL), e
            assert os.fstat(fd).st_size == 0
            os.write(fd, b"still written"); os.close(fd)
            """);
        AssertKept();
    }

    [Test]
    public void RefusedLengthOfAContentThatIsReplaced_LosesNothingOfTheNewOne()
    {
        Bash("seq 100000 > f; sync f");
        Python(
            """
            import os
            fd = os.open("f", os.O_RDWR | os.O_TRUNC)
            for call in (lambda: os.ftruncate(fd, 1 << 60), lambda: os.pwrite(fd, b"x", 1 << 60),
                    lambda: os.posix_fallocate(fd, 1 << 60, 1)):
                try:
                    call()
                    os.ftruncate(fd, 0) # Some file systems take it.
                except OSError: pass
            os.write(fd, b"new"); os.fsync(fd); os.close(fd)
            """);
        Assert.That(Bash("cat f"), Is.EqualTo("new"));
        AssertKept();
    }

    [Test]
    public void PunchedOutOfALargeFile_ReadsAsZerosNowAndAfterwards()
    {
        if (!OnMount && FileSystem == "tmpfs")
            return; // It has no FALLOC_FL_ZERO_RANGE.
        Bash("head -c 30000000 /dev/urandom > f; cp f $outside/f; sync f");
        Remount();
        Python(
            $$"""
            {{Extents}}
            import subprocess
            other = "{{Outside}}/f"
            def both(*command):
                for path in ("f", other): subprocess.run([*command, path], check=True)
            def same(): assert subprocess.run(["cmp", "f", other]).returncode == 0
            both("fallocate", "-p", "-o", "1000001", "-l", "20000003"); same()
            fd = os.open("f", os.O_RDWR); control = os.open(other, os.O_RDWR)
            assert os.lseek(fd, 2 * M, os.SEEK_HOLE) == 2 * M
            assert os.lseek(fd, 2 * M, os.SEEK_DATA) in range(20 * M - 2 * M, 21000005)
            for file in (fd, control):
                os.pwrite(file, b"in the middle of the hole", 5000000)
                os.pwrite(file, b"y" * 300000, 12000000)
            same()
            both("fallocate", "-z", "-o", "4000000", "-l", "40000000"); same()
            both("truncate", "-s", "3500000"); both("truncate", "-s", "9000000"); same()
            both("fallocate", "-p", "-o", "0", "-l", "3000000"); same()
            assert os.fstat(fd).st_size == 9000000
            """);
        if (OnMount)
        {
            // What a killed daemon leaves knows of the holes too.
            Mounted.Crash();
            Mounted.Start();
        }
        Bash("cmp f $outside/f");
        AssertKept();
        Bash("cmp f $outside/f");
    }

    [Test]
    public void ManyHolesPunchedOut_AreAllKept()
    {
        Bash("head -c 120000000 /dev/urandom > f; cp f $outside/f; sync f");
        Remount();
        Bash("for i in $(seq 0 45); do for f in f $outside/f; do fallocate -p -o $((i * 2500000)) -l 1500000 $f; "
            + "done; done; cmp f $outside/f");
        if (OnMount)
        {
            Mounted.Crash();
            Mounted.Start();
        }
        Bash("cmp f $outside/f");
        AssertKept();
    }

    [TestCase(8, "FALLOC_FL_COLLAPSE_RANGE")]
    [TestCase(0x20, "FALLOC_FL_INSERT_RANGE")]
    [TestCase(2, "FALLOC_FL_PUNCH_HOLE without FALLOC_FL_KEEP_SIZE")]
    [TestCase(4, "FALLOC_FL_NO_HIDE_STALE")]
    public void ModeThatChangesLengthsInTheMiddle_IsNotSupported(int mode, string name)
    {
        string errno = Python(
            $$"""
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            fd = os.open("f", os.O_RDWR | os.O_CREAT); os.write(fd, b"x" * 65536)
            result = libc.fallocate(fd, {{mode}}, ctypes.c_long(0), ctypes.c_long(8192))
            print(os.strerror(ctypes.get_errno()) if result else "done", os.fstat(fd).st_size)
            """);
        // ext4 and xfs know two of them.
        if (OnMount || mode < 8 || FileSystem is "btrfs" or "tmpfs")
            Assert.That(errno, Is.EqualTo("Operation not supported 65536"), name);
        else
            Assert.That(errno, Does.StartWith("done"), name);
        AssertKept();
    }
}
