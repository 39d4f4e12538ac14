using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>
/// chattr +i and +a: the same refusals on a mount as on the file system below, whichever side set them.
/// </summary>
internal sealed class InodeFlagTests(Ground ground) : FlaggedGroundTests(ground)
{
    private const string Attempts =
        """
        import os
        def attempt(what, call):
            try: call(); print(what, "done")
            except OSError as e: print(what, os.strerror(e.errno))
        def close(fd): os.close(fd)
        def write(flags):
            fd = os.open("f", flags)
            try: os.write(fd, b"more\n")
            finally: os.close(fd)
        def length():
            fd = os.open("f", os.O_WRONLY | os.O_APPEND)
            try: os.ftruncate(fd, 1)
            finally: os.close(fd)
        attempt("read", lambda: close(os.open("f", os.O_RDONLY)))
        attempt("write", lambda: write(os.O_WRONLY))
        attempt("read and write", lambda: write(os.O_RDWR))
        attempt("append", lambda: write(os.O_WRONLY | os.O_APPEND))
        attempt("O_TRUNC", lambda: write(os.O_WRONLY | os.O_TRUNC))
        attempt("truncate", lambda: os.truncate("f", 1))
        attempt("ftruncate", length)
        attempt("chmod", lambda: os.chmod("f", 0o600))
        attempt("chown", lambda: os.chown("f", 1, 1))
        attempt("utime", lambda: os.utime("f", (1, 1)))
        attempt("setxattr", lambda: os.setxattr("f", "user.a", b"1"))
        attempt("link", lambda: os.link("f", "g"))
        attempt("rename", lambda: os.rename("f", "g"))
        attempt("rename over", lambda: os.rename("other", "f"))
        attempt("unlink", lambda: os.unlink("f"))
        print(open("f").read(), os.listdir("."))
        """;

    [TestCase("i", "Operation not permitted", false)]
    [TestCase("a", "done", false)]
    [TestCase("i", "Operation not permitted", true)]
    [TestCase("a", "done", true)]
    public void FlaggedFile_RefusesWhatLinuxRefuses(string flag, string append, bool inSource)
    {
        RequireFlags();
        Bash("echo content > f; echo other > other");
        if (inSource && OnMount)
            Shell.Get($"chattr +{flag} '{Mounted.Source}/f.zst'");
        else
            Bash($"chattr +{flag} f");
        Assert.That(Bash("lsattr f").Split(' ')[0], Does.Contain(flag));
        string refused = "Operation not permitted", left = flag == "a" ? "content\nmore\n" : "content\n",
            names = Bash("python3 -c 'import os; print(os.listdir(\".\"))'");
        Assert.That(Python(Attempts), Is.EqualTo(
            $"""
            read done
            write {refused}
            read and write {refused}
            append {append}
            O_TRUNC {refused}
            truncate {refused}
            ftruncate {refused}
            chmod {refused}
            chown {refused}
            utime {refused}
            setxattr {refused}
            link {refused}
            rename {refused}
            rename over {refused}
            unlink {refused}
            {left} {names}
            """));
        Remount();
        // A commit made a new stored file, which is marked like the old one.
        Assert.That(Bash("lsattr f").Split(' ')[0], Does.Contain(flag));
        Bash($"chattr -{flag} f; echo last >> f; chmod 600 f; rm f other");
    }

    /// <summary>No record can be written to the file any more, and the record there is of the commit.</summary>
    [TestCase(0x10)] // FS_IMMUTABLE_FL
    [TestCase(0x20)] // FS_APPEND_FL
    public void FlagRightAfterACommit_KeepsItsChangeTime(int flag)
    {
        RequireFlags();
        string Look() => Bash("stat --cached=never -c '%n %.9Y %.9Z' f*");
        Bash($$"""
            python3 - <<'END'
            import fcntl, os, struct, time
            def change(name, sets, clears=0):
                fd = os.open(name, os.O_RDONLY)
                try:
                    now = struct.unpack("l", fcntl.ioctl(fd, 0x80086601, bytes(8)))[0]
                    fcntl.ioctl(fd, 0x40086602, struct.pack("l", now & ~clears | sets))
                finally: os.close(fd)
            for i in range(4):
                for way in ("set", "set with another", "set and cleared", "refused"):
                    name = f"f {way} {i}"
                    with open(name, "wb") as f: f.write(b"x" * 100)
                    before = os.stat(name).st_ctime_ns
                    time.sleep(0.005) # a tick of the clock
                    if way == "set with another": change(name, 0x20)
                    try: change(name, {{flag}} | (0x2000 if way == "refused" else 0)) # a flag that no file may have
                    except OSError: assert way == "refused"
                    if way == "set and cleared": change(name, 0, {{flag}})
                    assert (os.stat(name).st_ctime_ns == before) == (way == "refused"), name
            END
            """);
        string before = Look();
        Assert.That(Look(), Is.EqualTo(before));
        Remount();
        Assert.That(Look(), Is.EqualTo(before), "after a remount");
        Bash("chattr -i -a f*; rm f*");
    }

    [TestCase("a")]
    [TestCase("i")]
    public void FileInAFlaggedFolder_IsStillWrittenButKeepsItsName(string flag)
    {
        RequireFlags();
        Bash($"mkdir d; head -c 3000000 /dev/urandom > d/f; echo small > d/g; sync; chattr +{flag} d");
        Assert.That(Python(
            """
            import os
            def attempt(what, call):
                try: call(); print(what, "done")
                except OSError as e: print(what, os.strerror(e.errno))
            attempt("create", lambda: open("d/new", "w").write("x" * 5000000))
            attempt("unlink", lambda: os.unlink("d/f"))
            attempt("rename", lambda: os.rename("d/f", "d/h"))
            attempt("mkdir", lambda: os.mkdir("d/sub"))
            attempt("rmdir", lambda: os.rmdir("d"))
            with open("d/f", "r+b") as f: f.seek(1500000); f.write(b"changed")
            with open("d/g", "a") as f: f.write("changed")
            """),
                Is.EqualTo(
                    $"create {(flag == "a" ? "done" : "Operation not permitted")}\nunlink Operation not permitted\n"
                    + "rename Operation not permitted\n"
                    + $"mkdir {(flag == "a" ? "done" : "Operation not permitted")}\nrmdir Operation not "
                    + "permitted"));
        Remount();
        Assert.That(Bash("dd if=d/f bs=1 skip=1500000 count=7 status=none; echo; cat d/g"),
            Is.EqualTo("changed\nsmall\nchanged"));
        Bash($"chattr -{flag} d; rm -r d");
    }

    [Test]
    public void WrittenBeforeItBecameImmutable_IsNotLost()
    {
        RequireFlags();
        Python(
            """
            import os, subprocess
            fd = os.open("f", os.O_RDWR | os.O_CREAT)
            os.write(fd, b"written before" * 300000)
            subprocess.run(["chattr", "+i", "f"], check=True)
            os.close(fd)
            assert open("f", "rb").read() == b"written before" * 300000
            """);
        Remount();
        Assert.That(Bash("head -c 14 f; stat -c ' %s' f; lsattr f | cut -d' ' -f1 | tr -d -- -e"),
            Is.EqualTo("written before 4200000\ni"));
        Bash("chattr -i f; rm f");
    }

    [Test]
    public void MadeImmutableInTheSourceWhileItWasWritten_IsKeptUntilItCanBeCommitted()
    {
        RequireFlags();
        if (!OnMount)
        {
            // What the mount must do instead is not to lose it: here the write itself is refused, or, but on ext4, done
            // by whoever had the file open before.
            Assert.That(
                Python("import os, subprocess\nfd = os.open('f', os.O_RDWR | os.O_CREAT)\n"
                    + "subprocess.run(['chattr', '+i', 'f'], check=True)\ntry: os.write(fd, b'x')\n"
                    + "except OSError as e: print(e.errno)"),
                Is.EqualTo(FileSystem is null or "ext4" ? "1" : ""));
            return;
        }
        Bash("echo old > f; sync f");
        Shell.Run(
            $"cd '{Folder}' && exec 3<>f && head -c 3000000 /dev/zero | tr '\\0' n >&3 && "
            + $"chattr +i '{Mounted.Source}/f.zst' && exec 3>&-");
        Assert.That(Bash("stat -c %s f"), Is.EqualTo("3000000"));
        Assert.That(Mounted.Program("sync", Folder).ExitCode, Is.Not.Zero, "it is not in the source");
        Assert.That(Shell.Get($"zstd -dc '{Mounted.Source}/f.zst'"), Is.EqualTo("old"));
        Mounted.Crash();
        Mounted.Start();
        Assert.That(Bash("stat -c %s f"), Is.EqualTo("3000000"));
        Shell.Get($"chattr -i '{Mounted.Source}/f.zst'");
        Assert.That(Mounted.Program("sync", Folder).ExitCode, Is.Zero);
        Assert.That(Shell.Get($"zstd -dc '{Mounted.Source}/f.zst' | head -c 3"), Is.EqualTo("nnn"));
    }

    /// <summary>A file that lost its name, or has none yet, has its flags all the same.</summary>
    [Test]
    public void FlagsOfWhatHasNoName_AreReadAndSet()
    {
        RequireFlags();
        Python(
            """
            import errno, fcntl, os, struct
            GET, SET, NODUMP, APPEND = 0x80086601, 0x40086602, 0x40, 0x20
            def flags(fd): return struct.unpack("l", fcntl.ioctl(fd, GET, bytes(8)))[0] & (NODUMP | APPEND)
            def change(fd, to): fcntl.ioctl(fd, SET, struct.pack("l", to))
            def project(fd): return struct.unpack("IIIII8x", fcntl.ioctl(fd, 0x801c581f, bytes(28)))[0] & 0x80
            removed = os.open("removed", os.O_RDWR | os.O_CREAT); os.write(removed, b"x" * 100); os.unlink("removed")
            large = os.open("large", os.O_RDWR | os.O_CREAT); os.write(large, b"x" * 3000000); os.unlink("large")
            unnamed = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600); os.write(unnamed, b"x" * 100)
            os.mkdir("d"); folder = os.open("d", os.O_RDONLY); os.rmdir("d")
            for fd in removed, large, unnamed, folder:
                keep = struct.unpack("l", fcntl.ioctl(fd, GET, bytes(8)))[0]
                assert flags(fd) == 0, fd
                change(fd, keep | NODUMP)
                assert flags(fd) == NODUMP and project(fd) == 0x80, fd
                change(fd, keep)
                assert flags(fd) == 0 and project(fd) == 0, fd
            change(unnamed, struct.unpack("l", fcntl.ioctl(unnamed, GET, bytes(8)))[0] | APPEND)
            try: os.ftruncate(unnamed, 1); raise AssertionError("shortened")
            except OSError as e: assert e.errno == errno.EPERM, e
            """);
    }

    // FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR of one field after the other, and what is there afterwards.
    private const string ExtendedFlags =
        """
        import errno, fcntl, os, struct
        def get(path):
            fd = os.open(path, os.O_RDONLY)
            try: return list(struct.unpack("IIIII8x", fcntl.ioctl(fd, 0x801c581f, bytes(28))))
            finally: os.close(fd)
        def set(path, **fields):
            fd = os.open(path, os.O_RDONLY)
            try:
                value = list(struct.unpack("IIIII8x", fcntl.ioctl(fd, 0x801c581f, bytes(28))))
                for name, number in fields.items():
                    value[["flags", "extent", "extents", "project"].index(name)] = number
                fcntl.ioctl(fd, 0x401c5820, struct.pack("IIIII8x", *value))
            finally: os.close(fd)
        def attempt(what, path, **fields):
            try: set(path, **fields); print(what, "done", end=" ")
            except OSError as e: print(what, os.strerror(e.errno), end=" ")
            try: now = get(path); print(hex(now[0] & 0x7fffffff), now[3])
            except OSError as e: print(os.strerror(e.errno))
        os.mkdir("d"); open("f", "w").write("content")
        for path in ("f", "d"):
            attempt("nodump", path, flags=0x80)
            attempt("noatime and sync", path, flags=0x60)
            attempt("none", path, flags=0)
            attempt("project", path, project=7)
            attempt("no project", path, project=0)
            attempt("inherited project", path, flags=0x200)
            attempt("not that", path, flags=0)
            attempt("unknown", path, flags=0x40000000)
            attempt("immutable", path, flags=0x8)
            try: os.rmdir(path) if path == "d" else open(path, "a")
            except OSError as e: print(os.strerror(e.errno))
            attempt("mutable", path, flags=0)
        attempt("append-only", "f", flags=0x10)
        open("f", "a").write(" and more")
        attempt("not that", "f", flags=0)
        print(open("f").read())
        """;

    [Test]
    public void ExtendedFlags_AreThoseOfTheFileSystemBelow()
    {
        RequireFlags();
        string control = Directory.CreateDirectory(Path.Combine(SourceParent ?? Outside, "control")).FullName;
        string expected = Shell.Get($"cd '{control}' && python3 - <<'END'\n{ExtendedFlags}\nEND");
        Assert.That(Python(ExtendedFlags), Is.EqualTo(expected));
        TestContext.Out.WriteLine(expected);
    }

    [Test]
    public void FileOfAProject_StaysInItThroughEveryRewrite()
    {
        RequireFlags();
        using LoopImage image = LoopImage.Create("xfs"); // which has projects always, ext4 where the kernel has quotas
        using MountedFolder? mounted =
            OnMount ? MountedFolder.Create(new MountSetup { SourceParent = image.Root }) : null;
        string folder = mounted?.Mount ?? image.Root;
        string Numbers(string names) =>
            Shell.Get($"cd '{folder}' && lsattr -pd {names} | tr -s ' ' | sed 's/^ //' | cut -d' ' -f1 | paste -sd' '");
        Shell.Get(
            $"cd '{folder}' && mkdir counted plain && chattr -p 7 +P counted && echo small > counted/f && "
            + "head -c 3000000 /dev/urandom > counted/g && echo x > plain/h && chattr -p 9 plain/h");
        Assert.That(Numbers("counted plain counted/f counted/g plain/h"), Is.EqualTo("7 0 7 7 9"));
        Shell.Get(
            $"cd '{folder}' && echo more >> counted/f && "
            + "dd if=/dev/zero of=counted/g bs=1 seek=1500000 count=9 conv=notrunc status=none && "
            + "head -c 3000000 /dev/zero | tr '\\0' x > plain/h");
        mounted?.Remount();
        Assert.That(Numbers("counted counted/f counted/g plain/h"), Is.EqualTo("7 7 7 9"));
        Assert.That(Shell.Get($"cd '{folder}' && cat counted/f && stat -c %s counted/g plain/h"),
            Is.EqualTo("small\nmore\n3000000\n3000000"));
        // As on any file system: what is another project's cannot be brought in by a rename, and mv copies it.
        Assert.That(Shell.Run($"cd '{folder}' && python3 -c 'import os; os.rename(\"plain/h\", \"counted/h\")'").Error,
            Does.Contain("Invalid cross-device link"));
        Shell.Get($"cd '{folder}' && mv plain/h counted/h");
        Assert.That(Numbers("counted/h"), Is.EqualTo("7"));
        mounted?.Unmount();
        if (mounted is null)
            return;
        Assert.That(mounted.Program("convert", "--revert", mounted.Source).ExitCode, Is.Zero);
        Assert.That(
            Shell.Get(
                $"cd '{mounted.Source}' && lsattr -pd counted/f counted/g counted/h | tr -s ' ' | sed 's/^ //' | "
                + "cut -d' ' -f1 | paste -sd' '"),
            Is.EqualTo("7 7 7"));
    }
}
