using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Compresses frames at one level, with content size and checksum. One thread at a time; see <see cref="CodecPool"/>.
/// </summary>
internal sealed class FrameEncoder : IDisposable
{
    internal const int LowestLevel = -7;
    internal const int HighestLevel = 22;

    private const int SmallBytes = 128 * 1024;

    private readonly CompressionContext _context;

    internal FrameEncoder(Codec codec, int level)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(level, LowestLevel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(level, HighestLevel);
        Level = level;
        _context = new CompressionContext(codec);
        _context.Set(CompressionParameter.CompressionLevel, level);
        _context.Set(CompressionParameter.ContentSizeFlag, 1);
        _context.Set(CompressionParameter.ChecksumFlag, 1);
    }

    internal int Level { get; }

    /// <summary>Room enough for the frame of any content of this length.</summary>
    internal static int BoundBytes(int contentBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(contentBytes);
        // ZSTD_COMPRESSBOUND of zstd.h. It does not change: frames of old and new versions fit.
        int margin = contentBytes < SmallBytes ? (SmallBytes - contentBytes) >> 11 : 0;
        return checked(contentBytes + (contentBytes >> 8) + margin);
    }

    /// <summary>
    /// Writes one frame and returns its length. <paramref name="frame"/> needs <see cref="BoundBytes"/>; a shorter one
    /// throws <see cref="ZstdLibraryException"/> when the frame does not fit.
    /// </summary>
    internal int Compress(ReadOnlySpan<byte> content, Span<byte> frame) => _context.Compress(content, frame);

    /// <summary>
    /// Memory that an encoder needs for frames of this content length, in bytes. Measures it by compressing one.
    /// </summary>
    internal static long MemoryBytes(Codec codec, int level, int contentBytes)
    {
        using var encoder = new FrameEncoder(codec, level);
        _ = encoder.Compress(new byte[contentBytes], new byte[BoundBytes(contentBytes)]);
        return encoder._context.MemoryBytes;
    }

    public void Dispose() => _context.Dispose();
}
