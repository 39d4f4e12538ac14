using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>Files that are open while somebody else appends to them, removes them or maps them.</summary>
internal sealed class OpenFileTests(Ground ground) : GroundTests(ground)
{
    [TestCase(4096)]
    [TestCase(3_000_000)]
    public void SharedMapping_IsWrittenAndReadBack(int size)
    {
        Python(
            $$"""
            import mmap, os, random
            expected = bytearray(random.Random(2).randbytes({{size}}))
            with open("f", "wb") as f: f.write(expected)
            fd = os.open("f", os.O_RDWR)
            m = mmap.mmap(fd, {{size}})
            os.close(fd)
            chance = random.Random(3)
            for _ in range(200):
                at = chance.randrange({{size}} - 8)
                m[at:at + 8] = expected[at:at + 8] = chance.randbytes(8)
            m.flush()
            with open("f", "rb") as f: assert f.read() == expected, "read while mapped"
            m[0:4] = expected[0:4] = b"last"
            m.close()
            with open("f", "rb") as f: assert f.read() == expected, "read after the mapping"
            with open(os.environ["outside"] + "/expected", "wb") as f: f.write(expected)
            """.Insert(0, "import os; os.environ['outside'] = '" + Outside + "'\n"));
        AssertKept();
        Bash("cmp f \"$outside/expected\"");
    }

    [TestCase(8192)]
    [TestCase(3_000_000)]
    public void SharedMapping_BesideAHandleThatOnlyWrites_IsOneFileWithIt(int size)
    {
        // While somebody only writes, every handle goes past the kernel's pages; a mapping cannot.
        Python(
            $$"""
            import mmap, os
            size = {{size}}
            writer = os.open("f", os.O_WRONLY | os.O_CREAT)
            os.write(writer, b"a" * size)
            fd = os.open("f", os.O_RDWR)
            m = mmap.mmap(fd, size)
            expected = bytearray(b"a" * size)
            for i in range(50):
                at, other = i * 37 % 4000, size - 4096 + i * 41 % 4000
                m[at:at + 9] = expected[at:at + 9] = b"mapped%03d" % i
                m.flush()
                os.pwrite(writer, b"written%03d" % i, other)
                expected[other:other + 10] = b"written%03d" % i
                assert m[other:other + 10] == expected[other:other + 10], "the mapping is behind"
                assert os.pread(fd, size, 0) == expected, "the file is behind"
            m.close()
            os.close(fd)
            os.close(writer)
            with open("f", "rb") as f: assert f.read() == expected
            """);
        AssertKept();
    }

    [Test]
    public void PrivateMapping_LeavesTheFileAlone() => Python(
        """
        import mmap
        with open("f", "wb") as f: f.write(b"x" * 100000)
        with open("f", "rb") as f:
            m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
            m[0:5] = b"other"
            assert m[0:6] == b"otherx"
        with open("f", "rb") as f: assert f.read() == b"x" * 100000
        """);

    [Test]
    public void ReaderOfAGrowingFile_SeesEveryLineOnce()
    {
        Assert.That(Bash(
            """
            : > log
            timeout 50 tail -n +1 -F log 2> /dev/null > "$outside/seen" & tail=$!
            python3 -c '
            import os, time
            f = os.open("log", os.O_WRONLY | os.O_APPEND)
            for i in range(200):
                os.write(f, b"line %d\n" % i)
                time.sleep(0.005)'
            for wait in $(seq 300); do [ "$(wc -l < "$outside/seen")" -ge 200 ] && break; sleep 0.1; done
            kill $tail; wait $tail 2> /dev/null || true
            diff "$outside/seen" <(seq -f 'line %.0f' 0 199) && echo same
            """), Is.EqualTo("same"));
        AssertKept();
    }

    [TestCase(10)]
    [TestCase(2_000_000)]
    public void DeletedWhileOpen_IsStillReadWrittenAndMeasured(int size)
    {
        Python(
            $$"""
            import os
            with open("f", "wb") as f: f.write(b"a" * {{size}})
            fd = os.open("f", os.O_RDWR)
            os.unlink("f")
            assert os.listdir(".") == []
            assert os.fstat(fd).st_size == {{size}} and os.fstat(fd).st_nlink == 0, os.fstat(fd)
            assert os.pread(fd, 5, 0) == b"aaaaa"
            assert os.pwrite(fd, b"bb", {{size}}) == 2
            assert os.fstat(fd).st_size == {{size}} + 2
            assert os.pread(fd, 10, {{size}} - 1) == b"abb"
            os.ftruncate(fd, 3)
            os.fchmod(fd, 0o600)
            os.utime(fd, ns=(10**18, 10**18 + 5))
            assert os.fstat(fd).st_mtime_ns == 10**18 + 5
            os.fsync(fd)
            assert os.fstat(fd).st_size == 3 and os.fstat(fd).st_mode & 0o777 == 0o600
            with open("f", "wb") as f: f.write(b"another")
            assert os.pread(fd, 10, 0) == b"aaa"
            os.close(fd)
            with open("f", "rb") as f: assert f.read() == b"another"
            """);
        AssertKept();
    }

    [Test]
    public void CreatedAndDeletedWithoutEverBeingClosed_LeavesNothing()
    {
        Python(
            """
            import os
            fd = os.open("f", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            os.unlink("f")
            for i in range(20): os.write(fd, bytes([i]) * 100000)
            os.lseek(fd, 0, 0)
            assert b"".join(iter(lambda: os.read(fd, 65536), b"")) == b"".join(bytes([i]) * 100000 for i in range(20))
            os.close(fd)
            """);
        Assert.That(Bash("ls -A"), Is.Empty);
        if (OnMount)
            Assert.That(Shell.Get($"find '{Mounted.Source}' -type f ! -path '*/.zstdfs/*'"), Is.Empty);
    }

    [Test]
    public void FolderOfAnOpenFileRemoved_TheHandleStillWorks() => Python(
        """
        import os, shutil
        os.makedirs("a/b")
        f = open("a/b/f", "w+b")
        f.write(b"hello"); f.flush()
        shutil.rmtree("a")
        f.write(b" again"); f.seek(0)
        assert f.read() == b"hello again"
        f.close()
        assert os.listdir(".") == []
        """);

    [Test]
    public void AppendersAtOnce_EachLineIsWhole()
    {
        Bash(
            """
            write() { for n in $(seq 300); do echo "$1 $n"; done >> log; }
            jobs=()
            for who in a b c d; do write $who & jobs+=($!); done
            for job in "${jobs[@]}"; do wait $job; done
            """);
        Assert.That(Bash("LC_ALL=C sort -u log | wc -l; grep -cE '^[abcd] [0-9]+$' log"), Is.EqualTo("1200\n1200"));
        AssertKept();
    }

    [Test]
    public void AppendersOfLongRecords_EachRecordIsWholeAndInItsWritersOrder()
    {
        Python(
            """
            import os
            writers, records, length = 6, 150, 10_007
            for who in range(writers):
                if os.fork() == 0:
                    # Half of them through one descriptor, half opening anew.
                    fd = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                    for n in range(records):
                        record = (b"%d %d " % (who, n)).ljust(length - 1, b"x") + b"\n"
                        assert os.write(fd, record) == length
                        if who % 2:
                            os.close(fd); fd = os.open("log", os.O_WRONLY | os.O_APPEND)
                    os._exit(0)
            for _ in range(writers): assert os.wait()[1] == 0
            lines = open("log", "rb").read().split(b"\n")[:-1]
            assert len(lines) == writers * records and {len(line) for line in lines} == {length - 1}
            for who in range(writers):
                assert [int(line.split(b" ")[1]) for line in lines
                    if line.startswith(b"%d " % who)] == list(range(records))
            """, TimeSpan.FromMinutes(2));
        AssertKept();
    }
}
