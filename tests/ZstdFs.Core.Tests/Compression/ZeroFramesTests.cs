using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>Which frames are holes.</summary>
[TestFixture]
internal sealed class ZeroFramesTests
{
    [Test]
    public void EmptyFrame_IsNoHole()
    {
        using var folder = new TestFolder();
        Assert.That(new ZeroFrames(folder.Codecs, 3).IsZeros([], 4096), Is.False);
    }
}
