using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>Compares what a reader gives with what it should give.</summary>
internal static class ReaderCheck
{
    internal static void Reads(StoredFileReader reader, byte[] content, int randomReads = 200)
    {
        Assert.That(reader.Map.LogicalBytes, Is.EqualTo(content.Length));
        var buffer = new byte[content.Length + 10];
        var random = new Random(7);
        for (int i = 0; i < randomReads && content.Length > 0; i++)
            Range(reader, content, buffer, random.Next(content.Length), random.Next(1, i % 2 == 0 ? 5000 : 300_000));
        Range(reader, content, buffer, 0, content.Length + 10);
        for (int offset = 0; offset < content.Length; offset += 128 * 1024)
            Range(reader, content, buffer, offset, 128 * 1024);
        Assert.That(reader.Read(content.Length, buffer), Is.Zero);
        Assert.That(reader.Read(long.MaxValue, buffer), Is.Zero);
    }

    private static void Range(StoredFileReader reader, byte[] content, byte[] buffer, int offset, int count)
    {
        count = Math.Min(count, buffer.Length - offset);
        int read = reader.Read(offset, buffer.AsSpan(0, count));
        if (read != Math.Min(count, content.Length - offset)
            || !buffer.AsSpan(0, read).SequenceEqual(content.AsSpan(offset, read)))
            Assert.Fail($"{count} bytes at {offset}: {read} read, and they differ or are too few");
    }
}
