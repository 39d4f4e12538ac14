using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>Content that a slow level would be wasted on.</summary>
internal sealed class FirstLookTests
{
    private const int FrameBytes = 512 * 1024;

    private readonly CodecPool _codecs = new(2, new StreamBudget(new WindowLimit(Codec.Of(CodecChoice.Auto))));

    [OneTimeTearDown]
    public void Free() => _codecs.Dispose();

    [Test]
    public void Random_GetsTheFastLevel() =>
        Assert.That(FirstLook.Level(_codecs, 19, Random(FrameBytes)), Is.EqualTo(1));

    [TestCase(-7), TestCase(3), TestCase(5)]
    public void FastLevels_AreLeft(int level) =>
        Assert.That(FirstLook.Level(_codecs, level, Random(FrameBytes)), Is.EqualTo(level));

    [Test]
    public void ShortContent_IsCompressedAsAsked() =>
        Assert.That(FirstLook.Level(_codecs, 19, Random(100_000)), Is.EqualTo(19));

    [TestCase(0), TestCase(FrameBytes / 2), TestCase(FrameBytes * 3 / 4)]
    public void PartThatShrinks_IsWorthTheLevel(int at)
    {
        byte[] content = Random(FrameBytes);
        for (int i = at; i < at + FrameBytes / 4; i++)
            content[i] = (byte)("the quick brown fox "[i % 20] + i / 4096 % 3);
        Assert.That(FirstLook.Level(_codecs, 19, content), Is.EqualTo(19));
    }

    private static byte[] Random(int length)
    {
        byte[] content = new byte[length];
        new Random(7).NextBytes(content);
        return content;
    }
}
