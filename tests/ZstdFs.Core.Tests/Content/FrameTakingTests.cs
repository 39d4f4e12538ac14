using ZstdFs.Core.Content;
using ZstdFs.Core.Tests.Commits;

namespace ZstdFs.Core.Tests.Content;

/// <summary>Long copies that take stored frames as they are.</summary>
[TestFixture]
internal sealed class FrameTakingTests
{
    private const int Bytes = 4 * 1024 * 1024;

    /// <summary>
    /// The number orders the two locks. An outdated content and the current one of a file have the same.
    /// </summary>
    [TestCase(false, Bytes)]
    [TestCase(true, 0)]
    public void TwoContentsOfOneNumber_TakeNoFrames(bool isOneNumber, long expected)
    {
        using var files = new OpenSource();
        byte[] bytes = new byte[Bytes];
        new Random(1).NextBytes(bytes);
        FileContent from = files.Open("from", bytes);
        FileContent to = files.Open("to", default, isOneNumber ? from.Node.Id : 0);
        Assert.That(to.TakeFrames(from, 0, 0, Bytes), Is.EqualTo(expected));
        Assert.That(to.LoadedBytes(), Is.EqualTo(expected));
    }
}
