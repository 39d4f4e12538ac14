using ZstdFs.Mount.Tests.Damage;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Crashes;

/// <summary>
/// A mount ends while the disk is full and every kind of content is not committed yet. What close or fsync accepted is
/// there at the next mount, what they refused is the old version or wholly the new one, and what <c>status</c> and the
/// log promise is kept, however the mount ends.
/// </summary>
[CancelAfter(180_000)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class FullDiskEndingTests
{
    private static readonly Dictionary<string, int> SizesMib =
        new() { ["ext4"] = 96, ["btrfs"] = 160, ["xfs"] = 320, ["tmpfs"] = 96 };
    private static readonly string[] Ends = ["zstdfs unmount", "umount", "fusermount3 -u", "SIGTERM", "kill -9"];
    private static readonly int[] RoomsKib = [0, 40, 400, 2000];

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (string type in LoopImage.Types)
        {
            foreach (string end in Ends)
            {
                foreach (int room in RoomsKib)
                {
                    TestCaseData data =
                        new TestCaseData(type, end, room).SetArgDisplayNames($"{type}, {end}, {room} KiB");
                    // Each end once, each file system at least once, each room at least once.
                    if (!(Array.IndexOf(Ends, end) % LoopImage.Types.Length == Array.IndexOf(LoopImage.Types, type)
                        && Array.IndexOf(RoomsKib, room) == Array.IndexOf(Ends, end) % RoomsKib.Length))
                        data.Properties.Add("Category", "Long");
                    yield return data;
                }
            }
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void EndOfTheMount_KeepsWhatWasAcceptedAndPromised(string type, string end, int roomKib)
    {
        using LoopImage image = LoopImage.Create(type, SizesMib[type]);
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        string expected = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "expected");
        string filler = Path.Combine(image.Root, "filler");
        string Python(string part) => Shell.Get(
            $"cd '{folder.Mount}' && "
            + $"python3 - '{expected}' '{filler}' {roomKib} '{TestMachine.Program(ShellUser.Same)}' "
            + $"'{folder.Mount}' <<'END'\n{Library}\n{part}\nEND",
            TimeSpan.FromMinutes(2));

        string outcomes = Python(Write);
        TestContext.Out.WriteLine(outcomes);
        Python("check(live=True)");
        End(folder, end);

        folder.Start();
        bool isReadOnly = Shell.Run($"findmnt -no OPTIONS '{folder.Mount}' | grep -qw ro").ExitCode == 0;
        Python($"check(may_be_old={(isReadOnly ? "True" : "False")})");
        File.Delete(filler);
        if (isReadOnly)
            folder.Remount();
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero, () => $"{outcomes}\n{folder.Log}");
        Python("check()");
        folder.Remount();
        Python("check()");
        Shell.Get($"find '{folder.Source}' -name '*.zst' -print0 | xargs -0 -r zstd -qt");
        Assert.Multiple(() =>
        {
            Assert.That(Directory.GetFileSystemEntries(Path.Combine(folder.Source, ".zstdfs/working")), Is.Empty);
            Assert.That(Directory.Exists(Path.Combine(folder.Source, ".zstdfs/lost")), Is.False, () => folder.Log);
            Assert.That(folder.Log,
                Does.Not.Contain("in the source while").And.Not.Contain(
                    "in the source meanwhile").And.Not.Contain("machine"),
                "the log tells of what did not happen");
            Assert.That(outcomes, Does.Contain("ENOSPC"), "nothing was refused: it proved nothing");
            DamageTable.CheckRow($"{type}, full when the mount ends",
                "what was accepted or listed is there, the rest is old or new");
        });
    }

    private static void End(MountedFolder folder, string end)
    {
        switch (end)
        {
            case "kill -9":
                folder.Crash();
                return;
            case "SIGTERM":
                folder.Daemon.Signal("TERM");
                break;
            case "zstdfs unmount":
                // It refuses to while something is not committed: then its user has no other way.
                if (folder.Program("unmount", folder.Mount).ExitCode != 0)
                    Shell.Get($"umount '{folder.Mount}'");
                break;
            default:
                Shell.Get($"{end} '{folder.Mount}'");
                break;
        }
        Assert.That(folder.Daemon.WaitForEnd(), Is.EqualTo(0).Or.EqualTo(7), () => folder.Log);
    }

    /// <summary>
    /// Each kind of content: its name, what was there before, and a script that gives it new content. What was accepted
    /// is known of each, byte by byte.
    /// </summary>
    private const string Library =
        """
        import errno, json, os, random, subprocess, sys, time
        EXPECTED, FILLER, ROOM, PROGRAM, MOUNT = sys.argv[1], sys.argv[2], int(sys.argv[3]) * 1024, sys.argv[4], \
            sys.argv[5]
        def noise(count, seed): return random.Random(seed).randbytes(count)
        def text(count, seed): return (noise(997, seed) * (count // 997 + 1))[:count]
        def status():
            return json.loads(subprocess.run([PROGRAM, "status", "--json", MOUNT], stdout=subprocess.PIPE).stdout)

        def check(live=False, may_be_old=False):
            faults = []
            for name, file in json.load(open(EXPECTED + ".json")).items():
                def content(which): return open(f"{EXPECTED}-{which}-{name}", "rb").read() if file[which] else None
                found = open(name, "rb").read() if os.path.exists(name) else None
                old, new = content("old"), content("new")
                if found == new or may_be_old and found == old: continue
                if file["must_be_new"]:
                    faults.append(
                        f"{name}: {file['outcome']}, but it is {'old' if found == old else found and len(found)}")
                elif found == old or old is None and (found or b"") == new[:len(found or b"")]: pass
                # A write that was refused may have got as far as it got, where nothing was to be replaced.
                elif file["patches"] and len(found) == len(old) and all(f in (o, n)
                        for f, o, n in zip(found, old, new)):
                    pass
                elif file["patches"] and found[:len(old)] == old and found == new[:len(found)]: pass
                else: faults.append(f"{name}: {file['outcome']}, but it is neither old nor new: {found and len(found)}")
            assert not faults, "\n".join(faults)
        """;

    private const string Write =
        """
        files = {}
        SMALL, LARGE = 20_000, 1_500_000
        old = {}
        for name in ("rewritten", "appended", "emptied", "patched_small", "synced", "linked"):
            old[name] = noise(SMALL, name)
        for name in ("large_rewritten", "large_patched", "large_linked", "large_synced", "large_truncated"):
            old[name] = noise(LARGE, name)
        for name, content in old.items():
            with open(name, "wb") as f: f.write(content)
        for name in ("linked", "large_linked"):
            os.link(name, name + "_too"); old[name + "_too"] = old[name]
        subprocess.run([PROGRAM, "sync", MOUNT], check=True)

        # Served by the kernel, where it can be: closed, and not committed yet.
        lent = noise(600_000, "lent") + text(1_600_000, "lent too")
        for i in range(2):
            fd = os.open("lent", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            os.write(fd, lent); os.fsync(fd); os.close(fd)
        old["lent"] = lent
        lent_fd = os.open("lent", os.O_RDWR)
        is_lent = any(f["path"] == "lent" and f["served_by_kernel"] for f in status()["files"])

        def fill():
            with open(FILLER, "ab") as f:
                for step in (1 << 20, 1 << 16, 4096):
                    try:
                        while True: f.write(bytes(step)); f.flush()
                    except OSError: pass
        for i in range(3):
            try: fill()
            except OSError: pass
            os.sync()
        if ROOM: os.truncate(FILLER, os.path.getsize(FILLER) - ROOM)

        def op(name, new, act, synced=False, patches=False):
            fd, accepted, outcome = None, True, []
            def attempt(what, call, *arguments):
                nonlocal accepted
                try: return call(*arguments)
                except OSError as e:
                    assert e.errno in (errno.ENOSPC, errno.EIO), (name, what, e)
                    assert e.errno == errno.ENOSPC, (name, what, e)
                    outcome.append(f"{what} {errno.errorcode[e.errno]}")
            fd = attempt("open", act.open, name)
            is_written = fd is not None and attempt("write", act.write, fd, new) == "whole"
            is_synced = is_written and synced and attempt("fsync", os.fsync, fd) is None and not outcome
            if is_written and act.link: is_written = attempt("link", act.link, fd, name) == "linked"
            is_closed = False
            if fd is not None:
                before = len(outcome)
                attempt("close", os.close, fd)
                is_closed = len(outcome) == before
            files[name] = dict(old=name in old, new=True, must_be_new=bool(is_written and (is_closed or is_synced)),
                patches=patches, outcome=", ".join(outcome) or "accepted")
            for which, content in (("old", old.get(name)), ("new", new)):
                if content is not None: open(f"{EXPECTED}-{which}-{name}", "wb").write(content)

        class Act:
            def __init__(self, flags, at=0, truncate=None, step=1 << 20, link=None):
                self.flags, self.at, self.truncate, self.step, self.link = flags, at, truncate, step, link
            def open(self, name): return os.open(name, self.flags, 0o644)
            def write(self, fd, new):
                if self.truncate is not None: os.ftruncate(fd, self.truncate)
                end = len(new) if self.truncate is None or self.truncate == 0 else self.truncate
                at = self.at
                while at < end:
                    at += os.pwrite(fd, new[at:min(at + self.step, end)], at)
                return "whole"

        class Patch(Act):
            def __init__(self, start, count): super().__init__(os.O_WRONLY); self.start, self.count = start, count
            def write(self, fd, new):
                at, end = self.start, self.start + self.count
                while at < end: at += os.pwrite(fd, new[at:end], at)
                return "whole"

        class Lent(Patch):
            def open(self, name): return lent_fd

        def patched(name, start, count):
            content = bytearray(old[name]); content[start:start + count] = noise(count, name + "2")
            return bytes(content)
        NEW, REWRITE, APPEND = os.O_WRONLY | os.O_CREAT | os.O_EXCL, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND
        def link(fd, name):
            # With a folder's descriptor Python follows the link, as linkat(2) needs it.
            os.link(f"/proc/self/fd/{fd}", name, src_dir_fd=root); return "linked"
        root = os.open("/", os.O_PATH)
        unnamed = Act(os.O_RDWR | os.O_TMPFILE, link=link)
        unnamed.open = lambda name: os.open(".", os.O_RDWR | os.O_TMPFILE, 0o644)

        op("early", text(6_000_000, "early"), Act(NEW))
        for i in range(3):
            op(f"new{i}", noise(8_000 * 4**i, f"new{i}"), Act(NEW))
            op(f"new_synced{i}", noise(8_000 * 4**i, f"new_synced{i}"), Act(NEW), synced=True)
            op(f"new_text{i}", text(8_000 * 4**i, f"new_text{i}"), Act(NEW))
        op("unnamed", noise(SMALL, "unnamed"), unnamed)
        op("unnamed_synced", noise(SMALL, "unnamed_synced"), unnamed, synced=True)
        op("rewritten", noise(SMALL + 9_000, "r2"), Act(REWRITE))
        op("synced", noise(SMALL + 9_000, "s2"), Act(REWRITE), synced=True)
        op("appended", old["appended"] + noise(30_000, "a2"), Act(APPEND, at=SMALL))
        op("emptied", noise(SMALL, "e2"), Act(os.O_RDWR, truncate=0))
        op("patched_small", patched("patched_small", 5_000, 3_000), Patch(5_000, 3_000))
        op("linked", noise(SMALL + 20_000, "l2"), Act(REWRITE))
        op("large_patched", patched("large_patched", 700_000, 90_000), Patch(700_000, 90_000), patches=True)
        op("large_linked", patched("large_linked", 700_000, 60_000), Patch(700_000, 60_000), synced=True, patches=True)
        op("large_synced", patched("large_synced", 300_000, 40_000), Patch(300_000, 40_000), synced=True, patches=True)
        op("large_truncated", old["large_truncated"][:600_001], Act(os.O_RDWR, truncate=600_001, at=600_001))
        op("large_rewritten", noise(LARGE + 700_000, "lr2"), Act(REWRITE, step=100_000))
        op("large_new", noise(LARGE, "ln"), Act(NEW, step=100_000))
        # Last, because the room that is kept for what the kernel writes by itself is given away when it comes back.
        op("lent", patched("lent", 100_000, 50_000), Lent(100_000, 50_000), synced=True, patches=True)
        for name in ("linked", "large_linked"):
            files[name + "_too"] = dict(files[name])
            for which in ("old", "new"): os.link(f"{EXPECTED}-{which}-{name}", f"{EXPECTED}-{which}-{name}_too")
        # Who asks what is pending is promised that it is not lost.
        for file in status()["files"]:
            name = file["path"]
            open(f"{EXPECTED}-new-{name}-listed", "wb").write(open(name, "rb").read())
            os.replace(f"{EXPECTED}-new-{name}-listed", f"{EXPECTED}-new-{name}")
            files[name]["must_be_new"] = True
            files[name]["outcome"] += ", listed by status"
        json.dump(files, open(EXPECTED + ".json", "w"))
        print("lent" if is_lent else "not lent")
        for name, file in files.items(): print(f"{name:16} {file['outcome']}")
        """;
}
