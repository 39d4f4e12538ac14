using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Damage;

/// <summary>
/// A write into a file whose content, or whose end, cannot be decoded is refused as reading is, and its stored file
/// stays as it was; or it comes out right, with all the rest that could be read. Nothing stays behind that no commit
/// can store.
/// </summary>
[CancelAfter(300_000)]
internal sealed class WritingUndecodableTests
{
    private const string Damage = "printf '\\xff\\xff\\xff\\xff' | dd of=f.zst bs=1 conv=notrunc status=none seek=";
    private const string Own = "seq 500000 | head -c 3000000 > c; split -b 524288 c part.; zstd -q part.*; cat part.*.zst > f.zst; ";

    private static readonly UndecodableFile[] Kinds =
    [
        .. UndecodableFile.All.Where(static kind => kind.User == ShellUser.Same),
        new("window of 256 MiB, 38 MB", "seq 5000000 | zstd -q --long=28 > f.zst", "", ""),
        new("dictionary, 24 MB", "seq 3000000 > d1; for i in $(seq 1 60); do seq $i $((i + 200)) > s$i; done; "
            + "zstd -q --train s* -o dict --dictID=77; zstd -q -D dict < d1 > f.zst", "", ""),
        new("gzip, 24 MB", "seq 3000000 | gzip -1 > f.zst", "", ""),
        new("cut off, 24 MB", "seq 3000000 | zstd -q | head -c 1000000 > f.zst", "", ""),
        new("a second frame of 256 MiB window", "{ seq 100000 | zstd -q; seq 3000000 | zstd -q --long=28; } > f.zst", "", ""),
        new("before zstd 1.0", "{ printf '\\x27\\xb5\\x2f\\xfd\\x20\\xef'; head -c 5000 /dev/urandom; } > f.zst", "", ""),
        new("six frames, cut off in one", Own + "truncate -s 200000 f.zst", "", ""),
        new("six frames, cut off, no length stated", "seq 500000 > c; for i in 1 2 3 4 5 6; do head -c 524288 c | zstd -q; done "
            + "> f.zst; truncate -s -2000 f.zst", "", ""),
        new("six frames, noise behind them", Own + "head -c 3000 /dev/urandom >> f.zst", "", ""),
        new("six frames, the third damaged", Own + Damage + "$(($(cat part.aa.zst part.ab.zst | wc -c) + 20000))", "", ""),
        new("one frame, length stated, its middle damaged",
            "seq 300000 > c; zstd -q c -o f.zst; " + Damage + "$(($(stat -c %s f.zst) / 2))", "", ""),
    ];

    private const string Script = """
        import ctypes, errno, fcntl, hashlib, json, mmap, os, shutil, subprocess, sys
        step, source, mounted, log = sys.argv[1:]
        PIECE, MOST, END = 65536, 6 << 20, 1 << 62
        libc = ctypes.CDLL(None, use_errno=True)
        libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]

        def fallocate(fd, mode, at, count):
            if libc.fallocate(fd, mode, at, count) < 0:
                raise OSError(ctypes.get_errno(), 'fallocate')
            return count
        def copy(fd, at, count):
            good = os.open(mounted + '/good', os.O_RDONLY)
            try:
                return os.copy_file_range(good, fd, count, 0, at)
            finally:
                os.close(good)
        def store(fd, at, count):
            # What cannot be read is a signal here.
            child = os.fork()
            if child == 0:
                try:
                    with mmap.mmap(fd, at + count, access=mmap.ACCESS_WRITE) as mapped:
                        mapped[at:at + count] = b'W' * count
                        mapped.flush()
                    os._exit(0)
                finally:
                    os._exit(1)
            if os.waitpid(child, 0)[1]:
                raise OSError(ends or errno.EIO, 'mmap')
            return count
        def append(fd, at, count):
            fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
            return os.write(fd, b'W' * count)
        def write(fd, at, count): return os.pwrite(fd, b'W' * count, at)
        def punch(fd, at, count): return fallocate(fd, 3, at, count)
        def zero(fd, at, count): return fallocate(fd, 0x10, at, count)
        def grow(fd, at, count): return fallocate(fd, 0, at, count)
        def cut(fd, at, count): os.ftruncate(fd, at); return at
        def rewrite(fd, at, count): os.ftruncate(fd, 0); return os.pwrite(fd, b'W' * count, 0)

        def changes(size):
            half, k = size // 2, 1024
            yield from ((write, at, count) for at in sorted({0, half, half // 4096 * 4096, size + 100000})
                        for count in (5, 600 * k, k * k, 3 * k * k))
            yield from ((append, size, 5), (append, size, 600 * k), (write, size - 1, 1), (write, 1200 * k, 600 * k))
            yield from ((cut, at, 0) for at in {50 << 20, size, size + 1, max(size - 1, 0), half, 524288, 4096, 3, 0})
            yield from ((grow, 0, size + 5), (grow, 0, 50 << 20), (punch, 0, 4096), (punch, 1200 * k, 300 * k),
                        (zero, 0, 3 << 20), (zero, 1 << 20, 600 * k), (copy, 0, 5), (copy, 0, 3 << 20), (copy, half, 600 * k))
            if size > 5:
                yield from ((store, 0, 5), (store, half, 1))
            yield from ((rewrite, 0, 5), (rewrite, 0, 3 << 20))
        def read(path):
            # Piece by piece, None for what is refused, or comes short of what is refused.
            with open(path, 'rb', buffering=0) as file:
                size, found = os.fstat(file.fileno()).st_size, []
                for at in range(0, min(size, MOST), PIECE):
                    try:
                        piece = os.pread(file.fileno(), PIECE, at)
                        found.append(piece if len(piece) == min(PIECE, size - at) else None)
                    except OSError:
                        found.append(None)
                try:
                    os.pread(file.fileno(), 1, size - 1) if size else 0
                    ends = 0
                except OSError as e:
                    ends = e.errno
                return size, found, ends
        def digest(name): return hashlib.sha256(open(f'{source}/{name}.zst', 'rb').read()).hexdigest()
        def name_of(at): return f'f{at}'

        size, before, ends = read(mounted + '/f')
        told = []
        def expect(holds, at, what):
            if not holds: told.append(f'{plan[at][0].__name__} {plan[at][1:]} of {size}: {results[at]}: {what}')
        plan = [c for c in changes(size) if c[1] >= 0]
        if step == 'change':
            stored, results = digest('f'), []
            for at, (what, offset, count) in enumerate(plan):
                shutil.copy2(source + '/f.zst', f'{source}/{name_of(at)}.zst')
                done = 0
                try:
                    fd = os.open(f'{mounted}/{name_of(at)}', os.O_RDWR)
                    try:
                        done = what(fd, offset, count)
                    finally:
                        os.close(fd)
                    results.append([done, 0])
                except OSError as e:
                    results.append([done, e.errno])
                expect(done == 0 or results[at][1] == 0, at, 'accepted, and lost at close')
            json.dump([stored, size, ends, results], open(log, 'w'))
            # Where nobody knows the end.
            if ends:
                for at, (what, offset, count) in enumerate(plan):
                    keeps = what in (write, append, copy, store, grow, zero, punch) or what is cut and offset >= size
                    within = what in (grow, zero, punch) and (what is grow and offset + count <= size or offset >= size)
                    if keeps and not within: expect(results[at][1] in (ends, errno.EFBIG), at, f'not refused with {ends}')
                    if what is rewrite or what is cut and offset == 0: expect(results[at][1] == 0, at, 'refused')
        else:
            stored, size, ends, results = json.load(open(log))
            stock = subprocess.run(['zstd', '-qdc', '--long=31', source + '/f.zst'], capture_output=True).stdout
            for at, (what, offset, count) in enumerate(plan):
                done, error = results[at]
                if error:
                    expect(digest(name_of(at)) == stored, at, 'the stored file was changed')
                    continue
                now, found, _ = read(f'{mounted}/{name_of(at)}')
                if what in (write, append, store, copy):
                    new, length = b'W' if what is not copy else b'g', max(size, offset + done)
                    span = (offset, offset + done)
                elif what is rewrite:
                    new, length, span = b'W', done, (0, done)
                elif what is cut:
                    new, length, span = b'\0', offset, (size, END)
                    if offset < size:
                        expect(b''.join(p or b'' for p in found) == stock[:min(offset, MOST)], at, 'another beginning')
                        expect(now == offset, at, f'{now} bytes long')
                        continue
                else:
                    length = size if what is punch else max(size, offset + count)
                    new, span = b'\0', (offset, offset + count) if what is not grow else (size, END)
                expect(now == length, at, f'{now} bytes long')
                for i, piece in enumerate(found):
                    start, end = i * PIECE, min(i * PIECE + PIECE, now)
                    low, high = max(start, span[0]), min(end, span[1])
                    old = before[i] if i < len(before) else b''
                    whole = low <= start and high >= min(end, max(size, span[1]))
                    if old is None and not whole:
                        expect(piece is None, at, f'piece {i} was lost')
                        continue
                    wanted = bytearray((old or b'')[:end - start].ljust(end - start, b'\0'))
                    if low < high:
                        wanted[low - start:high - start] = new * (high - low)
                    expect(piece == wanted, at, f'piece {i} is another')
        print('\n'.join(told))
        """;

    [TestCaseSource(nameof(Kinds))]
    public void EveryChange_IsRefusedOrRight(object kind)
    {
        using MountedFolder folder = MountedFolder.Create(prepare: source =>
        {
            ((UndecodableFile)kind).Make(source);
            Shell.Get($"yes g | tr -d '\\n' | head -c 4000000 | zstd -q -f -o '{source}/good.zst'");
        });
        string script = Path.Combine(Path.GetDirectoryName(folder.Mount)!, "changes.py");
        File.WriteAllText(script, Script);
        string Run(string step) => Shell.Get(
            $"python3 '{script}' {step} '{folder.Source}' '{folder.Mount}' '{script}.log'", TimeSpan.FromSeconds(200));
        string said = Run("change");
        ShellResult sync = folder.Program("sync", folder.Mount);
        Assert.That(said, Is.Empty);
        Assert.That(sync.ExitCode, Is.Zero, sync.ToString);
        folder.Remount();
        Assert.That(Run("look"), Is.Empty);
        folder.Unmount();
    }
}
