using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.StoredFiles;

namespace ZstdFs.Core.Conversion;

/// <summary>What one thread works with, made once: codecs, and buffers that grow to what was needed most.</summary>
internal sealed class Worker(Codec codec, int level) : IDisposable
{
    private byte[] _content = [], _frame = [], _other = [];

    /// <summary>Compresses.</summary>
    internal FrameEncoder Encoder { get; } = new(codec, level);

    /// <summary>Decodes.</summary>
    internal FrameDecoder Decoder { get; } = new(codec);

    /// <summary>Copies attributes.</summary>
    internal AttributeCopier Attributes { get; } = new();

    /// <summary>Room for decoded content.</summary>
    internal Span<byte> Content(int bytes) => Of(ref _content, bytes);

    /// <summary>Room for a compressed frame.</summary>
    internal Span<byte> Frame(int bytes) => Of(ref _frame, bytes);

    /// <summary>Room for what content is compared with.</summary>
    internal Span<byte> Other(int bytes) => Of(ref _other, bytes);

    private static Span<byte> Of(ref byte[] buffer, int bytes)
    {
        if (buffer.Length < bytes)
            buffer = GC.AllocateUninitializedArray<byte>(bytes);
        return buffer.AsSpan(0, bytes);
    }

    public void Dispose()
    {
        Encoder.Dispose();
        Decoder.Dispose();
    }
}
