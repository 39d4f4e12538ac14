using System.Runtime.InteropServices;

namespace ZstdFs.Core.Compression.Codecs;

/// <summary>A <c>ZSTD_CCtx</c>: one thread at a time.</summary>
internal sealed unsafe class CompressionContext : SafeHandle
{
    private readonly Codec _codec;

    internal CompressionContext(Codec codec) : base(0, ownsHandle: true)
    {
        _codec = codec;
        SetHandle(codec.CreateCompressor());
        if (IsInvalid)
            throw new InsufficientMemoryException("no memory for a compression context");
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Memory that the context holds after what it has compressed so far, in bytes.</summary>
    internal long MemoryBytes
    {
        get
        {
            using var held = new HeldContext(this);
            return (long)_codec.SizeOfCompressor(held.Address);
        }
    }

    internal void Set(CompressionParameter parameter, int value)
    {
        using var held = new HeldContext(this);
        Check(_codec.SetParameter(held.Address, parameter, value));
    }

    internal int Compress(ReadOnlySpan<byte> content, Span<byte> frame)
    {
        using var held = new HeldContext(this);
        fixed (byte* source = content, destination = frame)
            return (int)Check(_codec.Compress(
                held.Address, destination, (nuint)frame.Length, source, (nuint)content.Length));
    }

    protected override bool ReleaseHandle() => !_codec.IsError(_codec.FreeCompressor(handle));

    private nuint Check(nuint result)
    {
        if (!_codec.IsError(result))
            return result;
        throw _codec.ErrorOf(result) == ZstdError.MemoryAllocation
            ? new InsufficientMemoryException("no memory for compressing")
            : new ZstdLibraryException($"{_codec.Name} failed to compress: {_codec.ErrorName(result)}");
    }
}
