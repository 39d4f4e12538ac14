using System.Text;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Damage;

/// <summary>
/// Sources that somebody prepared against the daemon: names, symbolic links, and what lies in <c>.zstdfs</c>.
/// docs/damage.md has the outcomes.
/// </summary>
[CancelAfter(180_000)]
internal sealed class HostileSourceTests
{
    /// <summary>
    /// Python: makes the entry in the source (the working folder), and a byte string that says what the mount has under
    /// which name.
    /// </summary>
    private sealed record NameRow(string Name, string Make, string Look, string Outcome);

    private static readonly NameRow[] Names =
    [
        new("`x.zst.zst`", "z(b'x.zst.zst', b'twice')", "read(b'x.zst') == b'twice'", "shows as `x.zst`"),
        new("`.zst` alone", "z(b'.zst', b'nameless')", "b'.zst' not in names and b'' not in names",
            "not shown: it would have no name"),
        new("a newline in the name", "z(b'a\\nb.zst', b'newline')", "read(b'a\\nb') == b'newline'", "shows and reads"),
        new("255 bytes", "z(b'n' * 251 + b'.zst', b'long')", "read(b'n' * 251) == b'long'", "shows with 251 and reads"),
        new("a shortened name whose whole one is lost", "z(short + b'.zst', b'lost')",
            "short in names and read(short) == b'lost' and read(b'w' * 255) == b'lost'",
            "shows under the shortened one, reads under both"),
        new("not UTF-8", "z(b'\\xff\\xfe\\x80.zst', b'bytes')", "read(b'\\xff\\xfe\\x80') == b'bytes'",
            "shows and reads, byte for byte"),
        new("control characters, quotes, a backslash", "z(b'\\x1b[31m\\'\"\\\\.zst', b'red')",
            "read(b'\\x1b[31m\\'\"\\\\') == b'red'", "shows and reads"),
        new("`..zst` and `...zst`", "z(b'..zst', b'dot'); z(b'...zst', b'dots')",
            "b'..' not in names and b'.' not in names", "not shown where the name would be `.` or `..`"),
        new("a folder called `d.zst`", "os.mkdir('d.zst'); z(b'd.zst/f.zst', b'inside')",
            "read(b'd.zst/f') == b'inside'", "shows as the folder `d.zst`"),
        new("a fifo called `p.zst`", "os.mkfifo('p.zst')", "stat.S_ISFIFO(os.lstat(b'p.zst').st_mode)",
            "shows as itself"),
        new("a symbolic link `l.zst` to a stored file outside",
            "z(outside + b'/secret.zst', b'secret'); os.symlink(outside + b'/secret.zst', 'l.zst')",
            "os.readlink(b'l.zst') == outside + b'/secret.zst' and b'l' not in names",
            "shows as a link under its own name; never decoded"),
        new("a symbolic link to a folder outside", "os.symlink(outside, 'out')",
            "os.readlink(b'out') == outside and absent(b'out/secret')",
            "a link that its user follows, without the daemon"),
        new("a symbolic link to `..`, and one to itself", "os.symlink('../..', 'up'); os.symlink('loop', 'loop')",
            "os.readlink(b'up') == b'../..' and os.readlink(b'loop') == b'loop'", "links like any other"),
        new("`x` beside `x.zst`", "z(b'both.zst', b'compressed'); open('both', 'wb').write(b'plain')",
            "read(b'both') == b'compressed'", "the stored one shows; the log says so"),
        new("a file that nobody may read", "z(b'closed.zst', b'closed'); os.chmod('closed.zst', 0)",
            "stat.S_IMODE(os.lstat(b'closed').st_mode) == 0", "shows with its mode"),
        new("a socket called `s.zst`", "socket.socket(socket.AF_UNIX).bind('s.zst')",
            "stat.S_ISSOCK(os.lstat(b's.zst').st_mode)", "shows as itself"),
    ];

    private const string Prologue = """
        import hashlib, os, socket, stat, subprocess, sys
        source, mount, outside = sys.argv[1], sys.argv[2], os.fsencode(sys.argv[3])
        short = b'w' * 218 + b'%' + hashlib.sha256(b'w' * 255).hexdigest()[:32].encode()
        def z(name, content):
            stored = subprocess.run(['zstd', '-qc'], input=content, stdout=subprocess.PIPE, check=True).stdout
            with open(name, 'wb') as f: f.write(stored)
        def read(name):
            with open(name, 'rb') as f: return f.read()
        def absent(name):
            try: os.lstat(name)
            except FileNotFoundError: return True

        """;

    [Test]
    public void HostileNames_ShowAsTheTableSays_AndNothingIsReachedThroughThem()
    {
        using MountedFolder folder = MountedFolder.Prepared();
        string outside =
            Directory.CreateDirectory(Path.Combine(Path.GetDirectoryName(folder.Mount)!, "outside")).FullName;
        Python(folder, outside, "os.chdir(source)\n" + string.Concat(Names.Select(static row => row.Make + "\n")));
        folder.Start();
        Python(folder, outside, "os.chdir(mount)\nnames = [e for e in os.listdir(b'.')]\n"
            + string.Concat(Names.Select(static row => $"assert {row.Look}, ({Literal(row.Name)}, names)\n")));
        Assert.That(folder.Log, Does.Contain("both"));
        folder.Unmount();
        DamageTable.Check("Hostile names", [.. Names.Select(static row => (row.Name, row.Outcome))]);
    }

    private static string Literal(string text) => "'" + text.Replace("'", "\\'", StringComparison.Ordinal) + "'";

    private static void Python(MountedFolder folder, string outside, string script)
    {
        string file = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "script.py");
        File.WriteAllText(file, Prologue + script, new UTF8Encoding(false));
        Shell.Get($"python3 '{file}' '{folder.Source}' '{folder.Mount}' '{outside}'");
    }

    /// <summary>
    /// A folder in the source and a link to a folder outside change places thousands of times, while the mount reads,
    /// writes and makes files below the name.
    /// </summary>
    [Test]
    public void FolderSwappedForALink_TheDaemonNeverFollowsIt()
    {
        // each open looks the folder up
        using MountedFolder folder = MountedFolder.Prepared(new MountSetup { Options = ["--cache-timeout=0"] });
        string outside =
            Directory.CreateDirectory(Path.Combine(Path.GetDirectoryName(folder.Mount)!, "outside")).FullName;
        const string Race = """
            import ctypes, threading, time
            libc = ctypes.CDLL(None, use_errno=True)
            begin = time.time()
            swaps = i = 0
            seen = set()
            def is_enough(): return swaps > 1000 and i > 100 and b'inside' in seen and 'link' in seen
            def goes_on():
                spent = time.time() - begin
                return spent < 5 or spent < 120 and not is_enough()
            def swap():
                global swaps
                while goes_on():
                    libc.renameat2(-100, os.fsencode(source + '/d'), -100, os.fsencode(source + '/l'), 2)
                    swaps += 1
            racer = threading.Thread(target=swap)
            racer.start()
            while goes_on():
                i += 1
                # os.open with O_NOFOLLOW: should the kernel see a link, this program must not be the one that follows
                # it.
                try: folder = os.open(mount + '/d', os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                except OSError: seen.add('link'); continue
                try:
                    try:
                        f = os.open('f', os.O_RDONLY, dir_fd=folder); seen.add(os.read(f, 100)); os.close(f)
                        f = os.open('f', os.O_WRONLY | os.O_TRUNC, dir_fd=folder); os.write(f, b'inside'); os.close(f)
                        f = os.open('n%d' % (i % 50), os.O_WRONLY | os.O_CREAT, dir_fd=folder); os.write(f, b'new')
                        os.close(f)
                        os.unlink('n%d' % (i % 50), dir_fd=folder)
                        os.listdir(folder)
                    except OSError as e: seen.add(e.errno)
                finally: os.close(folder)
            racer.join()
            assert b'secret' not in seen and b'inside' in seen and 'link' in seen, seen
            assert swaps > 1000 and i > 100, (swaps, i)
            """;
        Python(folder, outside,
            "os.chdir(source)\nos.mkdir('d'); z('d/f.zst', b'inside'); z(outside + b'/f.zst', b'secret'); "
            + "os.symlink(outside, 'l')");
        string before = Shell.Get($"cd '{outside}' && ls -lai --time-style=full-iso && sha256sum *");
        folder.Start();
        Python(folder, outside, Race);
        folder.Program("sync", folder.Mount);
        Assert.That(Shell.Get($"cd '{outside}' && ls -lai --time-style=full-iso && sha256sum *"), Is.EqualTo(before),
            "something outside the source was touched");
        folder.Unmount();
    }

    [Test]
    public void StateFolderOfAnotherMaking_IsRefusedOrPutInOrder_AsTheTableSays()
    {
        (string Name, string Make, string Outcome)[] rows =
        [
            ("a symbolic link to a folder outside", "rm -rf .zstdfs; ln -s ../outside .zstdfs", MountsReadOnly),
            ("a file", "rm -rf .zstdfs; echo hello > .zstdfs", MountsReadOnly),
            ("a dangling symbolic link", "rm -rf .zstdfs; ln -s nowhere .zstdfs", MountsReadOnly),
            ("`state` is noise", "head -c 80 /dev/urandom > .zstdfs/state", Refused),
            ("`state` is cut short", "truncate -s 33 .zstdfs/state", Refused),
            ("`state` has one byte flipped", "printf 'X' | dd of=.zstdfs/state bs=1 seek=40 conv=notrunc status=none",
                Refused),
            ("`state` is a symbolic link", "mv .zstdfs/state ../outside/state; ln -s ../../outside/state .zstdfs/state",
                MountsReadOnly),
            ("`state` is gone, and a working copy is there that was never synchronised",
                "rm .zstdfs/state; head -c 5000 /dev/urandom > .zstdfs/working/0010000000000001-1-1", Mounts),
            ("`working` is a symbolic link to a folder outside",
                "rm -rf .zstdfs/working; ln -s ../../outside .zstdfs/working", MountsReadOnly),
            ("`working` is gone", "rm -rf .zstdfs/working", Mounts),
            ("all of it is gone", "rm -rf .zstdfs", Mounts),
            ("`working` holds noise under every kind of name",
                "cd .zstdfs/working; for p in '' commit- redo- early- unnamed-; "
                + "do head -c 5000 /dev/urandom > ${p}0010000000000001-1-1; done; head -c 9 /dev/urandom > x",
                Mounts),
            ("a working copy whose record is noise",
                "head -c 5000 /dev/urandom > .zstdfs/working/0010000000000001-1-2; "
                + "setfattr -n user.zstdfs.working -v 0x$(head -c 72 /dev/urandom | od -An -v -tx1 | tr -d ' \\n"
                + "') .zstdfs/working/0010000000000001-1-2",
                Mounts),
            ("`inodes`, `check`, `conversion-0` are noise",
                "cd .zstdfs; head -c 500 /dev/urandom | tee inodes check > conversion-0", Mounts),
        ];
        var outcomes = new List<(string, string)>();
        foreach ((string name, string make, string expected) in rows)
        {
            using MountedFolder folder = MountedFolder.Create();
            File.WriteAllText(Path.Combine(folder.Mount, "f"), "content");
            folder.Unmount();
            string outside =
                Directory.CreateDirectory(Path.Combine(Path.GetDirectoryName(folder.Mount)!, "outside")).FullName;
            File.WriteAllText(Path.Combine(outside, "kept"), "kept");
            Shell.Get($"cd '{folder.Source}' && {{ {make}; }}");
            string before = Shell.Get($"cd '{outside}' && sha256sum *");
            ShellResult mounted = folder.Program("mount", folder.Source, folder.Mount);
            string outcome = mounted.ExitCode switch { 0 => Mounts, 3 => Refused, _ => mounted.ToString() };
            if (mounted.ExitCode == 0)
            {
                if (Shell.Run($"touch '{folder.Mount}/new'").Error.Contains("Read-only", StringComparison.Ordinal))
                {
                    Assert.That(mounted.Error, Does.Contain("read-only"), name);
                    outcome = MountsReadOnly;
                }
                Assert.That(File.ReadAllText(Path.Combine(folder.Mount, "f")), Is.EqualTo("content"), name);
                Assert.That(folder.Program("unmount", folder.Mount).ExitCode, Is.Zero, name);
            }
            else
                Assert.That(mounted.Error, Does.Contain("zstdfs"), name);
            Assert.That(Shell.Get($"cd '{outside}' && sha256sum *"), Is.EqualTo(before),
                $"{name}: something outside the source was touched");
            Assert.That(Shell.Get($"zstd -qdc '{folder.Source}/f.zst'"), Is.EqualTo("content"), name);
            outcomes.Add((name, outcome));
            Assert.That(outcome, Is.EqualTo(expected), name);
        }
        DamageTable.Check("What is in `.zstdfs`", outcomes);
    }

    private const string Refused = "the mount is refused (3), and nothing touched";
    private const string MountsReadOnly = "mounts read-only, says so, and reads whole";
    private const string Mounts = "mounts, and reads whole";
}
