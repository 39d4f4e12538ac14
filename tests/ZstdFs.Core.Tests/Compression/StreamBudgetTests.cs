using System.Diagnostics;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>The memory that resting decoders keep.</summary>
[TestFixture]
internal sealed class StreamBudgetTests
{
    [Test]
    public void DecoderOfALargeWindow_IsFreedWhenItHasRested()
    {
        using var folder = new TestFolder();
        byte[] content = Samples.Text(9_000_000);
        folder.Write(content, "f");
        folder.Run("cat f | zstd -q --long=28 > f.zst");
        long bytes = new FileInfo($"{folder.Path}/f.zst").Length;
        FrameMap map = FrameScanner.Scan(
            folder.Open($"{folder.Path}/f.zst"), bytes, WindowLimit.OfTools(Codec.Of(CodecChoice.Auto)));
        var budget = new StreamBudget(WindowLimit.OfTools(Codec.Of(CodecChoice.Auto)), restMs: 200);
        using var cursor = new FrameCursor(folder.Open($"{folder.Path}/f.zst"), map[0], budget);
        byte[] read = new byte[1000];
        cursor.Read(5000, read);
        long begun = Stopwatch.GetTimestamp();
        while (budget.UsedBytes > 0 && Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(30))
            Thread.Sleep(20);
        Assert.That(budget.UsedBytes, Is.Zero);
        cursor.Read(7000, read);
        Assert.That(read, Is.EqualTo(content[7000..8000]), "it begins anew");
    }
}
