using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Races;

/// <summary>
/// Two processes' worth of one thing against one or two of another, for a while, each with an oracle: whatever the
/// order was, what is seen must be something that could be.
/// </summary>
[TestFixtureSource(typeof(Grounds), nameof(Grounds.OnOwnFileSystem))]
internal sealed class RaceTests(Ground ground) : GroundFixture(ground)
{
    // Parts of one program: each function runs in a process of its own until the time is over; an exception in any
    // fails the test.
    private const string Frame = """
        import errno, mmap, os, random, signal, subprocess, sys, time, traceback
        end = time.time() + SECONDS
        def going(): return time.time() < end
        def absent(act, *also):
            try: return act()
            except OSError as e:
                if e.errno not in (errno.ENOENT, *also): raise
        def content(version): return b"%08d" % version * (1 + version * 7919 % SPREAD)
        def version_of(data):
            version = int(data[:8])
            assert data == content(version), ("not one version", version, len(data), data[:8], data[-8:])
            return version
        def read(name):
            with open(name, "rb") as f: return f.read()
        def save(name, data):
            with open(name, "wb") as f: f.write(data)
        def run(*actors):
            children = []
            for actor in actors:
                child = os.fork()
                if child == 0:
                    try: actor()
                    except BaseException:
                        traceback.print_exc()
                        os._exit(1)
                    os._exit(0)
                children.append(child)
            deadline, failed = end + PATIENCE, False
            while children:
                done, status = os.waitpid(-1, os.WNOHANG)
                if done: children.remove(done); failed |= status != 0
                elif time.time() > deadline:
                    for c in children: os.kill(c, signal.SIGKILL)
                    raise AssertionError("hangs")
                else: time.sleep(0.01)
            assert not failed
        """;

    private static readonly (string Name, string Script)[] Pairs =
    [
        ("rename against open", """
            save("f", content(0))
            def renames():
                version = 0
                while going():
                    version += 1
                    save("t", content(version))
                    os.rename("t", "f")
            def opens():
                last = 0
                while going():
                    version = version_of(read("f"))
                    assert version >= last, ("went back", last, version)
                    last = version
            run(renames, opens, opens)
            """),
        ("unlink against write", """
            def writes():
                while going():
                    f = os.open("f", os.O_RDWR | os.O_CREAT)
                    at, data = random.randrange(SPREAD) * 8, os.urandom(random.randrange(1, SPREAD * 8))
                    kept = bytearray(os.pread(f, 1 << 24, 0))
                    for part in range(0, len(data), 5000):
                        piece = data[part:part + 5000]
                        assert os.pwrite(f, piece, at + part) == len(piece)
                    kept[len(kept):] = bytes(max(0, at + len(data) - len(kept)))
                    kept[at:at + len(data)] = data
                    assert os.pread(f, 1 << 24, 0) == kept and os.fstat(f).st_size == len(kept)
                    os.close(f)
            def unlinks():
                while going():
                    absent(lambda: os.unlink("f"))
                    time.sleep(random.random() / 500)
            run(writes, unlinks, unlinks)
            absent(lambda: os.unlink("f"))
            assert os.listdir(".") == []
            """),
        ("truncate against mmap read", """
            most = SPREAD * 64
            save("f", b"x" * most)
            def truncates():
                f = os.open("f", os.O_RDWR)
                while going():
                    os.ftruncate(f, random.randrange(most))
                    if random.random() < 0.5: os.ftruncate(f, most)
                    size = os.fstat(f).st_size
                    os.pwrite(f, b"x" * (most - size), size)
            def reads():
                while going():
                    child = os.fork()
                    if child == 0:
                        # Behind the end there is SIGBUS, as everywhere.
                        f = os.open("f", os.O_RDONLY)
                        size = os.fstat(f).st_size
                        if size == 0: os._exit(0)
                        try: m = mmap.mmap(f, size, prot=mmap.PROT_READ)
                        except ValueError: os._exit(0) # Python looks at the size first, which is smaller by now
                        for _ in range(50):
                            at = random.randrange(size)
                            if m[at:at + 5000].strip(b"x\0") != b"": os._exit(1)
                        os._exit(0)
                    status = os.waitpid(child, 0)[1]
                    assert status in (0, signal.SIGBUS, signal.SIGBUS | 0x80), status
            run(truncates, reads, reads)
            save("f", b"y" * most)
            assert read("f") == b"y" * most
            """),
        ("link against commit", """
            save("f", content(0))
            number = os.stat("f").st_ino
            def commits():
                version = 0
                while going():
                    version += 1
                    f = os.open("f", os.O_WRONLY)
                    data = content(version)
                    os.pwrite(f, data, 0)
                    os.ftruncate(f, len(data))
                    os.close(f)
            def links():
                mine, i = str(os.getpid()), 0
                while going():
                    i += 1
                    os.link("f", mine + "-%d" % (i % 3))
                    assert os.stat(mine + "-%d" % (i % 3)).st_ino == number == os.stat("f").st_ino
                    if i > 1: os.unlink(mine + "-%d" % ((i - 1) % 3))
            run(commits, links, links)
            names = os.listdir(".")
            assert len(names) == 3 and {os.stat(n).st_ino for n in names} == {number} and os.stat("f").st_nlink == 3
            assert len({version_of(read(n)) for n in names}) == 1
            """),
        ("readdir against create", """
            os.mkdir("d")
            always = {"stays%d" % i for i in range(300)}
            for name in always: save("d/" + name, b"")
            def creates():
                mine, i = "own%d-" % os.getpid(), 0
                while going():
                    i += 1
                    name = mine + "%d" % i
                    save("d/" + name, b"x" * (i % 3))
                    assert name in os.listdir("d"), "made and not listed"
                    if i % 3: os.unlink("d/" + name)
                    if i % 3: assert name not in os.listdir("d"), "removed and listed"
                    if i % 3 == 0: os.rename("d/" + name, "d/" + mine + "kept")
            def lists():
                while going():
                    names = os.listdir("d")
                    assert len(names) == len(set(names)), "a name twice"
                    assert always <= set(names), "a name is missing"
            run(creates, creates, lists, lists)
            """),
        ("setxattr against commit", """
            save("f", content(0))
            def sets():
                mine, i = "user.own%d" % os.getpid(), 0
                while going():
                    i += 1
                    os.setxattr("f", mine, b"%d" % i)
                    assert os.getxattr("f", mine) == b"%d" % i, "an older value is back"
                save("last" + mine, b"%d" % i)
            def commits():
                version = 0
                while going():
                    version += 1
                    data = content(version)
                    f = os.open("f", os.O_RDWR)
                    os.pwrite(f, data, 0)
                    os.ftruncate(f, len(data))
                    os.close(f)
                    os.chmod("f", 0o600 + version % 8)
                    assert os.stat("f").st_mode & 7 == version % 8 and version_of(read("f")) == version
            run(sets, sets, commits)
            for name in os.listdir("."):
                if name.startswith("last"): assert os.getxattr("f", name[4:]) == read(name), name
            """),
        ("shared mapping against write", """
            save("f", bytes(3 * 4096))
            def maps():
                while going():
                    f = os.open("f", os.O_RDWR)
                    m = mmap.mmap(f, 2 * 4096)
                    os.close(f)
                    for i in range(20):
                        mine = b"%08d" % random.randrange(10**8)
                        m[100:108] = mine
                        m.flush()
                        assert read("f")[100:108] == mine == m[100:108], "the mapping's own bytes"
                    m.close()
            def writes():
                while going():
                    f = os.open("f", os.O_WRONLY)
                    for i in range(20):
                        mine = b"%08d" % random.randrange(10**8)
                        os.pwrite(f, mine, 4096 + 200)
                        assert read("f")[4296:4304] == mine, "the writer's own bytes"
                    os.close(f)
            def appends():
                size = 3 * 4096
                while going():
                    f = os.open("f", os.O_WRONLY | os.O_APPEND)
                    os.write(f, b"x" * (SPREAD // 100))
                    size += SPREAD // 100
                    os.close(f)
                    assert os.stat("f").st_size == size
                    if size > SPREAD * 100: size = 3 * 4096; os.truncate("f", size)
            run(maps, writes, appends)
            """),
        ("a folder's times against commit", """
            os.mkdir("d")
            save("d/f", content(0))
            os.utime("d", ns=(1_000_000_001, 2_000_000_003))
            def commits():
                version = 0
                while going():
                    version += 1
                    data = content(version)
                    f = os.open("d/f", os.O_RDWR)
                    os.pwrite(f, data, 0)
                    os.ftruncate(f, len(data))
                    os.close(f)
                    # This file system alone: os.sync() waits for all of the machine's disks.
                    if version % 4 == 0: subprocess.run(["sync", "-f", "d"], check=True)
            def looks():
                while going():
                    os.chmod("d", 0o755)
                    assert os.stat("d").st_mtime_ns == 2_000_000_003, "no name changed, and the folder's time did"
            run(commits, looks, looks)
            """),
    ];

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach ((string name, string script) in Pairs)
        {
            yield return new TestCaseData(script, 2).SetArgDisplayNames(name, "2 s");
            yield return new TestCaseData(script, 30).SetArgDisplayNames(name, "30 s").SetCategory("Long");
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Pair_ShowsNothingThatCannotBe(string script, int seconds)
    {
        // Contents of up to 1.6 MB: in memory and in working copies, in one frame and in several.
        string program = Frame.Replace("SECONDS", $"{seconds / 2.0}", StringComparison.Ordinal)
            .Replace("PATIENCE", $"{Patience.For(TimeSpan.FromSeconds(60)).TotalSeconds}", StringComparison.Ordinal)
            + "\n" + script;
        Bash("mkdir small large");
        foreach ((string folder, string spread) in new[] { ("small", "2000"), ("large", "200000") })
            Python($"import os\nos.chdir('{folder}')\n" + program.Replace("SPREAD", spread, StringComparison.Ordinal),
                TimeSpan.FromSeconds(seconds + 90));
        AssertKept();
        if (OnMount)
            Assert.That(
                Shell.Get(
                    $"ls -A '{Mounted.Source}/.zstdfs/working'; ls -A '{Mounted.Source}/.zstdfs/lost' 2> /dev/null || "
                    + "true"),
                Is.Empty, "left over");
    }
}
