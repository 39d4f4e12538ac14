using System.Runtime.InteropServices;

namespace ZstdFs.Core.Compression.Codecs;

/// <summary>A <c>ZSTD_DCtx</c>: one thread at a time.</summary>
internal sealed unsafe class DecompressionContext : SafeHandle
{
    private readonly Codec _codec;

    internal DecompressionContext(Codec codec) : base(0, ownsHandle: true)
    {
        _codec = codec;
        SetHandle(codec.CreateDecompressor());
        if (IsInvalid)
            throw new DecoderMemoryException("no memory for a decoder");
    }

    public override bool IsInvalid => handle == 0;

    internal void Set(DecompressionParameter parameter, int value)
    {
        using var held = new HeldContext(this);
        Check(_codec.SetParameter(held.Address, parameter, value));
    }

    internal void Reset()
    {
        using var held = new HeldContext(this);
        Check(_codec.Reset(held.Address, ResetDirective.SessionOnly));
    }

    /// <summary>
    /// Decodes whole frames and returns the content's length. Whole frames are decoded without a window: where the
    /// codec objects to the window, the frame is damaged.
    /// </summary>
    internal int Decompress(ReadOnlySpan<byte> frame, Span<byte> content)
    {
        using var held = new HeldContext(this);
        fixed (byte* source = frame, destination = content)
        {
            nuint result = _codec.Decompress(
                held.Address, destination, (nuint)content.Length, source, (nuint)frame.Length);
            if (_codec.IsError(result) && _codec.ErrorOf(result) == ZstdError.FrameParameterWindowTooLarge)
                throw new DamagedFrameException(_codec.ErrorName(result));
            return (int)Check(result);
        }
    }

    /// <summary>Goes on with a frame. True where the frame has ended and all of its content has been put out.</summary>
    internal bool DecompressStream(ReadOnlySpan<byte> stored, Span<byte> content, out int consumed, out int produced)
    {
        using var held = new HeldContext(this);
        fixed (byte* source = stored, destination = content)
        {
            var input = new StreamBuffer { Data = source, Size = (nuint)stored.Length };
            var output = new StreamBuffer { Data = destination, Size = (nuint)content.Length };
            nuint wanted = Check(_codec.DecompressStream(held.Address, &output, &input));
            consumed = (int)input.Position;
            produced = (int)output.Position;
            return wanted == 0;
        }
    }

    protected override bool ReleaseHandle() => !_codec.IsError(_codec.FreeDecompressor(handle));

    private nuint Check(nuint result)
    {
        if (!_codec.IsError(result))
            return result;
        throw _codec.ErrorOf(result) switch
        {
            ZstdError.MemoryAllocation => new DecoderMemoryException("no memory for decoding"),
            ZstdError.FrameParameterWindowTooLarge =>
                new WindowTooLargeException("intact; needs a larger window: --max-window"),
            _ => new DamagedFrameException(_codec.ErrorName(result)),
        };
    }
}
