using ZstdFs.Core.WorkingCopies;

namespace ZstdFs.Core.Tests.WorkingCopies;

/// <summary>Ranges of a working copy that were punched out.</summary>
[TestFixture]
internal sealed class ZeroRangesTests
{
    private const long Block = BlockMap.BlockBytes;

    [Test]
    public void RangesThatTouchOrOverlap_BecomeOne()
    {
        ZeroRanges ranges = Of((10, 20), (30, 40), (50, 60));
        Assert.That(ranges.TryAdd(20 * Block, 30 * Block));
        Assert.That(List(ranges), Is.EqualTo(new[] { (10L, 40L), (50L, 60L) }));
        Assert.That(ranges.TryAdd(0, 55 * Block));
        Assert.That(List(ranges), Is.EqualTo(new[] { (0L, 60L) }));
        Assert.That(ranges.TryAdd(5 * Block, 6 * Block), "inside");
        Assert.That(List(ranges), Is.EqualTo(new[] { (0L, 60L) }));
    }

    [Test]
    public void RangesApart_StayInOrder()
    {
        ZeroRanges ranges = Of((50, 60), (10, 20), (30, 40));
        Assert.That(List(ranges), Is.EqualTo(new[] { (10L, 20L), (30L, 40L), (50L, 60L) }));
    }

    [Test]
    public void OneRangeTooMany_IsRefusedAndChangesNothing_ButOneThatMergesIsTaken()
    {
        var ranges = new ZeroRanges();
        for (int i = 0; i < ZeroRanges.Most; i++)
            Assert.That(ranges.TryAdd(i * 10 * Block, (i * 10 + 1) * Block));
        (long, long)[] before = List(ranges);
        Assert.That(ranges.TryAdd(5 * Block, 6 * Block), Is.False);
        Assert.That(List(ranges), Is.EqualTo(before));
        Assert.That(ranges.Bytes, Is.EqualTo(ZeroRanges.LongestBytes));
        Assert.That(ranges.TryAdd(Block, 10 * Block), "it joins two");
        Assert.That(List(ranges), Has.Length.EqualTo(ZeroRanges.Most - 1));
    }

    [Test]
    public void Clip_CutsARangeAndForgetsThoseBehind()
    {
        ZeroRanges ranges = Of((10, 20), (30, 40));
        Assert.That(ranges.Clip(40 * Block), Is.False, "nothing is behind");
        Assert.That(ranges.Clip(15 * Block));
        Assert.That(List(ranges), Is.EqualTo(new[] { (10L, 15L) }));
        Assert.That(ranges.Clip(10 * Block));
        Assert.That(ranges.IsEmpty);
        Assert.That(ranges.Clip(0), Is.False);
    }

    [TestCase(5, false, 10)]
    [TestCase(10, true, 20)]
    [TestCase(19, true, 20)]
    [TestCase(20, false, 30)]
    public void Find_TellsWhereTheAnswerEnds(long block, bool isIn, long end)
    {
        ZeroRanges ranges = Of((10, 20), (30, 40));
        Assert.That(ranges.Find(block * Block, out long found), Is.EqualTo(isIn));
        Assert.That(found, Is.EqualTo(end * Block));
    }

    [Test]
    public void Find_BehindTheLast_HasNoEnd()
    {
        Assert.That(Of((10, 20)).Find(20 * Block, out long end), Is.False);
        Assert.That(end, Is.EqualTo(long.MaxValue));
    }

    [TestCase(0, 10, false)]
    [TestCase(0, 11, true)]
    [TestCase(15, 16, true)]
    [TestCase(20, 30, false)]
    public void Any_TellsOverlap(long first, long end, bool expected) =>
        Assert.That(Of((10, 20), (30, 40)).Any(first * Block, end * Block), Is.EqualTo(expected));

    [Test]
    public void WrittenRanges_ReadBack()
    {
        ZeroRanges ranges = Of((0, 1), (10, 20), (30, 40)), read = Of((7, 8));
        byte[] bytes = new byte[ranges.Bytes];
        ranges.Write(bytes);
        Assert.That(read.TryRead(bytes));
        Assert.That(List(read), Is.EqualTo(List(ranges)));
    }

    [TestCase(new long[] { 1 }, TestName = "HalfARange")]
    [TestCase(new long[] { 4096, 4096 }, TestName = "EmptyRange")]
    [TestCase(new long[] { 8192, 4096 }, TestName = "RangeThatEndsBeforeItBegins")]
    [TestCase(new long[] { 100, 4096 }, TestName = "RangeThatBeginsInsideABlock")]
    [TestCase(new long[] { 8192, 12288, 0, 4096 }, TestName = "RangesOutOfOrder")]
    [TestCase(new long[] { 0, 4096, 4096, 8192 }, TestName = "RangesThatTouch")]
    [TestCase(new long[] { -4096, 4096 }, TestName = "RangeBeforeTheFile")]
    public void BytesThatAreNoRanges_AreRefused(long[] numbers)
    {
        byte[] bytes = new byte[numbers.Length * sizeof(long)];
        Buffer.BlockCopy(numbers, 0, bytes, 0, bytes.Length);
        Assert.That(new ZeroRanges().TryRead(bytes), Is.False);
    }

    [Test]
    public void MoreRangesThanAreKept_AreRefused()
    {
        byte[] bytes = new byte[ZeroRanges.LongestBytes + 2 * sizeof(long)];
        long[] numbers =
        [
            .. Enumerable.Range(0, ZeroRanges.Most + 1)
                .SelectMany(static i => new[] { i * 4 * Block, (i * 4 + 1) * Block })
        ];
        Buffer.BlockCopy(numbers, 0, bytes, 0, bytes.Length);
        Assert.That(new ZeroRanges().TryRead(bytes), Is.False);
        Assert.That(new ZeroRanges().TryRead(bytes.AsSpan(0, ZeroRanges.LongestBytes)));
    }

    private static ZeroRanges Of(params ReadOnlySpan<(long First, long End)> blocks)
    {
        var ranges = new ZeroRanges();
        foreach ((long first, long end) in blocks)
            Assert.That(ranges.TryAdd(first * Block, end * Block));
        return ranges;
    }

    /// <summary>The ranges in blocks, as the working copy's attribute has them.</summary>
    private static (long First, long End)[] List(ZeroRanges ranges)
    {
        byte[] bytes = new byte[ranges.Bytes];
        ranges.Write(bytes);
        long[] numbers = new long[bytes.Length / sizeof(long)];
        Buffer.BlockCopy(bytes, 0, numbers, 0, bytes.Length);
        return [.. numbers.Chunk(2).Select(static r => (r[0] / Block, r[1] / Block))];
    }
}
