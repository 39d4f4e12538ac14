using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>
/// chattr +i and +a of a file that a program has open for writing: ext4 refuses what that program does from then on.
/// </summary>
internal sealed class FlagsOfOpenFilesTests(Ground ground) : RootGroundTests(ground)
{
    private const string Attempts =
        """
        import ctypes, os, subprocess, sys
        libc = ctypes.CDLL(None, use_errno=True)
        def attempt(what, call):
            try: call(); print(what, "done")
            except OSError as e: print(what, os.strerror(e.errno))
        def allocate(fd, mode, offset, length):
            if libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)) < 0:
                raise OSError(ctypes.get_errno(), "fallocate")
        def attempts(fd, source, size):
            attempt("write", lambda: os.pwrite(fd, b"other", 0))
            attempt("copy_file_range", lambda: os.copy_file_range(source, fd, 5, 0, 0))
            attempt("sendfile", lambda: os.sendfile(fd, source, 0, 5))
            attempt("fallocate", lambda: allocate(fd, 0, 0, size + 10))
            attempt("keep size", lambda: allocate(fd, 1, 0, size))
            attempt("punch hole", lambda: allocate(fd, 3, 0, size))
            attempt("ftruncate", lambda: os.ftruncate(fd, 1))
            attempt("fchmod", lambda: os.fchmod(fd, 0o600))
            attempt("fsetxattr", lambda: os.setxattr(fd, "user.a", b"1"))
            attempt("touch", lambda: os.utime(fd))
            attempt("utimes", lambda: os.utime(fd, (1, 1)))
            attempt("fsync", lambda: os.fsync(fd))
        """;

    // Of the file systems themselves only ext4 refuses what open descriptors do.
    private bool IsJudged()
    {
        TestMachine.RequireRoot("setting inode flags");
        return OnMount || Shell.Get($"stat -f -c %T '{Folder}'") == "ext2/ext3";
    }

    [TearDown]
    public void LiftFlags() =>
        Shell.Run($"chattr -R -i -a '{Folder}' 2>/dev/null; {(OnMount ? $"chattr -R -i -a '{Mounted.Source}'" : ":")}");

    [Test]
    public void DescriptorOpenBefore_OfAnImmutableFile_ChangesNothing([Values(5, 3_000_000)] int size,
        [Values] bool isDirty)
    {
        if (!IsJudged())
            return;
        string refused = "Operation not permitted";
        Assert.That(Python(
            $$"""
            {{Attempts}}
            size = {{size}}
            open("other", "wb").write(b"other" * 10)
            source = os.open("other", os.O_RDONLY)
            if not {{(isDirty ? "True" : "False")}}: open("f", "wb").write(b"x" * size)
            fd = os.open("f", os.O_RDWR | os.O_CREAT)
            if {{(isDirty ? "True" : "False")}}: os.write(fd, b"x" * size)
            subprocess.run(["chattr", "+i", "f"], check=True)
            attempts(fd, source, size)
            os.close(fd)
            content = open("f", "rb").read()
            print(len(content), content == b"x" * size)
            """), Is.EqualTo(
            $"""
            write {refused}
            copy_file_range {refused}
            sendfile {refused}
            fallocate {refused}
            keep size {refused}
            punch hole {refused}
            ftruncate {refused}
            fchmod {refused}
            fsetxattr {refused}
            touch {refused}
            utimes {refused}
            fsync done
            {size} True
            """));
        Bash("chattr -i f; echo more >> f");
        Assert.That(Bash("stat -c %s f"), Is.EqualTo($"{size + 5}"));
        if (OnMount)
            Remount();
        Assert.That(Bash("stat -c %s f"), Is.EqualTo($"{size + 5}"));
    }

    [Test]
    public void DescriptorOpenBefore_OfAnAppendOnlyFile_DoesWhatExt4Allows([Values(5, 3_000_000)] int size)
    {
        if (!IsJudged())
            return;
        string refused = "Operation not permitted";
        Assert.That(Python(
            $$"""
            {{Attempts}}
            size = {{size}}
            open("other", "wb").write(b"other" * 10)
            source = os.open("other", os.O_RDONLY)
            fd = os.open("f", os.O_RDWR | os.O_CREAT)
            os.write(fd, b"x" * size)
            subprocess.run(["chattr", "+a", "f"], check=True)
            attempts(fd, source, size)
            os.close(fd)
            print(os.stat("f").st_size)
            """), Is.EqualTo(
            $"""
            write done
            copy_file_range done
            sendfile done
            fallocate done
            keep size done
            punch hole {refused}
            ftruncate {refused}
            fchmod {refused}
            fsetxattr {refused}
            touch done
            utimes {refused}
            fsync done
            {size + 10}
            """));
    }

    [Test]
    public void AppendingDescriptor_OfAnAppendOnlyFile_OverwritesNothing(
        [Values(20, 3_000_000)] int size, [Values] bool isOpenBefore)
    {
        if (!IsJudged())
            return;
        string script =
            $$"""
            import fcntl, mmap, os, subprocess
            size, before = {{size}}, {{(isOpenBefore ? "True" : "False")}}
            def attempt(what, call):
                try: call(); print(what, "done")
                except OSError: print(what, "refused")
            def append(): return os.open("f", os.O_RDWR | os.O_APPEND | os.O_CREAT)
            def plain(fd, data, offset): fcntl.fcntl(fd, fcntl.F_SETFL, 0); os.pwrite(fd, data, offset)
            def store(fd):
                with mmap.mmap(fd, 8) as m: m[0:4] = b"MMAP"; m.flush()
            if before: fd = append(); os.write(fd, b"x" * size)
            else: open("f", "wb").write(b"x" * size)
            subprocess.run(["chattr", "+a", "f"], check=True)
            if not before: fd = append()
            os.write(fd, b"end")
            attempt("mapping", lambda: store(fd))
            attempt("RWF_NOAPPEND", lambda: os.pwritev(fd, [b"NOAP"], 5, 0x20))
            attempt("F_SETFL", lambda: plain(fd, b"SETFL", 10))
            open("other", "wb").write(b"COPY")
            with open("other", "rb") as other:
                attempt("copy_file_range", lambda: os.copy_file_range(other.fileno(), fd, 4, 0, 10))
            os.close(fd)
            fd = append()
            os.write(fd, b"more" * 300000)
            os.close(fd)
            with open("f", "rb") as f: print(f.read() == b"x" * size + b"end" + b"more" * 300000)
            """;
        Assert.That(Python(script),
            Is.EqualTo("mapping refused\nRWF_NOAPPEND refused\nF_SETFL refused\ncopy_file_range refused\nTrue"));
        Remount();
        Assert.That(
            Bash("tr -d x < f > $outside/rest; head -c 7 $outside/rest; stat -c ' %s' f"),
            Is.EqualTo($"endmore {size + 1_200_003}"));
    }

    [Test]
    public void Descriptor_OfAFileThatIsMutableAgain_WritesAgain()
    {
        if (!IsJudged())
            return;
        Assert.That(Python(
            """
            import os, subprocess
            fd = os.open("f", os.O_RDWR | os.O_CREAT)
            os.write(fd, b"one")
            subprocess.run(["chattr", "+i", "f"], check=True)
            try: os.write(fd, b"two"); print("written")
            except OSError as e: print(e.strerror)
            subprocess.run(["chattr", "-i", "f"], check=True)
            os.write(fd, b"three")
            os.close(fd)
            print(open("f").read())
            """), Is.EqualTo("Operation not permitted\nonethree"));
    }

    [Test]
    public void StoreIntoAMapping_BeforeTheFileBecomesImmutable_IsKept()
    {
        if (!IsJudged())
            return;
        Assert.That(Python(
            """
            import mmap, os, subprocess
            fd = os.open("f", os.O_RDWR | os.O_CREAT)
            os.write(fd, b"x" * 8192)
            m = mmap.mmap(fd, 8192)
            m[0:6] = b"stored"
            subprocess.run(["chattr", "+i", "f"], check=True)
            print(os.pread(fd, 7, 0))
            m.flush()
            m.close()
            os.close(fd)
            print(open("f").read(7))
            """), Is.EqualTo("b'storedx'\nstoredx"));
        if (OnMount)
            Remount();
        Assert.That(Bash("head -c 7 f"), Is.EqualTo("storedx"));
    }

    [Test]
    public void SeekForDataOrAHole_AtANegativeOffset_FindsNone() => Assert.That(Python(
        """
        import os
        fd = os.open("f", os.O_RDWR | os.O_CREAT)
        os.write(fd, b"x" * 5000)
        for whence in (os.SEEK_DATA, os.SEEK_HOLE):
            for offset in (-1, -4096, -2**62, 5000):
                try: print(os.lseek(fd, offset, whence))
                except OSError as e: print(os.strerror(e.errno))
        """), Is.EqualTo(string.Join('\n', Enumerable.Repeat("No such device or address", 8))));
}
