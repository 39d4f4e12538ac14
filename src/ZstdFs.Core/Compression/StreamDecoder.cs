using System.Numerics;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Decodes a frame piece by piece, in the memory of its window: for frames that are too large to be decoded whole. One thread at a time.
/// </summary>
internal sealed class StreamDecoder : IDisposable
{
    internal const int LowestWindowLogMax = 10;

    private readonly DecompressionContext _context;

    /// <param name="codec">What decodes.</param>
    /// <param name="maxWindowBytes">The largest window; zstd goes by the next power of two.</param>
    internal StreamDecoder(Codec codec, long maxWindowBytes)
    {
        _context = new DecompressionContext(codec);
        _context.Set(DecompressionParameter.WindowLogMax, Math.Max(LowestWindowLogMax, BitOperations.Log2((ulong)maxWindowBytes - 1) + 1));
    }

    /// <summary>
    /// Goes on with the frame. True where it ended. Throws an <see cref="UndecodableException"/>; where the frame's window is beyond the
    /// limit nothing is allocated for it.
    /// </summary>
    internal bool Decompress(ReadOnlySpan<byte> stored, Span<byte> content, out int consumed, out int produced) =>
        _context.DecompressStream(stored, content, out consumed, out produced);

    /// <summary>Forgets the frame that it is in; the next bytes begin a frame.</summary>
    internal void Reset() => _context.Reset();

    public void Dispose() => _context.Dispose();
}
