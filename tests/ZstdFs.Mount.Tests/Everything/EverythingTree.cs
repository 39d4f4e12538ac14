using ZstdFs.Mount.Tests.Damage;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Everything;

/// <summary>
/// A tree with one of everything that a folder may hold: names, kinds, attributes, holes, links, and .zst files of the
/// user's own, those among them that nothing decodes.
/// </summary>
internal static class EverythingTree
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Python: makes the tree in the folder argv[1].</summary>
    private const string Maker =
        """
        import os, socket, struct, subprocess, sys
        os.chdir(sys.argv[1]); os.umask(0o022)
        def put(name, content=None, mode=0o644):
            with open(name, "wb") as f: f.write(b"content of " + name if content is None else content)
            os.chmod(name, mode)
        def zst(name, content, *options):
            put(name, subprocess.run(["zstd", "-qc", *options], input=content, stdout=-1, check=True).stdout)
        def within(folder):
            os.mkdir(folder); os.chdir(folder)
        text = b"".join(b"line %d of a text\n" % i for i in range(60000))

        # Names of every length around the limit, of every kind of byte.
        within(b"names")
        for length in (1, 250, 251, 252, 253, 254, 255):
            put(b"n" * length); put(b"." + b"h" * (length - 1) if length > 1 else b"~"); put(b"%" * length)
            os.symlink(b"target", b"s" * length)
        put("€".encode() * 84); put("€".encode() * 85); put("é".encode() * 126 + b"x"); put("é".encode() * 127)
        put(b"\xff" * 252); put(b"\xfe\x80" * 127 + b"\xfd"); put(b"\xc3" * 254); put(b"not utf-8 \xe4")
        put(b"new\nline"); put(b"\t\x01\x1b[31m"); put(b"back\\slash 'quote' \"double\""); put(b"-rf"); put(b"...")
        put(b" leading and trailing "); put(b"$(touch x) `y` *?[z]")
        put(b"a%"); put(b"x.zs%"); put(b"p" * 20 + b"%" + b"0123456789abcdef" * 2)
        for length in (248, 250, 251): put(b"z" * length + b".zst")
        os.mkdir(b"d" * 255); put(b"d" * 255 + b"/" + b"i" * 255)
        os.mkdir(b"d" * 251 + b".zst"); put(b"d" * 251 + b".zst/" + b"i" * 252)
        os.mkfifo(b"f" * 255); os.mkdir(b"\xff" * 255)
        os.chdir("..")

        # Names that meet in the source and nowhere else.
        within(b"meeting")
        def folder(name):
            os.mkdir(name); put(name + b"/inner"); put(name + b"/inner.zst")
        makers = {
            b"folder": folder, b"link": lambda name: os.symlink(b"elsewhere", name), b"fifo": os.mkfifo,
            b"node": lambda name: os.mknod(name, 0o20600, os.makedev(1, 3)),
            b"file": put, b"own": lambda name: zst(name, b"what the user compressed"),
        }
        for number, (kind, make) in enumerate(makers.items()):
            if number % 2: put(kind)
            make(kind + b".zst"); make(kind + b".zst.zst")
            # In a folder that becomes a source, these mean others: docs/posix.md.
            if "escaped" in sys.argv or kind in (b"file", b"own"): make(kind + b".zs%"); make(kind + b".zs%%")
            if not number % 2: put(kind)
        folder(b"long" * 60 + b".zst"); put(b"long" * 60)
        os.mkdir(b"deep.zst"); os.mkdir(b"deep.zst/deep.zst"); put(b"deep.zst/deep"); put(b"deep.zst/deep.zst/deep.zst")
        os.chdir("..")

        # What the user compressed.
        within(b"own")
        zst(b"one.zst", text); zst(b"two.zst.zst", b"inside"); zst(b"empty.zst", b""); put(b"nothing.zst", b"")
        zst(b"level.zst", text, "-19"); zst(b"unchecked.zst", text, "--no-check")
        with open(b"level.zst", "rb") as f: frame = f.read()
        put(b"several.zst", frame + struct.pack("<II", 0x184D2A50, 5) + b"hello" + frame)
        zst(b"window.zst", text * 3, "--long=27")
        os.link(b"one.zst", b"linked.zst"); os.symlink(b"one.zst", b"link.zst")
        put(b".zst", b"only a suffix"); os.chmod(b"several.zst", 0o440); os.setxattr(b"level.zst", "user.note", b"mine")
        os.chdir("..")

        # Contents.
        within(b"contents")
        for length in (0, 1, 511, 4096, 65535, 524287, 524288, 524289, 1572871):
            put(b"%d" % length, (text * 2)[:length])
        put(b"noise", os.urandom(1500000))
        with open(b"sparse", "wb") as f: f.seek(9000000); f.write(b"middle"); f.truncate(20000000)
        with open(b"holes", "wb") as f: f.truncate(7340033)
        os.chdir("..")

        # Links, kinds and attributes.
        within(b"attributes")
        os.mkdir("other"); put(b"first", text[:3000]); put(b"large", text)
        for n in (b"second", b"other/third", b"l" * 255, b"other/" + b"m" * 253): os.link(b"first", n)
        for n in (b"other/large", b"k" * 252): os.link(b"large", n)
        os.symlink(b"/nowhere/at/all", b"dangling"); os.symlink(b"other", b"to a folder")
        os.symlink(b"t" * 1000, b"long target"); os.symlink(b"\xff\xfe", b"bytes")
        os.mkfifo(b"fifo", 0o620); os.mknod(b"block", 0o60640, os.makedev(7, 250))
        os.mknod(b"character", 0o20666, os.makedev(1, 5))
        with socket.socket(socket.AF_UNIX) as s: s.bind(b"socket")
        os.mkdir(b"empty"); os.mkdir(b"sticky"); os.chmod(b"sticky", 0o1777)
        os.mkdir(b"group"); os.chown(b"group", 12, 34); os.chmod(b"group", 0o2775)
        for mode in (0o000, 0o200, 0o400, 0o444, 0o555, 0o1644): put(b"mode %o" % mode, mode=mode)
        put(b"set-id"); os.chown(b"set-id", 1234, 4321); os.chmod(b"set-id", 0o6755)
        put(b"nobody's", mode=0o600); os.chown(b"nobody's", 65534, 65534)
        os.symlink(b"x", b"owned link"); os.chown(b"owned link", 77, 88, follow_symlinks=False)
        put(b"attributed"); os.setxattr(b"attributed", "user.binary", bytes(range(100)))
        for name, value in (("user.text", b"kept"), ("user.empty", b""), ("trusted.mine", b"root's")):
            os.setxattr(b"attributed", name, value)
        os.setxattr(b"other", "user.folder", b"too")
        put(b"capable", mode=0o755); subprocess.run(["setcap", "cap_net_raw+ep", b"capable"], check=True)
        put(b"listed"); subprocess.run(["setfacl", "-m", "u:12345:rw,g:54321:r,m:rw", b"listed"], check=True)
        os.mkdir(b"default"); subprocess.run(["setfacl", "-d", "-m", "u:12345:rwx", b"default"], check=True)
        put(b"default/inherits"); put(b"read-only")
        os.mkdir(b"closed"); put(b"closed/inner"); os.chmod(b"closed", 0o555)
        put(b"ancient"); os.utime(b"ancient", ns=(10**18, -1876543211))
        put(b"future"); os.utime(b"future", ns=(10**18, 1896000000000000001))
        os.chdir("..")

        # Times of their own, to the nanosecond. Access times in the future, so that no look moves them.
        count = 0
        for folder, folders, files in os.walk(b".", topdown=False):
            for n in files + folders:
                count += 1
                if n not in (b"ancient", b"future"):
                    times = (2061331505555555555, 1500000000000000000 + count * 86400123456789)
                    os.utime(os.path.join(folder, n), ns=times, follow_symlinks=False)
        """;

    /// <summary>
    /// Python: prints all that there is to see of the tree argv[1], in ASCII. Each further word leaves something out.
    /// </summary>
    private const string Describer =
        """
        import hashlib, os, stat, sys
        os.chdir(sys.argv[1]); without = sys.argv[2:]
        links, lines = {}, []
        def describe(p):
            s = os.lstat(p); kind = stat.S_IFMT(s.st_mode)
            if stat.S_ISSOCK(kind) and "sockets" in without: return
            told = [oct(s.st_mode), s.st_uid, s.st_gid]
            if stat.S_ISREG(kind) or "times" not in without:
                told.append(s.st_mtime_ns if "nanoseconds" not in without else s.st_mtime_ns // 10**9)
            if not stat.S_ISDIR(kind): told.append(("links", s.st_nlink))
            if stat.S_ISREG(kind):
                told.append(("size", s.st_size))
                if "sparseness" not in without: told.append(("sparse", s.st_blocks * 512 + 4096 < s.st_size))
                try:
                    with open(p, "rb") as f: told.append(hashlib.file_digest(f, "sha256").hexdigest())
                except OSError as e: told.append(("unreadable", e.errno))
                if s.st_nlink > 1: told.append(("same as", links.setdefault(s.st_ino, p)))
            if stat.S_ISLNK(kind): told.append(os.readlink(p))
            if stat.S_ISCHR(kind) or stat.S_ISBLK(kind): told.append(s.st_rdev)
            for n in sorted(os.listxattr(p, follow_symlinks=False)):
                if "attributes" not in without and not n.startswith("user.zstdfs"):
                    told.append((n, os.getxattr(p, n, follow_symlinks=False)))
            lines.append(f"{p!r}: {told}")
        for folder, folders, files in os.walk(b"."):
            if folder == b"." and b".zstdfs" in folders: folders.remove(b".zstdfs")
            folders.sort()
            for n in sorted(folders + files): describe(os.path.join(folder, n))
        print("\n".join(sorted(lines)))
        """;

    private const string SetTimes =
        """
        find . -type f -exec touch -a -d '2035-05-05 05:05:05.555555555' {} +
        find . -depth -type d -exec touch -d '2020-02-02 02:02:02.222222222' {} +
        """;

    /// <summary>Makes it in an existing folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="withUndecodable">With .zst files that nothing decodes.</param>
    /// <param name="withEscaped">With folders and the like whose names would mean others in a source.</param>
    internal static void Make(string folder, bool withUndecodable, bool withEscaped)
    {
        TestMachine.RequireRoot("owners, nodes and capabilities");
        Python(Maker, folder, withEscaped ? "escaped" : "");
        int number = 0;
        foreach (UndecodableFile kind in withUndecodable ? UndecodableFile.All : [])
        {
            if (kind.User == ShellUser.Same)
                kind.Make($"{folder}/undecodable/{number++}");
        }
        Shell.Get($"cd '{folder}'\n{SetTimes}");
    }

    /// <summary>What there is to see of it.</summary>
    /// <param name="folder">Where it is.</param>
    /// <param name="without">
    /// What is left out: sockets, times (of all but regular files), nanoseconds, sparseness, attributes.
    /// </param>
    internal static string Describe(string folder, params string[] without) => Python(Describer, folder, without);

    /// <summary>Fails with the first differences.</summary>
    internal static void AssertSame(string actual, string expected, string what)
    {
        if (actual == expected)
            return;
        string[] now = actual.Split('\n'), before = expected.Split('\n');
        Assert.Fail($"{what}\n--- expected, and is not there:\n{Lines(before.Except(now))}\n"
            + $"+++ is there instead:\n{Lines(now.Except(before))}");
    }

    private static string Lines(IEnumerable<string> lines) =>
        string.Join('\n', lines.Take(10).Select(static line => line[..Math.Min(line.Length, 700)]));

    private static string Python(string script, string folder, params string[] words)
    {
        string file = Path.Combine(TestMachine.CreateFolder(), "script.py");
        File.WriteAllText(file, script);
        try
        {
            return Shell.Get($"python3 '{file}' '{folder}' {string.Join(' ', words)}", Limit);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
        }
    }
}
