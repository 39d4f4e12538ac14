using System.Buffers;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Frames that hold zeros alone: a stored file keeps its long holes as these. They are tiny and all alike. So a hole is
/// compressed once and written many times, and a reader finds all of them by decoding one. Thread-safe.
/// </summary>
internal sealed class ZeroFrames(CodecPool codecs, int level)
{
    /// <summary>zstd ends a block after this many bytes at the latest.</summary>
    private const int BlockBytes = 128 * 1024;

    /// <summary>Other file systems have no shorter holes.</summary>
    internal const int LeastBytes = 4096;

    // Each field is replaced as a whole: a reader sees a frame together with what is known of it.
    private volatile Made? _made;
    private volatile byte[] _zeros = [];
    private volatile byte[] _other = [];

    private sealed record Made(int LogicalBytes, byte[] Frame);

    /// <summary>The frame that holds this many zeros.</summary>
    internal ReadOnlyMemory<byte> Of(int logicalBytes)
    {
        if (_made is { } made && made.LogicalBytes == logicalBytes)
            return made.Frame;
        byte[] content = new byte[logicalBytes];
        byte[] frame = new byte[FrameEncoder.BoundBytes(logicalBytes)];
        FrameEncoder encoder = codecs.RentEncoder(level);
        int length;
        try
        {
            length = encoder.Compress(content, frame);
        }
        finally
        {
            codecs.ReturnEncoder(encoder);
        }
        if (!codecs.Matches(frame.AsSpan(0, length), content))
            throw new DamagedFrameException("a new frame does not decode to what went into it: "
                + "the old version is kept (check this machine's memory)");
        _made = new Made(logicalBytes, frame[..length]);
        return _made.Frame;
    }

    /// <summary>
    /// False where the frame is too long to hold zeros alone. It rules out most frames without reading them.
    /// </summary>
    internal static bool CanBeZeros(in FrameExtent frame) =>
        frame.LogicalBytes is >= LeastBytes and <= FileSystemOptions.MaxFrameBytes
        && frame.StoredBytes <= LongestFrameBytes(frame.LogicalBytes);

    internal static long LongestFrameBytes(long logicalBytes) => 48 + logicalBytes / BlockBytes * 12;

    /// <summary>Whether this frame holds zeros alone. False for a damaged frame.</summary>
    internal bool IsZeros(ReadOnlySpan<byte> frame, int logicalBytes)
    {
        // Nothing decodes to content. An empty range also equals what no frame was put into yet.
        if (frame.IsEmpty)
            return false;
        // Frames of the same bytes hold the same content: one of a run is decoded.
        if (frame.SequenceEqual(_zeros))
            return true;
        if (frame.SequenceEqual(_other))
            return false;
        bool isZeros = Decode(frame, logicalBytes);
        if (isZeros)
            _zeros = frame.ToArray();
        else
            _other = frame.ToArray();
        return isZeros;
    }

    private bool Decode(ReadOnlySpan<byte> frame, int logicalBytes)
    {
        byte[] content = ArrayPool<byte>.Shared.Rent(logicalBytes);
        FrameDecoder decoder = codecs.RentDecoder();
        try
        {
            return decoder.Decompress(frame, content.AsSpan(0, logicalBytes)) == logicalBytes
                && !content.AsSpan(0, logicalBytes).ContainsAnyExcept((byte)0);
        }
        catch (DamagedFrameException)
        {
            return false;
        }
        finally
        {
            codecs.ReturnDecoder(decoder);
            ArrayPool<byte>.Shared.Return(content);
        }
    }
}
