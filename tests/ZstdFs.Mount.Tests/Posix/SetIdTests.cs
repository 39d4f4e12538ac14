using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Posix;

/// <summary>
/// Who loses set-id bits and capabilities when: every kind of caller, change and mode, on a mount and in an ordinary
/// folder, with one result.
/// </summary>
[TestFixture]
internal sealed class SetIdTests
{
    // Users: the owner, in the file's group or not; another member of the group; a stranger; root. Each change is made
    // by a child that became that user.
    private const string Matrix =
        """
        import ctypes, mmap, os, subprocess, sys
        libc = ctypes.CDLL(None, use_errno=True)
        os.chdir(sys.argv[1]); os.chmod(".", 0o777); os.umask(0o022)
        with open("other", "w") as f: f.write("hello" * 10)
        def opened(flags, act):
            fd = os.open("t", flags)
            try: act(fd)
            finally: os.close(fd)
        def allocate(mode):
            def act(fd):
                if libc.fallocate(fd, mode, ctypes.c_long(0), ctypes.c_long(100)): raise OSError(ctypes.get_errno(), "")
            return act
        def copied(fd):
            source = os.open("other", os.O_RDONLY)
            os.copy_file_range(source, fd, 10, 0, 0)
        def mapped(fd):
            with mmap.mmap(fd, 10) as m: m[0] = 7
        ops = {
            "write": lambda: opened(os.O_WRONLY, lambda fd: os.write(fd, b"x")),
            "append": lambda: opened(os.O_WRONLY | os.O_APPEND, lambda fd: os.write(fd, b"x")),
            "rdwr": lambda: opened(os.O_RDWR, lambda fd: os.write(fd, b"x")),
            "mapped": lambda: opened(os.O_RDWR, mapped),
            "truncate": lambda: os.truncate("t", 2),
            "ftruncate": lambda: opened(os.O_RDWR, lambda fd: os.ftruncate(fd, 2)),
            "O_TRUNC": lambda: opened(os.O_WRONLY | os.O_TRUNC, lambda fd: None),
            "allocate": lambda: opened(os.O_RDWR, allocate(0)),
            "punch": lambda: opened(os.O_RDWR, allocate(3)),
            "copy": lambda: opened(os.O_RDWR, copied),
            "chown to the same": lambda: os.chown("t", -1, -1),
            "chown group": lambda: os.chown("t", -1, 3000),
            "chown": lambda: os.chown("t", 2001, -1),
            "chmod": lambda: os.chmod("t", 0o2755),
            "chmod without x": lambda: os.chmod("t", 0o2745),
            "acl": lambda: os.setxattr("t", "system.posix_acl_access", bytes.fromhex("02000000" "01000700ffffffff"
                "0200040005000000" "04000500ffffffff" "10000500ffffffff" "20000500ffffffff")),
            "utime": lambda: os.utime("t"),
            "setxattr": lambda: os.setxattr("t", "user.a", b"1"),
        }
        users = {"root": None, "owner": (2001, [3000]), "owner outside the group": (2001, []), "member": (2002, [3000]),
            "stranger": (2003, [])}
        of_folders = {"chown to the same", "chown group", "chown", "chmod", "chmod without x", "acl", "utime",
            "setxattr"}
        for user, who in users.items():
            for name, op in ops.items():
                # FUSE cannot tell a chown that changes nothing from what the kernel itself asks for when capabilities
                # go: then the bits stay, and a stranger is answered 0 instead of EPERM.
                if name == "chown to the same" and user in ("root", "member", "stranger"): continue
                for mode in (0o4777, 0o2777, 0o2767, 0o6777, 0o6767, 0o1777):
                    for kind in ("file", "folder") if name in of_folders else ("file",):
                        if kind == "file":
                            with open("t", "w") as f: f.write("0123456789\n")
                        else: os.mkdir("t")
                        os.chown("t", 2001,
                            4000 if name == "chown group" and user == "owner outside the group" else 3000)
                        os.chmod("t", mode)
                        if kind == "file" and user == "root":
                            os.setxattr("t", "security.capability",
                                bytes.fromhex("0100000200040000000000000000000000000000"))
                        reader, writer = os.pipe()
                        child = os.fork()
                        if child == 0:
                            try:
                                if who:
                                    os.setgroups(who[1]); os.setresgid(who[0], who[0], who[0])
                                    os.setresuid(who[0], who[0], who[0])
                                try: op(); said = "done"
                                except OSError as e: said = "errno %d" % e.errno
                                os.write(writer, said.encode())
                            finally: os._exit(0)
                        os.waitpid(child, 0)
                        said = os.read(reader, 100).decode()
                        os.close(reader); os.close(writer)
                        s = os.stat("t")
                        capable = kind == "file" and "security.capability" in os.listxattr("t")
                        size = s.st_size if kind == "file" else ""
                        print(f"{user}, {name}, {kind} {mode:o}: {said}, {s.st_mode & 0o7777:o} {s.st_uid}:{s.st_gid} "
                            f"{size}{' capable' if capable else ''}")
                        (os.unlink if kind == "file" else os.rmdir)("t")
        """;

    [Test]
    public void EveryCallerAndChange_LeavesTheBitsThatLinuxLeaves()
    {
        TestMachine.RequireRoot("becoming other users");
        using MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["-o", "allow_other,suid,dev"] });
        string control = TestMachine.CreateFolder();
        try
        {
            string script = Path.Combine(control, "matrix.py");
            File.WriteAllText(script, Matrix);
            Directory.CreateDirectory(Path.Combine(control, "ground"));
            string[] expected = Run(script, Path.Combine(control, "ground")), found = Run(script, folder.Mount);
            Assert.That(expected, Has.Length.GreaterThan(700));
            Assert.That(found.Except(expected), Is.Empty,
                () => "where Linux says\n" + string.Join('\n', expected.Except(found)));
            // The bits are in the source, not only in what the kernel remembers.
            Shell.Get($"cd '{folder.Mount}' && echo a > f && chmod 6777 f && chown 2001:3000 f && chmod 6767 f");
            Shell.Get($"setpriv --reuid=2003 --regid=2003 --clear-groups bash -c 'echo b >> {folder.Mount}/f'");
            Assert.That(Shell.Get($"stat -c %a '{folder.Source}/f.zst'"), Is.EqualTo("767"));
            folder.Unmount();
        }
        finally
        {
            Shell.Run($"rm -rf --one-file-system -- '{control}'");
        }
    }

    private static string[] Run(string script, string folder) =>
        Shell.Get($"python3 '{script}' '{folder}'", TimeSpan.FromMinutes(3)).Split('\n');
}
