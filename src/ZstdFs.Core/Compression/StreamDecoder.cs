using System.Numerics;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Decodes a frame piece by piece, in the memory of its window. It serves frames that are too large to be decoded
/// whole. One thread at a time.
/// </summary>
internal sealed class StreamDecoder : IDisposable
{
    internal const int LowestWindowLogMax = 10;

    private readonly DecompressionContext _context;

    /// <param name="codec">What decodes.</param>
    /// <param name="maxWindowBytes">The largest window; zstd rounds it up to a power of two.</param>
    internal StreamDecoder(Codec codec, long maxWindowBytes)
    {
        _context = new DecompressionContext(codec);
        _context.Set(
            DecompressionParameter.WindowLogMax,
            Math.Max(LowestWindowLogMax, BitOperations.Log2((ulong)maxWindowBytes - 1) + 1));
    }

    /// <summary>
    /// Goes on with the frame. True where the frame ended. Throws an <see cref="UndecodableException"/>. It allocates
    /// nothing for a frame whose window is beyond the limit.
    /// </summary>
    internal bool Decompress(ReadOnlySpan<byte> stored, Span<byte> content, out int consumed, out int produced) =>
        _context.DecompressStream(stored, content, out consumed, out produced);

    /// <summary>Forgets the frame under way; the next bytes begin a frame.</summary>
    internal void Reset() => _context.Reset();

    public void Dispose() => _context.Dispose();
}
