using System.Buffers.Binary;
using ZstdFs.Core.Compression.Native;

namespace ZstdFs.Core.Compression;

/// <summary>Decodes frames that fit into memory whole. One thread at a time; see <see cref="CodecPool"/>.</summary>
internal sealed class FrameDecoder : IDisposable
{
    private readonly DecompressionContext _context = DecompressionContext.Create();

    /// <summary>
    /// Decodes one frame and returns the content's length. Throws <see cref="DamagedFrameException"/> where it is no valid frame or its
    /// content is longer than <paramref name="content"/>.
    /// </summary>
    internal int Decompress(ReadOnlySpan<byte> frame, Span<byte> content)
    {
        // libzstd would also decode the formats before 1.0, and skip skippable frames: neither is a frame of ours or of a frame map.
        if (frame.Length < sizeof(uint) || BinaryPrimitives.ReadUInt32LittleEndian(frame) != FrameHeader.Magic)
            throw new DamagedFrameException("not a zstd frame");
        return _context.Decompress(frame, content);
    }

    /// <summary>True where <paramref name="frame"/> decodes to exactly <paramref name="content"/>, in room of the same length.</summary>
    internal bool Matches(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> content, Span<byte> decoded)
    {
        try
        {
            int length = Decompress(frame, decoded[..content.Length]);
            return decoded[..length].SequenceEqual(content);
        }
        catch (DamagedFrameException)
        {
            return false;
        }
    }

    public void Dispose() => _context.Dispose();
}
