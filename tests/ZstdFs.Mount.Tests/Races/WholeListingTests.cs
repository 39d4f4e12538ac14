using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Races;

/// <summary>
/// What stays in a folder is listed once, whatever is put under its name meanwhile: a commit, a user's atomic save, a
/// rename in the source by another process, a conversion. btrfs and tmpfs move the entry of a name that a rename
/// replaces.
/// </summary>
[TestFixture]
internal sealed class WholeListingTests
{
    // Actors are processes, each until the end. Listers list one folder after the other in three ways, and say how
    // often, and what was wrong.
    private const string Frame = """
        import ctypes, os, struct, subprocess, sys, time, traceback
        MNT, SRC, PROGRAM, SECONDS, LISTINGS, FOLDERS = "@MNT", "@SRC", "@PROGRAM", @SECONDS, @LISTINGS, \
            {"few": 20, "many": @MANY}
        libc = ctypes.CDLL(None, use_errno=True)
        begun = time.time()
        def going(): return time.time() < begun + SECONDS
        def names(folder): return ["name-%04d" % i for i in range(FOLDERS[folder])]
        def batch(fd, size):
            buffer = ctypes.create_string_buffer(size)
            filled = libc.syscall(217, fd, buffer, size)
            assert filled >= 0, os.strerror(ctypes.get_errno())
            found, at = [], 0
            while at < filled:
                position, length = struct.unpack_from("<qH", buffer, at + 8)
                found.append((buffer.raw[at + 19:at + length].split(b"\0")[0].decode(), position))
                at += length
            return found
        def rest(fd, size):
            found = []
            while entries := batch(fd, size): found += entries
            return found
        def at_once(folder): return os.listdir(folder)
        def opened_anew(folder):
            # As the kernel's NFS server does it.
            found, position = [], 0
            while True:
                fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                os.lseek(fd, position, os.SEEK_SET)
                entries = batch(fd, 2000)
                os.close(fd)
                if not entries: return [name for name, _ in found]
                found += entries
                position = entries[-1][1]
        def sought(folder):
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            whole = rest(fd, 4000)
            stay = set(names(os.path.basename(folder)))
            for at in range(len(whole) // 3, len(whole), len(whole) // 3):
                os.lseek(fd, whole[at][1], os.SEEK_SET)
                again = [name for name, _ in rest(fd, 4000) if name in stay]
                assert sorted(again) == sorted(name for name, _ in whole[at + 1:] if name in stay), (at, again)
            os.close(fd)
            return [name for name, _ in whole]
        def lists(folder, ways):
            counts = [0, 0, 0]
            stay = set(names(folder))
            while going() or counts[0] < LISTINGS:
                for way in ways:
                    listed = way(MNT + "/" + folder)
                    found = [name for name in listed if name in stay]
                    counts[0] += 1
                    counts[1] += len(set(found)) < len(stay)
                    counts[2] += len(found) > len(set(found)) or len(listed) > len(set(listed))
            os.write(results, ("%s %s: %d listings, %d without a name, %d with one twice\n" % (folder, ways[0].__name__,
                *counts)).encode())
            assert counts[1:] == [0, 0], (folder, counts)
        def each(act, of):
            # As long as anybody lists: the parent ends it.
            version = 0
            while True:
                for folder in FOLDERS:
                    for name in names(folder)[of]:
                        version += 1
                        act(folder + "/" + name, b"%d " % version)
        def write(path, data, flags=os.O_WRONLY | os.O_CREAT):
            f = os.open(path, flags)
            os.write(f, data)
            os.close(f)
        def commits(): each(lambda path, data: write(MNT + "/" + path, data), slice(0, 12))
        def syncs():
            while True: subprocess.run([PROGRAM, "sync", MNT], check=True)
        def saves():
            def save(path, data):
                write(MNT + "/" + path + ".save", data)
                os.rename(MNT + "/" + path + ".save", MNT + "/" + path)
            each(save, slice(12, 16))
        def frame(data):
            return b"\x28\xb5\x2f\xfd\x20" + bytes([len(data), len(data) << 3 | 1, len(data) >> 5, 0]) + data
        def replaces():
            def replace(path, data):
                write(SRC + "/../new.zst", frame(data))
                os.rename(SRC + "/../new.zst", SRC + "/" + path + ".zst")
            each(replace, slice(16, 20))
        def plains():
            # A plain file comes beside the stored one, which goes: the mount converts it. Not before it has taken the
            # last one away.
            def make(path, data):
                if os.path.exists(SRC + "/" + path): return time.sleep(0.001)
                write(SRC + "/../new", data)
                os.utime(SRC + "/../new", (1, 1))
                os.rename(SRC + "/../new", SRC + "/" + path)
                os.unlink(SRC + "/" + path + ".zst")
            each(make, slice(0, 12))
        def recompresses():
            level = 1
            while True:
                level = level % 3 + 1
                subprocess.run([PROGRAM, "recompress", "--level", str(level), "--if-saves", "0", SRC], check=True,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        def converts():
            while True:
                for words in (["convert", "--revert"], ["convert"]):
                    subprocess.run([PROGRAM, *words, SRC], check=True, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL)
        def checks():
            expected = sum(FOLDERS.values())
            for _ in range(CHECKS):
                said = subprocess.run([PROGRAM, "check", SRC], check=True, stderr=subprocess.PIPE, text=True).stderr
                assert "no faults in %d files" % expected in said, said
        def run(workers, listers):
            global results
            told, results = os.pipe()
            children = {}
            for actor in workers + listers:
                child = os.fork()
                if child == 0:
                    try: actor()
                    except BaseException:
                        traceback.print_exc()
                        os._exit(1)
                    os._exit(0)
                children[child] = actor
            os.close(results)
            left, failed = len(listers), []
            while left and not failed:
                child, status = os.wait()
                actor = children.pop(child)
                left -= actor in listers
                if status != 0 or actor not in listers: failed.append((getattr(actor, "__name__", "lister"), status))
            for child in children: os.kill(child, 9)
            for child in children: os.waitpid(child, 0)
            print(os.read(told, 100000).decode(), end="")
            sys.stdout.flush()
            assert not failed, failed
        LISTERS = [lambda f=f, w=w: lists(f, w) for f in FOLDERS for w in ((at_once,), (opened_anew, sought))]
        """;

    private const int Many = 1500;

    private static void Fill(string source, int many) => Shell.Get(
        $$"""
        cd '{{source}}' && echo first | zstd -q > ../first.zst && python3 -c '
        import os
        frame = open("../first.zst", "rb").read()
        for folder, count in (("few", 20), ("many", {{many}})):
            os.mkdir(folder)
            for i in range(count):
                with open("%s/name-%04d.zst" % (folder, i), "wb") as f: f.write(frame)
        '
        """);

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (string type in LoopImage.Types)
        {
            yield return new TestCaseData(type, "", 2, 0).SetArgDisplayNames(type);
            foreach (string option in new[] { "--cache-timeout=1", "--cache-timeout=0" })
                yield return new TestCaseData(type, option, 30, 5000).SetArgDisplayNames(type, option, "5000 each")
                    .SetCategory("Long");
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void BesideCommitsSavesAndRenamesInTheSource_NamesAreListedOnceEach(string type, string option, int seconds,
        int listings)
    {
        using var ground = new Place(type, option);
        ground.Run("run([commits, syncs, saves, replaces], LISTERS)", seconds, listings);
        ground.Mounted.Unmount();
        Assert.That(ground.Mounted.Log, Does.Not.Contain("changed or deleted"));
    }

    [Test]
    public void BesideConversions_NamesAreListedOnceEach(
        [ValueSource(typeof(LoopImage), nameof(LoopImage.Types))] string type)
    {
        using var ground = new Place(type, "--plain=convert");
        ground.Run("run([plains, saves], LISTERS)", seconds: 2, listings: 0);
    }

    [Test, Category("Long")]
    public void BesideConversions_LongEnough_NamesAreListedOnceEach(
        [ValueSource(typeof(LoopImage), nameof(LoopImage.Types))] string type)
    {
        using var ground = new Place(type, "--plain=convert");
        ground.Run("run([plains, saves, syncs], LISTERS)", seconds: 60, listings: 5000);
    }

    /// <summary>A tool refuses a source that is served, but for reading alone.</summary>
    [Test, Category("Long")]
    public void BesideATool_AReadOnlyMountListsNamesOnceEach(
        [ValueSource(typeof(LoopImage), nameof(LoopImage.Types))] string type,
        [Values("recompresses", "converts")] string tool)
    {
        using var ground = new Place(type, "-o", "ro,plain=show");
        Assert.That(ToolWork(ground), Is.Zero);
        ground.Run($"run([{tool}], LISTERS)", seconds: 30, listings: 5000);

        static int ToolWork(Place ground) =>
            ground.Mounted.Program("recompress", "--level", "3", ground.Mounted.Source).ExitCode;
    }

    /// <summary>A folder that takes several system calls to read: what one of them returns is whole.</summary>
    private const int ManyForCheck = 15_000;

    [Test]
    public void BesideCommits_CheckFindsEachFile() => Check("btrfs", checks: 8);

    [Test, Category("Long")]
    public void BesideManyCommits_CheckFindsEachFile(
        [ValueSource(typeof(LoopImage), nameof(LoopImage.Types))] string type) => Check(type, checks: 40);

    private static void Check(string type, int checks)
    {
        using var ground = new Place(type, ManyForCheck, "--cache-timeout=1");
        ground.Run($"CHECKS = {checks}\nrun([commits, syncs], [checks])", seconds: 0, listings: 0);
    }

    /// <summary>A mount of a folder of its own on a file system of that type.</summary>
    private sealed class Place : IDisposable
    {
        private readonly string _parent;
        private readonly int _many;

        internal Place(string type, params string[] options) : this(type, Many, options) { }

        internal Place(string type, int many, params string[] options)
        {
            _many = many;
            _parent = Directory.CreateDirectory(
                Path.Combine(SharedImages.Root(type), Guid.NewGuid().ToString("n")[..8])).FullName;
            Mounted = MountedFolder.Create(
                new MountSetup { SourceParent = _parent, Options = [.. options.Where(option => option.Length > 0)] },
                source => Fill(source, many));
        }

        internal MountedFolder Mounted { get; }

        internal void Run(string what, int seconds, int listings)
        {
            string frame = Frame.Replace("@MNT", Mounted.Mount, StringComparison.Ordinal)
                .Replace("@SRC", Mounted.Source, StringComparison.Ordinal)
                .Replace("@PROGRAM", TestMachine.Program(ShellUser.Same), StringComparison.Ordinal)
                .Replace("@MANY", $"{_many}", StringComparison.Ordinal)
                .Replace("@SECONDS", $"{seconds}", StringComparison.Ordinal)
                .Replace("@LISTINGS", $"{listings}", StringComparison.Ordinal);
            TestContext.Out.WriteLine(Shell.Get($"python3 - <<'END'\n{frame}\n{what}\nEND", TimeSpan.FromMinutes(10)));
        }

        public void Dispose()
        {
            Mounted.Dispose();
            Shell.Run($"rm -rf --one-file-system -- '{_parent}'");
        }
    }
}
