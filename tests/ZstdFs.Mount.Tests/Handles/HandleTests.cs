using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Handles;

/// <summary>What another handle, or the same one, sees of a file that nobody has closed yet.</summary>
internal sealed class HandleTests(Ground ground) : GroundTests(ground)
{
    [TestCase(100)]
    [TestCase(600_000)]
    [TestCase(5_000_000)]
    public void UnflushedWrite_IsReadThroughAnotherHandle(int size)
    {
        Python(
            $$"""
            import os, random
            data = random.Random(1).randbytes({{size}})
            w = os.open("f", os.O_WRONLY | os.O_CREAT)
            r = os.open("f", os.O_RDONLY)
            assert os.read(r, 10) == b""
            assert os.write(w, data) == {{size}}
            assert os.pread(r, {{size}} + 10, 0) == data
            assert os.stat("f").st_size == {{size}}
            with open("f", "rb") as third: assert third.read() == data
            os.pwrite(w, b"changed", {{size}} // 2)
            assert os.pread(r, 7, {{size}} // 2) == b"changed"
            os.close(w)
            assert os.pread(r, 7, {{size}} // 2) == b"changed"
            """);
        AssertKept();
    }

    [TestCase(0)]
    [TestCase(7)]
    [TestCase(3_000_000)]
    public void FstatAndSeekEnd_KnowTheSizeRightAfterCreateAndWrite(int size)
    {
        Python(
            $$"""
            import os
            fd = os.open("f", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
            assert os.fstat(fd).st_size == 0 and os.lseek(fd, 0, os.SEEK_END) == 0
            number = os.fstat(fd).st_ino
            os.write(fd, b"x" * {{size}})
            assert os.fstat(fd).st_size == {{size}} and os.lseek(fd, 0, os.SEEK_END) == {{size}}
            os.write(fd, b"end")
            assert os.fstat(fd).st_size == {{size}} + 3 and os.stat("f").st_size == {{size}} + 3
            os.fsync(fd)
            assert os.fstat(fd).st_size == {{size}} + 3 and os.fstat(fd).st_ino == number
            os.close(fd)
            assert os.stat("f").st_ino == number and os.stat("f").st_mode & 0o777 == 0o640
            """);
        AssertKept();
    }

    [Test]
    public void AppendingHandle_WritesAtTheEndThatAnotherMade()
    {
        Python(
            """
            import os
            a = os.open("f", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            b = os.open("f", os.O_WRONLY | os.O_APPEND)
            for i in range(100):
                os.write(a, b"a%d\n" % i); os.write(b, b"b%d\n" % i)
            os.close(a); os.close(b)
            with open("f", "rb") as f: assert f.read() == b"".join(b"a%d\nb%d\n" % (i, i) for i in range(100))
            """);
        AssertKept();
    }

    [Test]
    public void SecondClose_DoesNotBringBackTheFirstContent()
    {
        Python(
            """
            import os
            with open("f", "wb") as f: f.write(b"0" * 2000000)
            a, b = os.open("f", os.O_RDWR), os.open("f", os.O_RDWR)
            os.pwrite(a, b"A", 0); os.pwrite(b, b"B", 1999999)
            os.close(a)
            os.pwrite(b, b"C", 1000000)
            os.close(b)
            with open("f", "rb") as f: d = f.read()
            assert (len(d), d[0:1], d[1000000:1000001], d[1999999:]) == (2000000, b"A", b"C", b"B")
            """);
        AssertKept();
    }

    [Test]
    public void FileCreatedWithoutWriteRight_IsStillWrittenByItsCreator()
    {
        Python(
            """
            import os
            fd = os.open("f", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
            os.write(fd, b"content"); os.fsync(fd); os.write(fd, b" more"); os.close(fd)
            with open("f", "rb") as f: assert f.read() == b"content more"
            assert os.stat("f").st_mode & 0o777 == 0o444
            """);
        AssertKept();
    }

    [Test]
    public void DuplicatedHandle_OutlivesTheCloseOfTheFirst()
    {
        Python(
            """
            import os
            fd = os.open("f", os.O_RDWR | os.O_CREAT)
            os.write(fd, b"one ")
            if os.fork() == 0:
                os.close(fd)
                os._exit(0)
            os.wait()
            copy = os.dup(fd)
            os.close(fd)
            os.write(copy, b"two"); os.close(copy)
            with open("f", "rb") as f: assert f.read() == b"one two"
            """);
        AssertKept();
    }
}
