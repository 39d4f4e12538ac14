using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Passthrough;

/// <summary>
/// One file, with anything that can be done to it in any order: it goes to the kernel and comes back again and again,
/// by commits, mappings, other handles, kills. At each look it is what a model of it says.
/// </summary>
[CancelAfter(900_000)]
internal sealed class RandomPassthroughTests
{
    [Test]
    public void AnyOrderOfOperations_LeavesWhatAModelSays([Values("ext4", "xfs", "btrfs")] string type,
        [Values(1, 2)] int seed) => Run(type, seed, 20);

    [Test, Category("Long")]
    public void AnyOrderOfOperations_ForLonger_LeavesWhatAModelSays(
        [Values("ext4", "xfs", "btrfs", "tmpfs")] string type, [Values(11, 12, 13)] int seed) =>
        Run(type, seed, 240);

    private static void Run(string type, int seed, int seconds)
    {
        using LoopImage image = LoopImage.Create(type, 1024);
        using MountedFolder folder = MountedFolder.Create(new MountSetup { SourceParent = image.Root });
        string output = LentFile.Run(folder, $$"""
            dice = random.Random({{seed}})
            model, handles, maps = bytearray(), [], []
            steps, lent, kills = 0, 0, 0
            def data():
                return dice.randbytes(
                    dice.randrange(1, 65536)) if dice.random() < .5 else b"%d " % steps * dice.randrange(1, 20000)
            def place(): return dice.randrange(0, len(model) + dice.choice([1, 1, 100_000]))
            def writable(): return [fd for fd, flags in handles if flags == os.O_RDWR]
            def put(at, what):
                model.extend(bytes(max(0, at + len(what) - len(model))))
                model[at:at + len(what)] = what
            def write():
                if writable():
                    at, what = place(), data(); assert os.pwrite(dice.choice(writable()), what, at) == len(what)
                    put(at, what)
            def store():
                if maps and model:
                    m = dice.choice(maps)
                    at = dice.randrange(0, min(len(m), len(model)))
                    what = data()[:min(len(m), len(model)) - at]
                    m[at:at + len(what)] = what; put(at, what)
            def opens():
                if len(handles) < 4:
                    flags = dice.choice([os.O_RDWR, os.O_RDWR, os.O_RDONLY])
                    handles.append((os.open("f", flags), flags))
            def close():
                if handles: os.close(handles.pop(dice.randrange(len(handles)))[0])
            def maps_it():
                if writable() and model and len(maps) < 3: maps.append(Mapping(dice.choice(writable())))
            def unmap():
                if maps: maps.pop(dice.randrange(len(maps))).close()
            def look():
                assert os.stat("f").st_size == len(model)
                at = place()
                for fd, _ in handles: assert os.pread(fd, 100_000, at) == model[at:at + 100_000], (steps, at)
                for m in maps:
                    assert m[at:min(at + 100_000, len(model))] == model[at:min(at
                        + 100_000, len(model), max(at, len(m)))], (steps, at)
            def look_at_all():
                with open("f", "rb") as f: found = f.read()
                assert found == model, (steps, len(found), len(model))
            def cut():
                # What is mapped behind the end must not be touched; nor may a page of the end show what was there.
                if not maps:
                    size = place(); os.truncate("f", size); model.extend(bytes(max(0, size - len(model))))
                    del model[size:]
            def punch():
                if model:
                    at = dice.randrange(len(model)); length = dice.randrange(1, 300_000)
                    subprocess.run(["fallocate", "-p", "-o", str(at), "-l", str(length), "f"], check=True)
                    end = min(at + length, len(model)); model[at:end] = bytes(end - at)
            def fsync():
                for fd in writable(): os.fsync(fd)
            def commit():
                sync(); assert stored() == model, steps
            def anew():
                while maps: unmap()
                while handles: close()
                model[:] = dice.randbytes(700_000) + b"text " * 300_000 + data()
                for i in range(2): write_whole("f", bytes(model), dice.random() < .8)
                opens()
            def wait(): time.sleep(dice.choice([.01, .01, .1, 1.2]))
            def touch(): os.utime("f", ns=(steps, 10**18 + steps)); assert os.stat("f").st_mtime_ns == 10**18 + steps
            def kill():
                global kills
                if not is_lent("f"): return
                kill_daemon(); write(); store()
                while handles:
                    try: close()
                    except OSError as e: assert e.errno == errno.ENOTCONN, e
                while maps: unmap()
                os.chdir("/")
                subprocess.run(["umount", MOUNT], check=True)
                subprocess.run([PROGRAM, "mount", SOURCE, MOUNT], check=True)
                os.chdir(MOUNT)
                kills += 1
                look_at_all()
            often = [write, store, look, opens, close]
            seldom = [maps_it, unmap, look_at_all, cut, punch, fsync, commit, anew, anew, wait, touch, kill]
            write_whole("f", b"")
            end = time.time() + {{seconds}}
            # A slow machine does too little of it in that time.
            while (now := time.time()) < end or (lent <= 5 or kills <= 1) and now < end + 300:
                dice.choice(often if dice.random() < .8 else seldom)()
                steps += 1
                if steps % 20 == 0: lent += is_lent("f")
            while handles: close()
            while maps: unmap()
            wait_for(lambda: not status()["pending_files"])
            assert stored() == model
            look_at_all()
            assert not working() and lent > 5 and kills > 1, (lent, kills)
            os.chdir("/")
            subprocess.run([PROGRAM, "unmount", MOUNT], check=True)
            print(f"{steps} steps, {kills} kills, served by the kernel in {lent} of {steps // 20} looks")
            """, TimeSpan.FromSeconds(seconds + 480));
        TestContext.Out.WriteLine(output);
        folder.Kill();
    }
}
