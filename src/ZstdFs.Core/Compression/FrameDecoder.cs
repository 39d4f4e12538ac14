using System.Buffers;
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

    /// <summary>True where <paramref name="frame"/> decodes to exactly <paramref name="content"/>.</summary>
    internal bool Matches(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> content)
    {
        byte[] decoded = ArrayPool<byte>.Shared.Rent(Math.Max(content.Length, 1));
        try
        {
            int length = Decompress(frame, decoded.AsSpan(0, content.Length));
            return decoded.AsSpan(0, length).SequenceEqual(content);
        }
        catch (DamagedFrameException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(decoded);
        }
    }

    public void Dispose() => _context.Dispose();
}
