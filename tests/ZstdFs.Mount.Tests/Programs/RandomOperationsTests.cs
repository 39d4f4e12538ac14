using System.Diagnostics;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>
/// Random reads, writes, truncations, mappings, syncs, closes and renames of one file, held against its content in
/// memory.
/// </summary>
internal sealed class RandomOperationsTests(Ground ground) : ProgramTests(ground)
{
    private const string Script =
        """
        import mmap, os, random
        chance = random.Random(SEED)
        LIMIT = MAXIMUM
        if ROUND == 0:
            model = bytearray()
            fds = [os.open("f", os.O_RDWR | os.O_CREAT)]
        else:
            with open(KEPT, "rb") as f: model = bytearray(f.read())
            fds = [os.open("f", os.O_RDWR)]
        def place():
            return chance.choice([chance.randrange(LIMIT), len(model), chance.randrange(LIMIT) // 4096 * 4096,
                chance.randrange(LIMIT // 524288 + 1) * 524288])
        def length(): return chance.choice([1, 10, 4096, chance.randrange(1, 20000), chance.randrange(1, 700000)])
        def check(fd, at, n, what):
            got = os.pread(fd, n, at)
            assert got == model[at:at + n], (what, step, at, n, len(got),
                next((i for i, (a, b) in enumerate(zip(got, model[at:at + n])) if a != b), None))
        writers = [] # that cannot read: while there are any, everybody goes past the kernel's pages
        for step in range(STEPS):
            op, fd = chance.randrange(100), chance.choice(fds)
            if op < 35:
                at, n = min(place(), LIMIT - 1), length()
                n = min(n, LIMIT - at)
                data = chance.randbytes(n) if chance.random() < 0.5 else bytes([chance.randrange(256)]) * n
                assert os.pwrite(chance.choice(writers) if writers and chance.random() < 0.5 else fd, data, at) == n
                if at > len(model): model.extend(bytes(at - len(model)))
                model[at:at + n] = data
            elif op < 60: check(fd, place(), length(), "read")
            elif op < 70:
                size = min(place(), LIMIT)
                os.ftruncate(fd, size)
                model = model[:size] + bytes(max(0, size - len(model)))
            elif op < 74 and model:
                with mmap.mmap(fd, len(model)) as m:
                    at = chance.randrange(len(model))
                    assert m[at:at + 5000] == model[at:at + 5000], ("map", step, at)
                    data = chance.randbytes(min(3000, len(model) - at))
                    m[at:at + len(data)] = model[at:at + len(data)] = data
                    if chance.random() < 0.5: m.flush()
            elif op < 80: os.fsync(fd)
            elif op < 88:
                fds.remove(fd); os.close(fd)
                if not fds or chance.random() < 0.5: fds.append(os.open("f", os.O_RDWR))
            elif op < 92 and len(fds) < 4: fds.append(os.open("f", os.O_RDWR))
            elif op < 95: os.rename("f", "g"); os.rename("g", "f")
            elif op < 97:
                with open("f", "rb") as f: assert f.read() == model, ("whole", step)
            elif writers and chance.random() < 0.5: os.close(writers.pop())
            else: writers.append(os.open("f", os.O_WRONLY))
            assert os.fstat(fds[0]).st_size == len(model) == os.stat("f").st_size, ("size", step)
        for fd in fds + writers: os.close(fd)
        with open("f", "rb") as f: assert f.read() == model, "after the last close"
        with open(KEPT, "wb") as f: f.write(model)
        """;

    [TestCase(1, 3_000_000, 250)]
    [TestCase(2, 3_000_000, 250)]
    [TestCase(3, 700_000, 400)]
    [TestCase(4, 5000, 600)]
    [TestCase(5, 10_000_000, 150)]
    public void File_HoldsWhatMemoryHolds(int seed, int maximum, int steps) => Hammer(seed, maximum, steps);

    [Test]
    [Category("Long")]
    public void File_HoldsWhatMemoryHolds_ForAMinute()
    {
        long start = Stopwatch.GetTimestamp();
        int seed = Environment.TickCount & 0xFFFFFF, last = seed;
        for (; Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(1); last++)
        {
            Bash("rm -f f");
            TestContext.Out.WriteLine($"seed {last}");
            Hammer(last, new Random(last).Next(4000, 10_000_000), 300);
        }
        Assert.That(last - seed, Is.GreaterThan(1), "too little to prove anything");
    }

    private void Hammer(int seed, int maximum, int steps)
    {
        for (int round = 0; round < 2; round++)
        {
            Python(Script.Replace("SEED", $"{(seed * 10) + round}", StringComparison.Ordinal)
                .Replace("MAXIMUM", $"{maximum}", StringComparison.Ordinal)
                .Replace("STEPS", $"{steps}", StringComparison.Ordinal)
                .Replace("ROUND", $"{round}", StringComparison.Ordinal)
                .Replace("KEPT", $"'{Outside}/model'", StringComparison.Ordinal), TimeSpan.FromMinutes(2));
            AssertKept();
            Bash("cmp f $outside/model");
        }
    }
}
