using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Keeps used contexts: making one costs more than compressing or decoding a small file with it. Renting never waits.
/// The pool frees contexts that come back beyond the bound. Thread-safe.
/// </summary>
internal sealed class CodecPool : IDisposable
{
    private readonly BoundedStack<FrameEncoder>[] _encoders =
        new BoundedStack<FrameEncoder>[FrameEncoder.HighestLevel - FrameEncoder.LowestLevel + 1];
    private readonly BoundedStack<FrameDecoder> _decoders;

    /// <param name="bound">
    /// How many idle contexts of each kind are kept. As many contexts work at once as there are threads.
    /// </param>
    /// <param name="streams">The codec, and the limits of decoding frames too large for memory.</param>
    internal CodecPool(int bound, StreamBudget streams)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        Streams = streams;
        _decoders = new BoundedStack<FrameDecoder>(bound);
        for (int i = 0; i < _encoders.Length; i++)
            _encoders[i] = new BoundedStack<FrameEncoder>(bound);
    }

    internal StreamBudget Streams { get; }

    /// <summary>What compresses and decodes.</summary>
    internal Codec Codec => Streams.Windows.Codec;

    internal FrameBuffers Buffers { get; } = new();

    internal FrameEncoder RentEncoder(int level)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(level, FrameEncoder.LowestLevel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(level, FrameEncoder.HighestLevel);
        return _encoders[level - FrameEncoder.LowestLevel].TryPop() ?? new FrameEncoder(Codec, level);
    }

    internal void ReturnEncoder(FrameEncoder encoder)
    {
        if (!_encoders[encoder.Level - FrameEncoder.LowestLevel].TryPush(encoder))
            encoder.Dispose();
    }

    internal FrameDecoder RentDecoder() => _decoders.TryPop() ?? new FrameDecoder(Codec);

    internal void ReturnDecoder(FrameDecoder decoder)
    {
        if (!_decoders.TryPush(decoder))
            decoder.Dispose();
    }

    /// <summary>
    /// True where <paramref name="frame"/> decodes to exactly <paramref name="content"/>. A commit asks this before it
    /// gives up the old version.
    /// </summary>
    internal bool Matches(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> content)
    {
        using FrameBuffer decoded = Buffers.Rent(content.Length);
        FrameDecoder decoder = RentDecoder();
        try
        {
            return decoder.Matches(frame, content, decoded.AsSpan(content.Length));
        }
        finally
        {
            ReturnDecoder(decoder);
        }
    }

    /// <summary>Frees idle contexts. A rented one comes back to the pool, and its finaliser frees it.</summary>
    public void Dispose()
    {
        Buffers.Dispose();
        while (_decoders.TryPop() is { } decoder)
            decoder.Dispose();
        foreach (BoundedStack<FrameEncoder> level in _encoders)
        {
            while (level.TryPop() is { } encoder)
                encoder.Dispose();
        }
    }
}
