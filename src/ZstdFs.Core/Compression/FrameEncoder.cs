using ZstdFs.Core.Compression.Native;

namespace ZstdFs.Core.Compression;

/// <summary>Compresses frames at one level, with content size and checksum. One thread at a time; see <see cref="CodecPool"/>.</summary>
internal sealed class FrameEncoder : IDisposable
{
    internal const int LowestLevel = -7;
    internal const int HighestLevel = 22;

    private readonly CompressionContext _context;

    internal FrameEncoder(int level)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(level, LowestLevel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(level, HighestLevel);
        Level = level;
        _context = CompressionContext.Create();
        _context.Set(CompressionParameter.CompressionLevel, level);
        _context.Set(CompressionParameter.ContentSizeFlag, 1);
        _context.Set(CompressionParameter.ChecksumFlag, 1);
    }

    internal int Level { get; }

    /// <summary>Room that any content of this length fits in once it is compressed.</summary>
    internal static int BoundBytes(int contentBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(contentBytes);
        return checked((int)LibZstd.CompressBound((nuint)contentBytes));
    }

    /// <summary>
    /// Writes one frame and returns its length. <paramref name="frame"/> needs <see cref="BoundBytes"/>; a shorter one throws
    /// <see cref="ZstdLibraryException"/> when the frame does not fit.
    /// </summary>
    internal int Compress(ReadOnlySpan<byte> content, Span<byte> frame) => _context.Compress(content, frame);

    /// <summary>Memory that an encoder needs for frames of this content length, in bytes: libzstd is asked by having it compress one.</summary>
    internal static long MemoryBytes(int level, int contentBytes)
    {
        using var encoder = new FrameEncoder(level);
        _ = encoder.Compress(new byte[contentBytes], new byte[BoundBytes(contentBytes)]);
        return encoder._context.MemoryBytes;
    }

    public void Dispose() => _context.Dispose();
}
