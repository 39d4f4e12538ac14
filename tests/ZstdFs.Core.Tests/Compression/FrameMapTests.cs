using ZstdFs.Core.Compression;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Compression;

internal sealed class FrameMapTests
{
    [Test]
    public void FindFrame_EqualFrames_IsRightAtEveryOffset() => CheckEveryOffset([100, 100, 100, 30], 100);

    [Test]
    public void FindFrame_UnequalFramesWithEmptyOnes_IsRightAtEveryOffset() =>
        CheckEveryOffset([0, 5, 0, 0, 100, 1, 0, 77, 0], null);

    [Test]
    public void IsUniform_AnyShape_TellsWhetherFramesCanBeCopied()
    {
        Assert.That(Build([100, 100, 30]).IsUniform(100));
        Assert.That(Build([100, 100, 100]).IsUniform(100));
        Assert.That(Build([30]).IsUniform(100));
        Assert.That(Build([]).IsUniform(100));
        Assert.That(Build([130]).IsUniform(100), Is.False);
        Assert.That(Build([100, 130]).IsUniform(100), Is.False);
        Assert.That(Build([100, 30, 100]).IsUniform(100), Is.False);
        Assert.That(Build([50, 50]).IsUniform(100), Is.False);
    }

    [Test]
    public void IsUniform_AFrameWithoutContentSize_IsFalse()
    {
        var builder = new FrameMapBuilder();
        builder.Add(0, 10, 100);
        builder.Add(10, 10, 100, hasContentSize: false);
        Assert.That(builder.Build(20).IsUniform(100), Is.False);
    }

    [Test]
    public void Indexer_GapsBetweenFrames_KeepsThemOut()
    {
        var builder = new FrameMapBuilder();
        (long, long, long)[] frames = [(7, 10, 100), (17, 5, 100), (30, 5, 100), (35, 1, 20), (50, 2, 3)];
        foreach ((long offset, long stored, long logical) in frames)
            builder.Add(offset, stored, logical);
        FrameMap map = builder.Build(60);
        Assert.That(map.IsContiguous, Is.False);
        Assert.That(map.EndOfFrames, Is.EqualTo(52));
        for (int i = 0; i < frames.Length; i++)
            Assert.That((map[i].StoredOffset, map[i].StoredBytes, map[i].LogicalBytes), Is.EqualTo(frames[i]));
    }

    [Test]
    public void Build_ManyEqualFrames_CostsEightBytesEach()
    {
        FrameMap map = null!;
        long taken = Allocations.In(1, _ =>
        {
            var builder = new FrameMapBuilder(200_000);
            for (int i = 0; i < 200_000; i++)
                builder.Add(builder.StoredEnd, 9, 524288);
            map = builder.Build(builder.StoredEnd);
        });
        Assert.That(taken, Is.LessThan(8 * 200_001 + 1000));
        Assert.That(map.LogicalBytes, Is.EqualTo(200_000L * 524288));
    }

    private static FrameMap Build(long[] logicalBytes)
    {
        var builder = new FrameMapBuilder();
        foreach (long bytes in logicalBytes)
            builder.Add(builder.StoredEnd, 9, bytes);
        return builder.Build(builder.StoredEnd);
    }

    private static void CheckEveryOffset(long[] sizes, int? uniform)
    {
        FrameMap map = Build(sizes);
        Assert.That(map.HasEqualFrames, Is.EqualTo(uniform is not null));
        long offset = 0;
        for (int frame = 0; frame < sizes.Length; frame++)
        {
            Assert.That(map[frame], Is.EqualTo(new FrameExtent(frame * 9, 9, offset, sizes[frame])));
            for (long i = 0; i < sizes[frame]; i++)
                Assert.That(map.FindFrame(offset++), Is.EqualTo(frame));
        }
        Assert.That(map.FindFrame(offset), Is.EqualTo(sizes.Length));
        Assert.That(map.FindFrame(long.MaxValue), Is.EqualTo(sizes.Length));
        Assert.That(map.LogicalBytes, Is.EqualTo(offset));
    }
}
