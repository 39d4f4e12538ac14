using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>
/// Id-mapped mounts (mount_setattr(2), MOUNT_ATTR_IDMAP), as podman and systemd-nspawn make them: every kind of caller
/// and action on a mapped bind of a mount, and on one of an ordinary folder, with one result.
/// </summary>
[TestFixture]
internal sealed class IdMapTests
{
    // The map takes 0 to 65535 in the folder for 100000 to 165535 outside. A child that became its user does each
    // action. A line tells what the action said, and what it changed as the folder and as its mapped bind show it.
    private const string Matrix =
        """
        import ctypes, fcntl, os, stat, struct, subprocess, sys
        libc = ctypes.CDLL(None, use_errno=True)
        ground, mapped = sys.argv[1:3]
        NEWNS, NEWUSER, CLONED, IDMAP, FOLLOW = 0x20000, 0x10000000, 0x80001, 0x100000, 0x400
        def must(result):
            if result < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            return result
        def user_name_space():
            ready, go = os.pipe(), os.pipe()
            child = os.fork()
            if child == 0:
                must(libc.unshare(NEWUSER)); os.write(ready[1], b"x"); os.read(go[0], 1); os._exit(0)
            os.read(ready[0], 1)
            for kind in "uid", "gid":
                with open(f"/proc/{child}/{kind}_map", "w") as f: f.write("0 100000 65536")
            space = os.open(f"/proc/{child}/ns/user", os.O_RDONLY)
            os.write(go[1], b"x"); os.waitpid(child, 0)
            return space
        space = user_name_space()
        # Nobody else sees the bind, and it goes with this process.
        must(libc.unshare(NEWNS)); must(libc.mount(b"none", b"/", None, 0x44000, None))
        tree = must(libc.syscall(428, -100, os.fsencode(ground), CLONED))
        attributes = struct.pack("QQQQ", IDMAP, 0, 0, space)
        must(libc.syscall(442, tree, b"", 0x1000, attributes, len(attributes)))
        must(libc.syscall(429, tree, b"", -100, os.fsencode(mapped), 4))
        os.umask(0o022)

        def write(path, flags=os.O_WRONLY | os.O_CREAT):
            fd = os.open(path, flags, 0o666)
            try: os.write(fd, b"abc")
            finally: os.close(fd)
        def unnamed():
            fd = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o644)
            s = os.fstat(fd)
            must(libc.linkat(-100, b"/proc/self/fd/%d" % fd, -100, b"new", FOLLOW))
            return f"{s.st_uid}:{s.st_gid}"
        def copied(): os.copy_file_range(os.open("his", os.O_RDONLY), os.open("bits", os.O_WRONLY), 3)
        def allocated(): must(libc.fallocate(os.open("bits", os.O_RDWR), 0, ctypes.c_long(0), ctypes.c_long(9)))
        def flags(value):
            fd, buffer = os.open("his", os.O_RDONLY), bytearray(8)
            fcntl.ioctl(fd, 0x80086601, buffer)
            fcntl.ioctl(fd, 0x40086602, struct.pack("q", struct.unpack("q", buffer)[0] | value))
        NONE = 0xffffffff
        def acl(user, rights=(6, 6, 4, 6, 0)):
            entries = zip((1, 2, 4, 16, 32), rights, (NONE, user, NONE, NONE, NONE))
            return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
        def set_acl(user): os.setxattr("his", "system.posix_acl_access", acl(user))
        capability = bytes.fromhex("0100000200040000000000000000000000000000")
        actions = {
            "create": lambda: write("new"), "mkdir": lambda: os.mkdir("new"), "mkfifo": lambda: os.mkfifo("new"),
            "node": lambda: os.mknod("new", stat.S_IFCHR | 0o600, os.makedev(1, 3)),
            "link": lambda: os.link("his", "new"),
            "socket": lambda: os.mknod("new", stat.S_IFSOCK | 0o600), "symlink": lambda: os.symlink("his", "new"),
            "tmpfile": unnamed, "create in a set-gid folder": lambda: write("gidfolder/new"),
            "mkdir in a set-gid folder": lambda: os.mkdir("gidfolder/new"),
            "create, sticky": lambda: write("sticky/new"),
            "create below an ACL": lambda: write("aclfolder/new"), "create in his folder": lambda: write("folder/new"),
            "read private": lambda: os.open("private", os.O_RDONLY), "write private": lambda: write("private"),
            "read the group's": lambda: os.open("group", os.O_RDONLY), "write his": lambda: write("his"),
            "access": lambda: os.access("private", os.R_OK), "chmod": lambda: os.chmod("his", 0o640),
            "chmod set-gid": lambda: os.chmod("his", 0o2755),
            "chown to himself": lambda: os.chown("his", 101000, 101000),
            "chown to another": lambda: os.chown("his", 101001, -1),
            "chown to none": lambda: os.chown("his", 1000, 1000),
            "chgrp": lambda: os.chown("his", -1, 103000), "chgrp bits": lambda: os.chown("bits", -1, 103000),
            "utime": lambda: os.utime("his", (5, 5)), "touch": lambda: os.utime("his"),
            "setxattr": lambda: os.setxattr("his", "user.a", b"b"),
            "trusted": lambda: os.setxattr("his", "trusted.a", b"b"),
            "ACL": lambda: set_acl(101001), "ACL inside": lambda: set_acl(1001),
            "ACL for none": lambda: set_acl(200000),
            "capability": lambda: os.setxattr("his", "security.capability", capability),
            "read attributes": lambda: [os.getxattr("aclfolder", a).hex() for a in os.listxattr("aclfolder")],
            "rename": lambda: os.rename("his", "new"), "rename over": lambda: os.rename("his", "private"),
            "rename, sticky": lambda: os.rename("sticky/private", "new"),
            "unlink, sticky": lambda: os.unlink("sticky/private"),
            "unlink": lambda: os.unlink("his"), "rmdir": lambda: os.rmdir("folder"),
            "write bits": lambda: write("bits"),
            "truncate bits": lambda: os.truncate("bits", 1), "copy to bits": copied,
            "empty bits": lambda: os.open("bits", os.O_WRONLY | os.O_TRUNC), "allocate bits": allocated,
            "list": lambda: sorted(os.listdir("folder")), "append-only": lambda: flags(0x20),
            "nodump": lambda: flags(0x40),
        }
        def make():
            os.chdir(ground); os.chmod(".", 0o777)
            for name, mode, user, group in (("his", 0o644, 1000, 1000), ("private", 0o600, 1001, 1001),
                    ("group", 0o640, 1001, 3000), ("bits", 0o6777, 1000, 3000)):
                write(name); os.chown(name, user, group); os.chmod(name, mode)
            for name, mode, user, group in (("folder", 0o755, 1000, 1000), ("gidfolder", 0o2777, 1001, 3000),
                    ("sticky", 0o1777, 0, 0), ("aclfolder", 0o777, 0, 0)):
                os.mkdir(name); os.chown(name, user, group); os.chmod(name, mode)
            os.setxattr("aclfolder", "system.posix_acl_default", acl(1001, (7, 6, 5, 7, 0)))
            write("sticky/private"); os.chown("sticky/private", 1001, 1001)
        def look(folder):
            os.chdir(folder)
            lines = []
            for parent, folders, files in os.walk("."):
                for name in folders + files:
                    path = os.path.join(parent, name)
                    s = os.lstat(path)
                    line = f"{path[2:]} {s.st_mode:o} {s.st_uid}:{s.st_gid} {s.st_nlink}"
                    if stat.S_ISREG(s.st_mode): line += f" {s.st_size}"
                    for attribute in sorted(os.listxattr(path, follow_symlinks=False)):
                        line += f" {attribute}={os.getxattr(path, attribute, follow_symlinks=False).hex()}"
                    lines.append(line)
            return set(lines)
        # Those inside are of the name space that makes the map: its root has rights over what is mapped.
        users = {"root inside": (0, [], True), "user inside": (1000, [3000], True),
            "mapped user": (101000, [103000], False),
            "other mapped user": (101001, [], False), "mapped to root": (100000, [], False), "root": (0, [], None),
            "unmapped user": (1000, [], False)}
        make(); before = look(ground)
        for user, (number, groups, inside) in users.items():
            for name, action in actions.items():
                sys.stdout.flush()
                reader, writer = os.pipe()
                child = os.fork()
                if child == 0:
                    said = "did not come to it"
                    try:
                        if inside: must(libc.setns(space, NEWUSER))
                        if inside is not None:
                            os.setgroups(groups); os.setresgid(number, number, number)
                            os.setresuid(number, number, number)
                        os.umask(0o022); os.chdir(mapped)
                        value = action()
                        said = "done" if isinstance(value, int) and not isinstance(value, bool) else str(value)
                    except OSError as e: said = "errno %d" % e.errno
                    except Exception as e: said = "did not come to it: " + repr(e)
                    finally: os.write(writer, said.encode()); os._exit(0)
                os.waitpid(child, 0); os.close(writer)
                said = os.read(reader, 1000).decode(); os.close(reader)
                after = look(ground)
                print(f"{user}, {name}: {said} | {sorted(after - before)} {sorted(before - after)}", end="")
                if after != before or name in ("append-only", "nodump", "utime", "touch"):
                    print(f" | {sorted(look(mapped))}", end="")
                    os.chdir(ground); subprocess.call("chattr -a his 2> /dev/null; rm -rf -- *", shell=True); make()
                    before = look(ground)
                print()
        os.chdir("/")
        """;

    [Test]
    public void EveryCallerAndAction_OnAMappedBind_IsAsOnOneOfAnOrdinaryFolder()
    {
        TestMachine.RequireRoot("mapping ids");
        if (Environment.OSVersion.Version < new Version(6, 12))
            TestMachine.CannotRun("id-mapped FUSE mounts need Linux 6.12");
        using MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["-o", "allow_other,suid,dev"] });
        string place = TestMachine.CreateFolder();
        try
        {
            string script = Path.Combine(place, "matrix.py");
            File.WriteAllText(script, Matrix);
            string[] expected = Run(script, place, Directory.CreateDirectory(Path.Combine(place, "ground")).FullName);
            string[] found = Run(script, place, folder.Mount);
            Assert.That(expected, Has.Length.EqualTo(7 * 48));
            Assert.That(expected, Has.None.Contains("did not come to it"));
            int refused = expected.Count(line => line.Contains("errno", StringComparison.Ordinal));
            Assert.That(refused, Is.InRange(60, 200), "some may, some may not");
            Assert.That(expected, Has.Some.StartsWith("mapped user, create: None | ['new 100644 1000:1000 1 3']"));
            Assert.That(expected, Has.Some.StartsWith("root, create: errno 75 |"), "EOVERFLOW");
            string Missed() => "where Linux says\n" + string.Join('\n', expected.Except(found));
            Assert.That(found.Except(expected), Is.Empty, Missed);
            folder.Unmount();
        }
        finally
        {
            Shell.Run($"rm -rf --one-file-system -- '{place}'");
        }
    }

    private static string[] Run(string script, string place, string ground)
    {
        string mapped = Directory.CreateDirectory(Path.Combine(place, "mapped")).FullName;
        return Shell.Get($"python3 '{script}' '{ground}' '{mapped}'", TimeSpan.FromMinutes(3)).Split('\n');
    }
}
