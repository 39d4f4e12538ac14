namespace ZstdFs.Core.Compression;

/// <summary>Formats that the zstd program decodes and this one does not, told by their first bytes.</summary>
internal static class OtherFormat
{
    /// <summary>Names the format, "a gzip file, …", and what decodes it; null where it is none of those.</summary>
    internal static string? Tell(ReadOnlySpan<byte> start)
    {
        string? other = start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]) ? "a gzip file"
            : start.StartsWith((ReadOnlySpan<byte>)[0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0]) ? "an xz file"
            : start.StartsWith((ReadOnlySpan<byte>)[0x5D, 0, 0]) ? "an lzma file"
            : start.StartsWith((ReadOnlySpan<byte>)[0x04, 0x22, 0x4D, 0x18]) ? "an lz4 file"
            : null;
        if (other is not null)
            return $"{other}, not zstd; 'zstd -dc' decodes it";
        return EarlyVersionOf(start) is > 0 and var version
            ? $"a zstd frame of a version before 1.0 (v0.{version}), which zstdfs does not decode; 'zstd -dc' may"
            : null;
    }

    /// <summary>7 for v0.7, and so on down to 1; 0 where it is no such frame.</summary>
    private static int EarlyVersionOf(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith((ReadOnlySpan<byte>)[0xFD, 0x2F, 0xB5, 0x1E]))
            return 1;
        return start is [>= 0x22 and <= 0x27, 0xB5, 0x2F, 0xFD, ..] ? start[0] - 0x20 : 0;
    }
}
