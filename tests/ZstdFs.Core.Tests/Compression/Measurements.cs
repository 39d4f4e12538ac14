using System.Diagnostics;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>Not tests: figures, printed on request, from a release build.</summary>
[Category("Measurement")]
internal sealed class Measurements
{
    [Test]
    public void Print()
    {
        using var folder = new TestFolder { Cache = new FrameCache(64 << 20) };
        byte[] content = Samples.Text(512 << 20);
        foreach (CodecChoice codec in new[] { CodecChoice.Native, CodecChoice.Managed })
            Frames(Codec.Of(codec), content);
        foreach (int frameBytes in new[] { 128 << 10, 256 << 10, 512 << 10 })
            RandomReads(folder, content, frameBytes);
        Giant(folder, content);
    }

    private static void Frames(Codec codec, byte[] content)
    {
        const int frameBytes = 512 << 10;
        using var encoder = new FrameEncoder(codec, 3);
        using var decoder = new FrameDecoder(codec);
        var frame = new byte[FrameEncoder.BoundBytes(frameBytes)];
        var decoded = new byte[frameBytes];
        int length = encoder.Compress(content.AsSpan(0, frameBytes), frame);
        Line(codec.Name + ": compress, level 3, 512 KiB frames, MB/s",
            frameBytes / 1e6 / Seconds(100, i => encoder.Compress(content.AsSpan(i * frameBytes, frameBytes), frame)));
        length = encoder.Compress(content.AsSpan(0, frameBytes), frame);
        Line(codec.Name + ": ratio", (double)frameBytes / length);
        Line(codec.Name + ": decode, 512 KiB frames, MB/s",
            frameBytes / 1e6 / Seconds(500, _ => decoder.Decompress(frame.AsSpan(0, length), decoded)));
        length = encoder.Compress(content.AsSpan(0, 4096), frame);
        Line(codec.Name + ": decode, 4 KiB frame, us",
            1e6 * Seconds(5000, _ => decoder.Decompress(frame.AsSpan(0, length), decoded)));
        Line(codec.Name + ": compress, 4 KiB frame, us",
            1e6 * Seconds(5000, _ => encoder.Compress(content.AsSpan(0, 4096), frame)));
    }

    private static void RandomReads(TestFolder folder, byte[] content, int frameBytes)
    {
        string path = folder.Write(Samples.Stored(content, frameBytes));
        FileDescriptor stored = folder.Open(path);
        long bytes = new FileInfo(path).Length;
        string kib = $"{frameBytes >> 10} KiB frames: ";
        Line(kib + "scan by seek table, us", 1e6 * Seconds(100, _ => FrameScanner.Scan(stored, bytes, folder.Windows)));
        StoredFileReader reader = folder.Reader(path);
        var buffer = new byte[4096];
        var random = new Random(5);
        Line(kib + "random 4 KiB, mostly not cached, us",
            1e6 * Seconds(3000, _ => reader.Read(random.Next(content.Length - 4096), buffer)));
        Line(kib + "random 4 KiB, cached, us", 1e6 * Seconds(200_000, _ => reader.Read(random.Next(16 << 20), buffer)));
        StoredFileReader sequential = folder.Reader(path);
        var large = new byte[128 << 10];
        Line(kib + "sequential by 128 KiB, MB/s",
            large.Length / 1e6 / Seconds(4096, i => sequential.Read((long)i * large.Length, large)));
        File.Delete(path);
    }

    private static void Giant(TestFolder folder, byte[] content)
    {
        File.WriteAllBytes(Path.Combine(folder.Path, "giant"), content);
        folder.Run("zstd -q -3 -T2 giant -o giant.zst && zstd -q -3 < giant > streamed.zst");
        string path = Path.Combine(folder.Path, "giant.zst"), streamed = Path.Combine(folder.Path, "streamed.zst");
        FileDescriptor stored = folder.Open(path), unsized = folder.Open(streamed);
        long bytes = new FileInfo(path).Length;
        Line("giant: stored MB", bytes / 1e6);
        Line("giant: scan 512 MiB single frame, ms",
            1e3 * Seconds(20, _ => FrameScanner.Scan(stored, bytes, folder.Windows)));
        Line("giant: scan the same without content size, ms",
            1e3 * Seconds(1, _ => FrameScanner.Scan(unsized, new FileInfo(streamed).Length, folder.Windows)));
        StoredFileReader reader = folder.Reader(path);
        var buffer = new byte[4096];
        Line("giant: first 4 KiB, ms", 1e3 * Seconds(1, _ => reader.Read(0, buffer)));
        Line("giant: last 4 KiB, ms", 1e3 * Seconds(1, _ => reader.Read(content.Length - 4096, buffer)));
        var random = new Random(5);
        Line("giant: random 4 KiB when spilled, us",
            1e6 * Seconds(50_000, _ => reader.Read(random.Next(content.Length - 4096), buffer)));
        StoredFileReader sequential = folder.Reader(path);
        var large = new byte[128 << 10];
        Line("giant: sequential by 128 KiB, MB/s",
            large.Length / 1e6 / Seconds(4096, i => sequential.Read((long)i * large.Length, large)));
    }

    private static double Seconds(int times, Action<int> action)
    {
        if (times > 1)
            action(0);
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < times; i++)
            action(i);
        return Stopwatch.GetElapsedTime(start).TotalSeconds / times;
    }

    private static void Line(string what, double figure) => TestContext.Out.WriteLine($"{what}: {figure:N2}");
}
