using ZstdFs.Core.Compression.Native;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Decodes a frame piece by piece, in the memory of its window: for frames that are too large to be decoded whole. One thread at a time.
/// </summary>
internal sealed class StreamDecoder : IDisposable
{
    /// <summary>What stock <c>zstd -d</c> accepts unasked: 128 MiB.</summary>
    internal const int DefaultWindowLogMax = 27;
    internal const int LowestWindowLogMax = 10;
    internal const int HighestWindowLogMax = 31;

    private readonly DecompressionContext _context;

    internal StreamDecoder(int windowLogMax = DefaultWindowLogMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(windowLogMax, LowestWindowLogMax);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(windowLogMax, HighestWindowLogMax);
        _context = DecompressionContext.Create();
        _context.Set(DecompressionParameter.WindowLogMax, windowLogMax);
    }

    /// <summary>
    /// Goes on with the frame. True where it ended. Throws <see cref="DamagedFrameException"/>, or <see cref="WindowTooLargeException"/>
    /// where the frame's window is beyond the limit; nothing is allocated for it then.
    /// </summary>
    internal bool Decompress(ReadOnlySpan<byte> stored, Span<byte> content, out int consumed, out int produced) =>
        _context.DecompressStream(stored, content, out consumed, out produced);

    /// <summary>Forgets the frame that it is in; the next bytes begin a frame.</summary>
    internal void Reset() => _context.Reset();

    public void Dispose() => _context.Dispose();
}
