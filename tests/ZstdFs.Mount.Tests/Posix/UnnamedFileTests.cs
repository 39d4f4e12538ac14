using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>open(2) with O_TMPFILE: a file that has no name until linkat(2) gives it one.</summary>
internal sealed class UnnamedFileTests(Ground ground) : GroundTests(ground)
{
    private const string Calls =
        """
        import ctypes, errno, os
        libc = ctypes.CDLL(None, use_errno=True)
        AT_FDCWD, AT_SYMLINK_FOLLOW = -100, 0x400
        def name(fd, path):
            if libc.linkat(AT_FDCWD, b"/proc/self/fd/%d" % fd, AT_FDCWD, path.encode(), AT_SYMLINK_FOLLOW):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        def refused(code, call):
            try: call(); raise AssertionError("done")
            except OSError as e: assert e.errno == code, e
        """;

    /// <summary>
    /// A write would take the capability or the set-id bit away, and a file without a name gets no new version: what
    /// fsync was answered for is in a working copy that a power cut leaves.
    /// </summary>
    [TestCase("os.fchmod(fd, 0o4755)")]
    [TestCase("os.setxattr(fd, 'security.capability', bytes.fromhex('0100000200040000000000000000000000000000'))")]
    public void UnnamedFileWithPrivileges_IsOnDiskAfterFsync(string give)
    {
        if (give.Contains("capability", StringComparison.Ordinal)
            && IsForRootOnly("capabilities", "setcap cap_net_raw+ep refused"))
            return;
        string source = OnMount ? Mounted.Source : "";
        Python(
            $$"""
            {{Calls}}
            import subprocess
            fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o755)
            os.write(fd, b"content" * 100)
            {{give}}
            os.fsync(fd)
            name(fd, "f")
            os.fsync(os.open(".", os.O_RDONLY))
            if "{{source}}":
                # It is stored, or the name of its working copy says that all of it was synchronised.
                copies = os.listdir("{{source}}/.zstdfs/working")
                stored = subprocess.run(["zstd", "-qdc", "{{source}}/f.zst"], capture_output=True).stdout
                synced = any(copy.endswith(".synced") for copy in copies)
                assert synced if copies else stored == b"content" * 100, copies
            """, TimeSpan.FromMinutes(1));
        Assert.That(Bash("cat f | wc -c"), Is.EqualTo("700"));
    }

    [TestCase(20)]
    [TestCase(3_000_000)]
    public void UnnamedFile_IsWrittenAndThenGivenNames(int size)
    {
        Python(
            $$"""
            {{Calls}}
            os.umask(0o027); os.mkdir("d")
            content = os.urandom({{size}})
            fd = os.open("d", os.O_TMPFILE | os.O_RDWR, 0o666)
            assert os.write(fd, content) == len(content) and os.pread(fd, len(content), 0) == content
            before = os.fstat(fd)
            assert (before.st_nlink, before.st_size, before.st_mode & 0o7777) == (0, len(content), 0o640), before
            assert os.listdir("d") == []
            os.fsync(fd)
            open("taken", "w").close()
            refused(errno.EEXIST, lambda: name(fd, "taken"))
            name(fd, "d/f")
            after = os.stat("d/f")
            assert (after.st_ino, after.st_nlink, after.st_size) == (before.st_ino, 1, len(content)), after
            name(fd, "second")
            assert os.fstat(fd).st_nlink == os.stat("second").st_nlink == 2
            os.pwrite(fd, b"changed", 5)
            content = content[:5] + b"changed" + content[12:]
            assert open("second", "rb").read() == content
            os.close(fd)
            assert open("d/f", "rb").read() == open("second", "rb").read() == content
            """);
        AssertKept();
    }

    [TestCase(20)]
    [TestCase(3_000_000)]
    public void UnnamedFileNeverNamed_LeavesNothing(int size)
    {
        Python(
            $$"""
            {{Calls}}
            fd = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
            os.write(fd, b"x" * {{size}})
            refused(errno.ENOENT, lambda: name(fd, "f")) # O_EXCL: never
            os.close(fd)
            fd = os.open(".", os.O_TMPFILE | os.O_WRONLY, 0o600)
            os.write(fd, b"x" * {{size}})
            os.ftruncate(fd, {{size}} // 2)
            assert os.fstat(fd).st_size == {{size}} // 2
            os.close(fd)
            refused(errno.EINVAL, lambda: os.open(".", os.O_TMPFILE | os.O_RDONLY))
            assert os.listdir(".") == []
            """);
        Remount();
        Assert.That(Bash("ls -A"), Is.Empty);
        if (OnMount)
            Assert.That(
                Shell.Get(
                    $"find '{Mounted.Source}' -name .zstdfs -prune -o -type f -print; "
                    + $"ls -A '{Mounted.Source}/.zstdfs/working'"),
                Is.Empty);
    }
}
