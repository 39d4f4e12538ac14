using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>System calls that copy tools, databases and backup programs use besides read and write.</summary>
internal sealed class SystemCallTests(Ground ground) : GroundTests(ground)
{
    [Test]
    public void KernelCopies_CopyEveryByte()
    {
        Python(
            """
            import os, random
            data = random.Random(4).randbytes(3000000)
            with open("a", "wb") as f: f.write(data)
            a = os.open("a", os.O_RDONLY)
            for name, copy in (("range", lambda out, n, at: os.copy_file_range(a, out, n, at)),
                    ("sendfile", lambda out, n, at: os.sendfile(out, a, at, n))):
                out = os.open(name, os.O_RDWR | os.O_CREAT)
                at = 0
                while at < len(data): at += copy(out, len(data) - at, at)
                os.close(out)
                with open(name, "rb") as f: assert f.read() == data, name
            """);
        AssertKept();
    }

    [Test]
    public void CopyRangeWithinAFile_CopiesBetweenItsParts()
    {
        Python(
            """
            import os
            with open("f", "wb") as f: f.write(b"a" * 1000000 + b"b" * 1000000)
            fd = os.open("f", os.O_RDWR)
            done = 0
            while done < 500000: done += os.copy_file_range(fd, fd, 500000 - done, 1000000 + done, done)
            os.close(fd)
            with open("f", "rb") as f: assert f.read() == b"b" * 500000 + b"a" * 500000 + b"b" * 1000000
            """);
        AssertKept();
    }

    [TestCase("fallocate -l 3000000 f", 3_000_000)]
    [TestCase("fallocate -n -l 3000000 f", 2_000_000)]
    [TestCase("fallocate -p -o 100000 -l 700000 f", 2_000_000)]
    [TestCase("fallocate -z -o 1900000 -l 700000 f", 2_600_000)]
    [TestCase("fallocate -z -n -o 1900000 -l 700000 f", 2_000_000)]
    [TestCase("fallocate -d f", 2_000_000)]
    public void Fallocate_ChangesWhatItSays(string command, int size)
    {
        if (FileSystem == "tmpfs" && !OnMount && command.Contains(" -z ", StringComparison.Ordinal))
        {
            // The one thing here that a mount can and its source's file system cannot.
            Assert.That(TryBash($"head -c 2000000 /dev/urandom > f; {command}").Error, Does.Contain("upported"));
            return;
        }
        Bash($"head -c 2000000 /dev/urandom > f; cp f $outside/f; {command}; cd $outside; {command}; "
            + $"cmp f '{Folder}/f'");
        Assert.That(Bash("stat -c %s f"), Is.EqualTo($"{size}"));
        AssertKept();
        Bash("cmp f $outside/f");
    }

    [Test]
    public void SeekDataAndHole_NeverHideData() => Python(
        """
        import errno, os
        fd = os.open("f", os.O_RDWR | os.O_CREAT)
        os.ftruncate(fd, 20000000)
        os.pwrite(fd, b"x" * 10, 9000000)
        for closed in (False, True):
            if closed:
                os.close(fd); fd = os.open("f", os.O_RDONLY)
            at, seen = 0, []
            while True:
                try: start = os.lseek(fd, at, os.SEEK_DATA)
                except OSError as e:
                    assert e.errno == errno.ENXIO
                    break
                at = os.lseek(fd, start, os.SEEK_HOLE)
                seen.append((start, at))
            assert any(a <= 9000000 and b >= 9000010 for a, b in seen), seen
            try: os.lseek(fd, 20000000, os.SEEK_HOLE); assert False
            except OSError as e: assert e.errno == errno.ENXIO
        """);

    [Test]
    public void DirectIo_ReadsAndWrites()
    {
        Bash("head -c 4194304 /dev/urandom > $outside/f && dd if=$outside/f of=f bs=1M oflag=direct status=none && "
            + "cmp f $outside/f && dd if=f bs=512K iflag=direct status=none | cmp - $outside/f");
        AssertKept();
    }

    [Test]
    public void TimesFarAway_AreKept()
    {
        Bash("for t in -1.5 0 1.000000001 4294967296.25 10000000000.999999999; do echo x > f$t; touch -d @$t f$t; "
            + "done");
        string times = Bash("stat -c '%n %.9Y %.9X' f*");
        Assert.That(times,
            Is.EqualTo(
                "f-1.5 -1.500000000 -1.500000000\nf0 0.000000000 0.000000000\nf1.000000001 1.000000001 1.000000001\n"
            + "f10000000000.999999999 10000000000.999999999 10000000000.999999999\n"
            + "f4294967296.25 4294967296.250000000 4294967296.250000000"));
        AssertKept();
    }

    [Test]
    public void Errors_AreTheUsualOnes() => Python(
        """
        import ctypes, errno, os
        def fails(code, action, or_else=None):
            try: action()
            except OSError as e: assert e.errno in (code, or_else), (errno.errorcode[code], str(e))
            else: raise AssertionError("did not fail with " + errno.errorcode[code])
        os.makedirs("d/e"); open("f", "w").close(); os.symlink("f", "l"); os.symlink("l2", "l1"); os.symlink("l1", "l2")
        os.symlink("new", "to-new")
        fails(errno.ENOTEMPTY, lambda: os.rmdir("d"))
        fails(errno.ENOTDIR, lambda: os.rmdir("f"))
        fails(errno.EISDIR, lambda: os.unlink("d"))
        fails(errno.EISDIR, lambda: os.open("d", os.O_WRONLY))
        fails(errno.ENOTDIR, lambda: os.open("f/x", os.O_RDONLY))
        fails(errno.ENOTDIR, lambda: os.open("f/", os.O_RDONLY))
        fails(errno.EEXIST, lambda: os.mkdir("f"))
        fails(errno.EEXIST, lambda: os.open("l", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        fails(errno.ELOOP, lambda: os.open("l", os.O_NOFOLLOW | os.O_RDONLY))
        fails(errno.ELOOP, lambda: os.open("l1", os.O_RDONLY))
        fails(errno.EINVAL, lambda: os.rename("d", "d/e/x"))
        fails(errno.ENOTEMPTY, lambda: (os.makedirs("d2"), os.rename("d2", "d")), or_else=errno.EEXIST) # xfs
        fails(errno.ENOTDIR, lambda: os.rename("d", "f"))
        fails(errno.EISDIR, lambda: os.rename("f", "d"))
        fails(errno.ENOENT, lambda: os.rename("none", "f"))
        fails(errno.EEXIST, lambda: os.link("f", "d"))
        fails(errno.EBADF, lambda: os.write(os.open("f", os.O_RDONLY), b"x"))
        fails(errno.EBADF, lambda: os.read(os.open("f", os.O_WRONLY), 1))
        fails(errno.ENODATA, lambda: os.getxattr("f", "user.none"))
        fails(errno.ENOENT, lambda: os.open("", os.O_RDONLY))
        with open("to-new", "w") as f: f.write("through a link")
        assert open("new").read() == "through a link"
        os.rename("f", "f")
        """);

    [Test]
    public void FolderOfThousands_IsListedWholeWhileItShrinks()
    {
        Python(
            """
            import os
            names = {f"name{i}" for i in range(3000)}
            os.mkdir("d")
            for n in names: os.mknod("d/" + n)
            assert set(os.listdir("d")) == names and len(os.listdir("d")) == 3000
            seen = []
            with os.scandir("d") as entries:
                for i, e in enumerate(entries):
                    seen.append(e.name)
                    assert e.is_file()
                    if i % 2: os.unlink(e.path)
            assert len(seen) == len(set(seen)) == 3000
            assert len(os.listdir("d")) == 1500
            """);
        Bash("rm -rf d && ls -A | wc -l | grep -qx 0");
    }

    [Test]
    public void LinkCounts_AreTrue()
    {
        // btrfs does not count the names of folders.
        (int folder, int smaller) = FileSystem == "btrfs" ? (1, 1) : (4, 3);
        Assert.That(
            Bash("mkdir -p d/a d/b && echo x > f && ln f g && ln g d/h && stat -c %h f d && rm f && stat -c %h g && "
                + "cat d/h && rmdir d/a && stat -c %h d"),
            Is.EqualTo($"3\n{folder}\n2\nx\n{smaller}"));
        AssertKept();
        Assert.That(Bash("[ g -ef d/h ] && rm d/h && echo more >> g && cat g"), Is.EqualTo("x\nmore"));
    }
}
