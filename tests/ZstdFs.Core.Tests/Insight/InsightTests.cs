using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Insight;
using ZstdFs.Core.Tests.Compression;

namespace ZstdFs.Core.Tests.Insight;

/// <summary>Statistics of very many groups, and the level of a file that is made to mislead.</summary>
[TestFixture]
internal sealed class InsightTests
{
    [Test]
    public void GroupThatExists_IsFoundAlsoWhereNoneIsAdded()
    {
        var groups = new Dictionary<string, GroupStatistics>();
        for (int i = 0; i < 100_000; i++)
            TreeStatistics.Group(groups, Encoding.ASCII.GetBytes($"folder{i}"));
        Assert.That(TreeStatistics.Group(groups, "folder5"u8).Name, Is.EqualTo("folder5"u8.ToArray()));
        Assert.That(TreeStatistics.Group(groups, "new"u8).Name, Is.Empty);
        Assert.That(groups, Has.Count.EqualTo(100_001));
    }

    [Test]
    public void LevelOfALittleContentInAHugeFrame_IsNotLookedInto()
    {
        using var folder = new TestFolder();
        Assert.That(
            LevelEstimate.Of(folder.Open([1, 2, 3]), FrameMap.OfOneFrame(4L << 30, 1000), Codec.Of(CodecChoice.Auto)),
            Does.StartWith("not looked into"));
    }
}
