using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Names;

/// <summary>
/// A file <c>x</c> is stored as <c>x.zst</c>, a folder <c>x.zst</c> has the same name in the source by itself: every
/// tree that an ordinary folder holds a mount holds too, whatever came first and however it got its name.
/// </summary>
[TestFixture]
internal sealed class CollidingNameTests
{
    private const string FirstNames = "['x', 'x.zst', 'x.zst.zst', 'x.zs%', 'x.zs%%', 'x.zs%.zst', '.zst', '.zs%']",
        RenamedNames = "['x', 'x.zst', 'x.zs%']";

    /// <summary>
    /// In the folder argv[1]: for each two of names and kinds, in both orders, a folder in which one is made, then the
    /// other; for some of them also one renamed onto the other, exchanged with it, linked to its name. Prints what each
    /// call answered and what is there.
    /// </summary>
    private const string Pairs =
        $$"""
        import ctypes, errno, itertools, os, stat, sys
        libc = ctypes.CDLL(None, use_errno=True)
        def mkfile(n):
            fd = os.open(n, os.O_CREAT | os.O_EXCL | os.O_WRONLY); os.write(fd, b"file " + n.encode()); os.close(fd)
        def mkdir(n): os.mkdir(n); mkfile(n + "/inner")
        makers = {"file": mkfile, "dir": mkdir, "link": lambda n: os.symlink("target of " + n, n),
            "fifo": lambda n: os.mkfifo(n)}
        def renameat2(a, b, flags):
            if libc.renameat2(-100, a.encode(), -100, b.encode(), flags): raise OSError(ctypes.get_errno(), "")
        def take(n):
            mkfile("f"); os.rename("f", n)
        def takelink(n):
            mkfile("f"); os.link("f", n); os.unlink("f")
        def movelink(n):
            os.symlink("target of " + n, "l"); os.rename("l", n)
        def show(n):
            m = os.lstat(n).st_mode
            if stat.S_ISLNK(m): return "link " + os.readlink(n)
            if stat.S_ISREG(m): return open(n).read()
            return "dir " + ",".join(sorted(os.listdir(n))) if stat.S_ISDIR(m) else "fifo"
        def attempt(call):
            try: call(); return "done"
            except OSError as e: return errno.errorcode[e.errno]
        def case(title, *steps):
            os.mkdir(title); os.chdir(title)
            print(title, [attempt(s) for s in steps], sorted((n, show(n)) for n in os.listdir(".")))
            for n in ("x", "x.zst", "x.zst.zst", "x.zs%", "x.zs%%"): print("", n, os.path.lexists(n), end="")
            print(); os.chdir("..")
        os.chdir(sys.argv[1])
        made = [(n, k) for n in {{FirstNames}} for k in makers]
        for (a, ka), (b, kb) in itertools.product(made, made):
            case(f"make {ka} {a} {kb} {b}", lambda: makers[ka](a), lambda: makers[kb](b))
        some = [(n, k) for n in {{RenamedNames}} for k in makers if k != "fifo"]
        for (a, ka), (b, kb) in itertools.product(some, some):
            if a == b: continue
            both = (lambda: makers[ka](a), lambda: makers[kb](b))
            case(f"rename {ka} {a} {kb} {b}", *both, lambda: os.rename(a, b))
            case(f"exchange {ka} {a} {kb} {b}", *both, lambda: renameat2(a, b, 2))
            case(f"noreplace {ka} {a} {kb} {b}", *both, lambda: renameat2(a, b, 1),
                lambda: renameat2(a, "x.zst.zst", 1))
            case(f"remove {ka} {a} {kb} {b}", *both, lambda: os.rmdir(a) if ka == "dir"
                else os.unlink(a), lambda: mkfile(a))
        for (a, ka), b in itertools.product(some, {{RenamedNames}}):
            for name, way in (("take", take), ("takelink", takelink), ("movelink", movelink)):
                case(f"{name} {ka} {a} {b}", lambda: makers[ka](a), lambda: way(b))
        """;

    /// <summary>What is in the folder argv[1], all the way down.</summary>
    private const string Tree =
        """
        import os, stat, sys
        os.chdir(sys.argv[1])
        for folder, folders, files in os.walk("."):
            folders.sort()
            for n in sorted(folders + files):
                p = os.path.join(folder, n); m = os.lstat(p)
                print(p, oct(m.st_mode),
                    os.readlink(p) if stat.S_ISLNK(m.st_mode) else open(p).read() if stat.S_ISREG(m.st_mode) else "")
        """;

    private static string Python(string script, string folder, string also = "") =>
        Shell.Get($"python3 - '{folder}' <<'END'\n{script}\nEND{also}");

    [Test]
    public void EveryTwoNames_AreKeptAsInAnOrdinaryFolder()
    {
        using MountedFolder folder = MountedFolder.Create();
        string control = Path.Combine(TestMachine.CreateFolder(), "control");
        Directory.CreateDirectory(control);
        Assert.That(Python(Pairs, folder.Mount), Is.EqualTo(Python(Pairs, control)));
        string tree = Python(Tree, control);
        Assert.That(Python(Tree, folder.Mount), Is.EqualTo(tree));
        folder.Remount();
        Assert.That(Python(Tree, folder.Mount), Is.EqualTo(tree));
        folder.Unmount();
        Shell.Get($"find '{folder.Source}' -name .zstdfs -prune -o -type f -name '*.zst' -print0 | xargs -0 zstd -qt");
        Assert.That(folder.Program("check", folder.Source).ToString(),
            Does.Contain("0 faults").Or.Contain("no faults"));
        Shell.Get($"rm -r '{control}'");
    }

    [Test]
    public void FolderOfAnEarlierVersion_ShowsAsItselfAndMakesRoom([Values(
        "mkdir x.zst && echo inner | zstd -q > x.zst/inner.zst", "ln -s target x.zst", "mkfifo x.zst")] string node)
    {
        using MountedFolder folder = MountedFolder.Create(prepare: source => Shell.Get($"cd '{source}' && {node}"));
        string before = Shell.Get($"cd '{folder.Mount}' && stat -c '%F %N %i' x.zst");
        string again = Shell.Get(
            $"""
            cd '{folder.Mount}' && touch x.zst/inner 2>/dev/null
            ! mkdir x.zst 2>/dev/null && ! mkfifo x.zst 2>/dev/null && ls && echo content > x && ls && cat x &&
                echo more > f && mv f x && ln x y && cat y && stat -c '%F %N %i' x.zst
            """);
        Assert.That(again, Is.EqualTo($"x.zst\nx\nx.zst\ncontent\nmore\n{before}"));
        folder.Remount();
        Assert.That(Shell.Get($"cd '{folder.Mount}' && stat -c '%F %N %i' x.zst && cat x && mv -T x.zst z.zst && ls"),
            Is.EqualTo($"{before}\nmore\nx\ny\nz.zst"));
        folder.Unmount();
        Shell.Get($"zstd -qt '{folder.Source}/y.zst'");
    }

    [Test]
    public void FileWhoseNameEndsInZst_IsStoredWithASecondOne()
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get(
            $"cd '{folder.Mount}' && echo inner | zstd -q > x.zst && zstd -qdc x.zst && echo plain > x && "
            + "mv x.zst y.zst && cp y.zst x.zst && rm y.zst");
        folder.Remount();
        Assert.That(
            Shell.Get(
                $"cd '{folder.Mount}' && ls && cat x && zstd -qdc x.zst && "
                + $"zstd -qdc '{folder.Source}/x.zst.zst' | zstd -qdc"),
            Is.EqualTo("x\nx.zst\nplain\ninner\ninner"));
        folder.Unmount();
    }

    [Test]
    public void PlainFileThatIsNamedAsAStoredOne_BecomesAStoredFile()
    {
        using MountedFolder folder = MountedFolder.Create(new MountSetup { Options = ["--plain=show"] },
            source => Shell.Get($"echo plain > '{source}/p' && echo other > '{source}/q'"));
        Assert.That(
            Shell.Get($"cd '{folder.Mount}' && mv p x.zst && cat x.zst && ! ln q y.zst 2>/dev/null && mkdir x && ls"),
            Is.EqualTo("plain\nq\nx\nx.zst"));
        folder.Unmount();
        Assert.That(Shell.Get($"cd '{folder.Source}' && ls && zstd -qdc x.zst.zst"),
            Is.EqualTo("q\nx\nx.zst.zst\nplain"));
    }

    [Test]
    public void FolderWithAnEscapedName_IsFoundByWorkingCopiesAfterAKill()
    {
        using MountedFolder folder = MountedFolder.Create();
        Shell.Get(
            $"cd '{folder.Mount}' && echo file > d && mkdir -p d.zst/e.zst && "
            + "head -c 9000000 /dev/urandom > d.zst/e.zst/f && cp d.zst/e.zst/f d.zst/e.zst/f.zst && "
            + "md5sum < d.zst/e.zst/f > ../sum");
        folder.Crash();
        folder.Start();
        Assert.That(
            Shell.Get(
                $"cd '{folder.Mount}' && md5sum < d.zst/e.zst/f | cmp - ../sum && "
                + "md5sum < d.zst/e.zst/f.zst | cmp - ../sum && cat d"),
            Is.EqualTo("file"));
        folder.Unmount();
        Assert.That(Shell.Get($"cd '{folder.Source}' && find . -name .zstdfs -prune -o -type f -print | sort"),
            Is.EqualTo("./d.zs%/e.zs%/f.zst\n./d.zs%/e.zs%/f.zst.zst\n./d.zst"));
    }
}
