using System.Buffers.Binary;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Compression;

/// <summary>Decodes frames that fit into memory whole. One thread at a time; see <see cref="CodecPool"/>.</summary>
internal sealed class FrameDecoder(Codec codec) : IDisposable
{
    private readonly DecompressionContext _context = new(codec);

    /// <summary>
    /// Decodes one frame and returns the content's length. Throws <see cref="DamagedFrameException"/> where it is no
    /// valid frame or its content is longer than <paramref name="content"/>, and
    /// <see cref="UnsupportedContentException"/> where it needs a dictionary.
    /// </summary>
    internal int Decompress(ReadOnlySpan<byte> frame, Span<byte> content)
    {
        // zstd would also decode the formats before 1.0 and skip skippable frames. Neither kind is in a frame map, and
        // this program writes neither as a frame with content.
        if (frame.Length < sizeof(uint) || BinaryPrimitives.ReadUInt32LittleEndian(frame) != FrameHeader.Magic)
            throw new DamagedFrameException("not a zstd frame");
        FrameHeader header = FrameHeader.Parse(frame[..Math.Min(frame.Length, FrameHeader.MaxBytes)]);
        // A damaged header may seem to ask for a dictionary: then the bytes behind it are no blocks.
        if (header.DictionaryId != 0
            && (header.ContentBytes ?? content.Length) == content.Length
            && header.IsFollowedByBlocks(frame))
            throw UnsupportedContentException.OfDictionary(header.DictionaryId);
        return _context.Decompress(frame, content);
    }

    /// <summary>
    /// True where <paramref name="frame"/> decodes to exactly <paramref name="content"/>. <paramref name="decoded"/>
    /// is room of at least that length.
    /// </summary>
    internal bool Matches(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> content, Span<byte> decoded)
    {
        try
        {
            int length = Decompress(frame, decoded[..content.Length]);
            return decoded[..length].SequenceEqual(content);
        }
        catch (UndecodableException)
        {
            return false;
        }
    }

    public void Dispose() => _context.Dispose();
}
