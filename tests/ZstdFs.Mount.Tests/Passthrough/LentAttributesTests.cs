using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Passthrough;

/// <summary>Attributes that are set on a file while the kernel serves it by itself.</summary>
[CancelAfter(180_000)]
internal sealed class LentAttributesTests
{
    private const string Look =
        """
        CAPABLE = bytes.fromhex("0100000200040000000000000000000000000000")
        ACL = bytes.fromhex("02000000" "01000600ffffffff" "0200050041000000" "04000400ffffffff"
            "10000500ffffffff" "20000400ffffffff")
        def set_all(target):
            os.chown(target, 2001, 2002)
            os.setxattr(target, "system.posix_acl_access", ACL)
            os.setxattr(target, "user.note", b"kept")
            os.setxattr(target, "security.capability", CAPABLE)
            os.utime(target, ns=(10**18, 10**18 + 1))
        def seen(name):
            s = os.stat(name)
            acl, note = os.getxattr(name, "system.posix_acl_access"), os.getxattr(name, "user.note")
            capable = CAPABLE if "security.capability" in os.listxattr(name) else None
            return s.st_mode & 0o7777, s.st_uid, s.st_gid, s.st_mtime_ns, acl, note, capable
        ALL = (0o654, 2001, 2002, 10**18 + 1, ACL, b"kept", CAPABLE)

        """;

    [Test]
    public void AttributesOfALentFile_AreKept([Values("ext4", "xfs")] string type)
    {
        TestMachine.RequireRoot("passthrough");
        using LoopImage image = LoopImage.Create(type, 1024);
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        LentFile.Run(folder, Look + """
            for how in ("fd", "path"):
                fd = lend(CONTENT, name=how)
                set_all(fd if how == "fd" else how)
                assert is_lent(how) and seen(how) == ALL, seen(how)
                os.close(fd)
            # A write takes the capability away, although nobody here hears of it; one that is set again after it stays.
            fd = lend(CONTENT, name="written")
            set_all(fd)
            os.pwrite(fd, b"x", 5)
            assert seen("written")[-1] is None
            os.setxattr("written", "security.capability", CAPABLE)
            os.utime(fd, ns=(10**18, 10**18 + 1))
            os.close(fd)
            for name in ("fd", "path", "written"): assert seen(name) == ALL, (name, seen(name))
            sync()
            for name in ("fd", "path", "written"): assert seen(name) == ALL, (name, seen(name))
            """);
        folder.Remount();
        LentFile.Run(folder, Look + """
            for name in ("fd", "path", "written"): assert seen(name) == ALL, (name, seen(name))
            fd = lend(CONTENT, name="killed")
            set_all(fd)
            os.close(fd)
            """);
        folder.Crash();
        folder.Start();
        LentFile.Run(folder, Look + """
            for i in range(2):
                assert seen("killed") == ALL, seen("killed")
                sync()
            """);
    }
}
