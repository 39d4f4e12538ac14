using ZstdFs.Core.WorkingCopies;

namespace ZstdFs.Core.Tests.WorkingCopies;

/// <summary>Which blocks of a working copy are marked as written.</summary>
[TestFixture]
internal sealed class BlockMapTests
{
    // The map keeps 64 blocks in a word, and this many in a chunk.
    private const long Word = 64, Chunk = 512 * 64;

    [TestCase(0, 0)]
    [TestCase(1, 1)]
    [TestCase(BlockMap.BlockBytes, 1)]
    [TestCase(BlockMap.BlockBytes + 1, 2)]
    public void CountOf_CountsABlockThatIsBegun(long bytes, long blocks) =>
        Assert.That(BlockMap.CountOf(bytes), Is.EqualTo(blocks));

    [TestCase(0, 1)]
    [TestCase(3, Word + 5)]
    [TestCase(Word, 2 * Word)]
    [TestCase(Word - 1, Word + 1)]
    [TestCase(Chunk - 1, Chunk + 1)]
    [TestCase(Chunk, 2 * Chunk)]
    [TestCase(5, 3 * Chunk + 7)]
    public void Set_MarksTheRangeAndNothingElse(long first, long end)
    {
        var map = new BlockMap();
        map.Set(first, end);
        Assert.Multiple(() =>
        {
            Assert.That(map.All(first, end));
            Assert.That(map[end], Is.False);
            Assert.That(map.Any(end, end + Chunk), Is.False);
            Assert.That(first > 0 && map.Any(0, first), Is.False);
            Assert.That(map.All(first, end + 1), Is.False);
            Assert.That(map.RunEnd(first, end + Chunk), Is.EqualTo(end));
            Assert.That(map.RunEnd(first, end - 1), Is.EqualTo(end - 1), "the limit");
            Assert.That(map.RunEnd(end, end + 3 * Chunk), Is.EqualTo(end + 3 * Chunk), "a run without marks");
        });
    }

    [Test]
    public void EmptyRange_IsAllMarkedAndHasNone()
    {
        var map = new BlockMap();
        Assert.That(map.All(7, 7));
        Assert.That(map.Any(7, 7), Is.False);
        map.Set(7, 7);
        Assert.That(map[7], Is.False);
    }

    [Test]
    public void ManyChanges_LeaveWhatAPlainArrayHas()
    {
        const int Blocks = (int)(3 * Chunk);
        var random = new Random(1);
        var map = new BlockMap();
        bool[] expected = new bool[Blocks];
        for (int round = 0; round < 300; round++)
        {
            int first = random.Next(Blocks), end = Math.Min(Blocks, first + random.Next(1, (int)Chunk));
            // Often at an edge of a word or a chunk.
            if (random.Next(2) == 0)
                first = (int)(first / Word * Word);
            if (random.Next(4) == 0)
                end = Math.Max(first, (int)(end / Chunk * Chunk));
            switch (random.Next(8))
            {
                case 0:
                    map.ClearFrom(first);
                    expected.AsSpan(first).Clear();
                    break;
                case 1 or 2:
                    map.Clear(first, end);
                    expected.AsSpan(first, end - first).Clear();
                    break;
                default:
                    map.Set(first, end);
                    expected.AsSpan(first, end - first).Fill(true);
                    break;
            }
            int at = random.Next(Blocks), limit = random.Next(at, Blocks), run = at;
            while (run < limit && expected[run] == expected[at])
                run++;
            Assert.That(map.RunEnd(at, limit), Is.EqualTo(run), $"round {round}: the run from {at} to {limit}");
            Assert.That(map.Any(at, limit), Is.EqualTo(expected.AsSpan(at, limit - at).Contains(true)));
            Assert.That(map.All(at, limit), Is.EqualTo(!expected.AsSpan(at, limit - at).Contains(false)));
        }
        for (int block = 0; block < Blocks; block++)
        {
            if (map[block] != expected[block])
                Assert.Fail($"block {block} is {map[block]}");
        }
    }
}
