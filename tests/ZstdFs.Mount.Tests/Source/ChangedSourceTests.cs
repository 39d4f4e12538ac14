using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Source;

/// <summary>
/// What somebody does to the source while it is mounted: seen at the next open always, in attributes and listings
/// within the cache timeout.
/// </summary>
[TestFixture(0)]
[TestFixture(1)]
internal sealed class ChangedSourceTests(int timeoutSeconds)
{
    private const string Prepare = "mkdir -p d/below && seq 1000 | zstd -q > f.zst && seq 2000 | zstd -q > d/g.zst && "
        + "seq 3000 | zstd -q > d/below/h.zst";

    private MountedFolder _folder = null!;

    [SetUp]
    public void Mount() =>
        _folder = MountedFolder.Create(new MountSetup { Options = [$"--cache-timeout={timeoutSeconds}"] },
            source => Shell.Get($"cd '{source}' && {Prepare}"));

    [TearDown]
    public void Unmount() => _folder?.Dispose();

    [TestCase("seq 5 7000 | zstd -q > t && mv t f.zst", "f", "seq 5 7000")]
    [TestCase("seq 5 7000 | zstd -q > f.zst", "f", "seq 5 7000")]
    [TestCase("seq 1001 1100 | zstd -q >> f.zst", "f", "seq 1100")]
    [TestCase("rm f.zst && seq 5 9 | zstd -q > f.zst", "f", "seq 5 9")]
    [TestCase("rm f.zst && ln d/g.zst f.zst", "f", "seq 2000")]
    [TestCase("mv f.zst d/g.zst", "d/g", "seq 1000")]
    [TestCase("mv d/g.zst d/i.zst", "d/i", "seq 2000")]
    [TestCase("seq 5 9 | zstd -q > d/new.zst", "d/new", "seq 5 9")]
    [TestCase(
        "mv --exchange f.zst d/g.zst || python3 -c 'import ctypes; "
        + "assert ctypes.CDLL(None).renameat2(-100, b\"f.zst\", -100, b\"d/g.zst\", 2) == 0'",
        "f", "seq 2000")]
    public void ChangedFile_IsReadAsItIs(string change, string path, string content)
    {
        LookAtAll();
        Shell.Get($"cd '{_folder.Source}' && {change}");
        // A file that the kernel knows is opened as it is now; one that it knows not to be there, or another one's, is
        // looked up again within the timeout.
        AwaitTimeout();
        Shell.Get(
            $"cd '{_folder.Mount}' && cmp {path} <({content}) && [ $(stat -c %s {path}) = $({content} | wc -c) ]");
        AssertListedAsInTheSource();
        _folder.Remount();
        Shell.Get($"cd '{_folder.Mount}' && cmp {path} <({content})");
    }

    [TestCase("seq 5 7000 | zstd -q > t && mv t f.zst", "seq 5 7000")]
    [TestCase("seq 5 7000 | zstd -q > f.zst", "seq 5 7000")]
    [TestCase("seq 1001 1100 | zstd -q >> f.zst", "seq 1100")]
    [TestCase("rm f.zst && seq 5 9 | zstd -q > f.zst", "seq 5 9")]
    public void Open_SeesTheChangeAtOnce(string change, string content)
    {
        for (int round = 0; round < 5; round++)
        {
            Shell.Get(
                $"cd '{_folder.Source}' && seq {round} 1000 | zstd -q > t && mv t f.zst && "
                + $"cmp '{_folder.Mount}/f' <(seq {round} 1000)");
            string now =
                round == 0 || !change.Contains(">> ", StringComparison.Ordinal) ? content : $"seq {round} 1100";
            if (round == 0 && change.Contains(">> ", StringComparison.Ordinal))
                now = "seq 0 1100";
            Shell.Get($"cd '{_folder.Source}' && {change} && cmp '{_folder.Mount}/f' <({now})");
        }
    }

    [TestCase("rm f.zst", "f")]
    [TestCase("mv f.zst d/g.zst", "f")]
    [TestCase("mv d/g.zst ../gone.zst", "d/g")]
    [TestCase("rm -r d", "d/g")]
    [TestCase("mv d e", "d/below/h")]
    public void RemovedFile_IsGone(string change, string path)
    {
        LookAtAll();
        Shell.Get($"cd '{_folder.Source}' && {change}");
        AwaitTimeout();
        Assert.That(Shell.Run($"stat '{_folder.Mount}/{path}'").Error, Does.Contain("No such file"));
        Assert.That(Shell.Run($"cat '{_folder.Mount}/{path}'").Error, Does.Contain("No such file"));
        AssertListedAsInTheSource();
    }

    [Test]
    public void RenamedFolder_LeadsToTheSameFiles()
    {
        LookAtAll();
        string number = Shell.Get($"stat -c %i '{_folder.Mount}/d/below/h'");
        Shell.Get($"cd '{_folder.Source}' && mv d e");
        AwaitTimeout();
        Shell.Get(
            $"cd '{_folder.Mount}' && cmp e/below/h <(seq 3000) && echo more >> e/below/h && echo new > e/below/new && "
            + "mv e/g e/below/");
        Assert.That(Shell.Get($"stat -c %i '{_folder.Mount}/e/below/h'"), Is.EqualTo(number));
        AssertListedAsInTheSource();
        _folder.Remount();
        Shell.Get(
            $"cd '{_folder.Mount}' && cmp e/below/h <(seq 3000; echo more) && cat e/below/new && "
            + "cmp e/below/g <(seq 2000)");
    }

    [Test]
    public void FolderThatIsKeptOpen_IsListedAsItIs()
    {
        Shell.Get($$"""
            cd '{{_folder.Mount}}' && python3 - <<'END'
            import ctypes, struct, subprocess, time
            libc = ctypes.CDLL(None)
            libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
            libc.readdir.argtypes = libc.rewinddir.argtypes = [ctypes.c_void_p]
            # Not Python's listdir, which asks for the folder's attributes each time.
            folder = libc.opendir(b"d")
            def names():
                libc.rewinddir(folder)
                while entry := libc.readdir(folder):
                    yield ctypes.string_at(entry + 19).decode()
            for i in range(3):
                expected = sorted([".", "..", "below", "g"] + ["new%d" % n for n in range(i)])
                # A timer has the kernel drop the listing that it keeps. A loaded machine delays the timer.
                for look in range({{timeoutSeconds}} * 600 + 1):
                    if look: time.sleep(0.1)
                    found = sorted(names())
                    if found == expected: break
                assert found == expected, found
                subprocess.run("echo | zstd -q > '{{_folder.Source}}/d/new%d.zst'" % i, shell=True, check=True)
                time.sleep({{timeoutSeconds}} * 2 + 0.2)
            END
            """);
    }

    [Test]
    public void ReplacedFolder_IsTheNewOne_AndItsPredecessorIsNotMistakenForIt()
    {
        LookAtAll();
        Shell.Get($$"""
            cd '{{_folder.Mount}}' && python3 - <<'END'
            import os, subprocess, time
            source = '{{_folder.Source}}'
            old = os.open("d", os.O_RDONLY)
            reader = os.open("d/g", os.O_RDONLY)
            number = os.fstat(old).st_ino
            subprocess.run(
                "mv d old && mkdir -p d/below && seq 7 | zstd -q > d/g.zst && seq 8 | zstd -q > d/below/h.zst",
                shell=True, check=True, cwd=source)
            time.sleep({{timeoutSeconds}} + 0.2)
            assert open("d/g").read() == "1\n2\n3\n4\n5\n6\n7\n"
            assert os.stat("d").st_ino != number == os.stat("old").st_ino == os.fstat(old).st_ino
            assert os.pread(reader, 4, 0) == b"1\n2\n" and os.fstat(reader).st_size > 1000
            assert sorted(os.listdir("d")) == sorted(os.listdir("old")) == ["below", "g"]
            # What is made in the folder that is open lands in it, whatever its name is.
            with open(os.open("made", os.O_WRONLY | os.O_CREAT, dir_fd=old), "w") as f: f.write("x")
            assert os.path.exists(source + "/old/made.zst") and not os.path.exists(source + "/d/made.zst")
            END
            """);
        AssertListedAsInTheSource();
    }

    [Test]
    public void FolderWhoseCachedDescriptorWasEvicted_IsNotMistakenForItsSuccessor()
    {
        // More folders than are kept open.
        Shell.Get($$"""
            cd '{{_folder.Mount}}' && python3 - <<'END'
            import errno, os, subprocess
            source = '{{_folder.Source}}'
            for i in range(600): os.makedirs("many/%d" % i)
            old = os.open("d", os.O_PATH)
            os.stat("d/g")
            subprocess.run("mv d old && mkdir d && echo other | zstd -q > d/g.zst", shell=True, check=True, cwd=source)
            for i in range(600): open("many/%d/f" % i, "w").close()
            try:
                assert len(open(os.open("g", os.O_RDONLY, dir_fd=old)).read()) > 1000
            except OSError as e:
                assert e.errno == errno.ESTALE, e
            os.stat("old")
            assert len(open(os.open("g", os.O_RDONLY, dir_fd=old)).read()) > 1000
            END
            """);
    }

    [TestCase("seq 5 7000 | zstd -q > t && mv t f.zst")]
    [TestCase("rm f.zst")]
    [TestCase("mv d/g.zst f.zst")]
    public void ReaderOfTheOldVersion_KeepsIt(string change)
    {
        Shell.Get($$"""
            cd '{{_folder.Mount}}' && python3 - <<'END'
            import mmap, os, random, subprocess
            source = '{{_folder.Source}}'
            data = random.Random(1).randbytes(3_000_000)
            with open("f", "wb") as f: f.write(data)
            os.sync()
            reader = os.open("f", os.O_RDONLY)
            mapped = mmap.mmap(reader, 0, prot=mmap.PROT_READ)
            assert os.pread(reader, 10, 0) == data[:10]
            subprocess.run({{'"' + change + '"'}}, shell=True, check=True, cwd=source)
            try: open("f").close()
            except FileNotFoundError: pass
            os.posix_fadvise(reader, 0, 0, os.POSIX_FADV_DONTNEED)
            assert os.pread(reader, len(data), 0) == data and mapped[:] == data
            assert os.fstat(reader).st_size == len(data)
            END
            """);
    }

    // What happens to the file in the source while somebody writes to it, and what the source must hold then.
    private static readonly (string Change, string Check)[] ConflictingChanges =
    [
        ("seq 5 7000 | zstd -q > t && mv t f.zst", "zstd -qdc f.zst | cmp - <(seq 5 7000)"),
        ("seq 5 7000 | zstd -q > f.zst", "zstd -qdc f.zst | cmp - <(seq 5 7000)"),
        ("rm f.zst", "[ ! -e f.zst ]"),
        ("mv f.zst elsewhere.zst",
            "[ ! -e f.zst ] && zstd -qdc elsewhere.zst > $outside/now && { cmp -s $outside/now $outside/kept || "
            + "cmp $outside/now $outside/changed; }"),
        ("mv d/g.zst f.zst", "zstd -qdc f.zst | cmp - <(seq 2000)"),
    ];

    [Test]
    public void UnsavedChanges_NeverOverwriteWhatIsThereNow(
        [ValueSource(nameof(ConflictingChanges))] (string Change, string Check) conflict,
            [Values(1_000, 3_000_000)] int size, [Values("close", "fsync", "crash")] string end)
    {
        string outside = Path.GetDirectoryName(_folder.Mount)!;
        File.WriteAllText(outside + "/script.py", $$"""
            import errno, os, subprocess, sys, time
            outside, failures = '{{outside}}', []
            # Begun before the file is opened: a fork would close it, which commits it.
            other = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd='{{_folder.Source}}',
                text=True, bufsize=1)
            f = os.open('{{_folder.Mount}}/f', os.O_RDWR)
            os.pwrite(f, b"unsaved changes", 300)
            other.stdin.write(sys.argv[1] + " && echo done\n")
            assert other.stdout.readline() == "done\n"
            def attempt(act):
                try: act()
                except OSError as e: failures.append(errno.errorcode[e.errno])
            if "{{end}}" == "crash":
                open(outside + "/ready", "w").close()
                while not os.path.exists(outside + "/go"): time.sleep(0.01)
            if "{{end}}" == "fsync": attempt(lambda: os.fsync(f))
            attempt(lambda: os.close(f))
            print(*failures, flush=True)
            open(outside + "/done", "w").close()
            """);
        Shell.Get(
            $"cd '{_folder.Mount}' && python3 -c 'import random; "
            + $"open(\"f\", \"wb\").write(random.Random(1).randbytes({size}))' && cp f '{outside}/kept'");
        Shell.Get(
            $"cp '{outside}/kept' '{outside}/changed' && printf 'unsaved changes' | "
            + $"dd of='{outside}/changed' bs=1 seek=300 conv=notrunc status=none");
        Assert.That(_folder.Program("sync", _folder.Mount).ExitCode, Is.Zero);
        string run = $"python3 '{outside}/script.py' '{conflict.Change}'";
        string failures = "";
        if (end == "crash")
        {
            Shell.Get($"({run}) > '{outside}/said' 2>&1 &");
            Assert.That(Waiting.For(() => File.Exists(outside + "/ready")), () => File.ReadAllText(outside + "/said"));
            _folder.Kill();
            File.WriteAllText(outside + "/go", "");
            Assert.That(Waiting.For(() => File.Exists(outside + "/done")), () => File.ReadAllText(outside + "/said"));
            _folder.Crash();
            _folder.Start();
        }
        else
        {
            failures = Shell.Get(run);
        }
        ShellResult unmounted = _folder.Program("unmount", _folder.Mount);
        // Where this was what noticed: said once, and kept.
        if (size > 1_000 && unmounted.ExitCode == 7)
            unmounted = _folder.Program("unmount", _folder.Mount);
        Assert.That(unmounted.ExitCode, Is.Zero, () => unmounted + _folder.Log);
        Shell.Get($"outside='{outside}'; cd '{_folder.Source}' && {conflict.Check}");
        // What was neither closed nor synchronised, and is small, was in the killed daemon's memory alone.
        if (end == "crash" && size == 1_000)
            return;
        // Found under its other name by the next mount: the file is the same, and so gets what was written to it.
        if (end == "crash" && conflict.Change.Contains("elsewhere", StringComparison.Ordinal))
        {
            Shell.Get($"cmp '{outside}/now' '{outside}/changed'");
            return;
        }
        Assert.That(
            Shell.Get(
                $"cd '{_folder.Source}' && grep -lr 'unsaved changes' .zstdfs | wc -l; ls -A .zstdfs/working | wc -l"),
            Is.EqualTo("1\n0"), () => $"kept in .zstdfs/lost\n{failures}\n{_folder.Log}");
        Assert.That(_folder.Log, Does.Contain("is kept as .zstdfs/lost/"));
        // A large file is closed and synchronised in its working copy; what becomes of that is for the log.
        if (size == 1_000)
            Assert.That(failures, Does.StartWith("ESTALE"), "who saves is told");
    }

    private void LookAtAll() =>
        Shell.Get($"cd '{_folder.Mount}' && ls -laR > /dev/null && cat f d/g d/below/h > /dev/null");

    private void AwaitTimeout() => Thread.Sleep(TimeSpan.FromSeconds(timeoutSeconds == 0 ? 0 : timeoutSeconds + 0.1));

    private void AssertListedAsInTheSource() =>
        Assert.That(Shell.Get($"cd '{_folder.Mount}' && find . -printf '%P %y\\n' | sort"),
            Is.EqualTo(Shell.Get(
                $"cd '{_folder.Source}' && find . -path ./.zstdfs -prune -o -printf '%P %y\\n' | "
                + "sed 's/[.]zst f$/ f/' | sort")));
}
