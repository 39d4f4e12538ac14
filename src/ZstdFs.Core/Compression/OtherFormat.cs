namespace ZstdFs.Core.Compression;

/// <summary>What the zstd program decodes too, by the first bytes, and is not decoded here.</summary>
internal static class OtherFormat
{
    /// <summary>"a gzip file", and so on; null where it is none of those.</summary>
    internal static string? NameOf(ReadOnlySpan<byte> start) =>
        start.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]) ? "a gzip file"
        : start.StartsWith((ReadOnlySpan<byte>)[0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0]) ? "an xz file"
        : start.StartsWith((ReadOnlySpan<byte>)[0x5D, 0, 0]) ? "an lzma file"
        : start.StartsWith((ReadOnlySpan<byte>)[0x04, 0x22, 0x4D, 0x18]) ? "an lz4 file"
        : null;
}
