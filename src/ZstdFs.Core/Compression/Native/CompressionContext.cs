using System.Runtime.InteropServices;

namespace ZstdFs.Core.Compression.Native;

/// <summary>A <c>ZSTD_CCtx</c>: one thread at a time.</summary>
internal sealed unsafe class CompressionContext : SafeHandle
{
    /// <summary>Required by the interop generator.</summary>
    public CompressionContext() : base(0, ownsHandle: true) { }

    public override bool IsInvalid => handle == 0;

    internal static CompressionContext Create()
    {
        ZstdLibrary.Require();
        CompressionContext context = LibZstd.CreateCompressionContext();
        return context.IsInvalid ? throw new InsufficientMemoryException("libzstd could not allocate a compression context") : context;
    }

    /// <summary>Memory that it holds after what it has compressed so far, in bytes.</summary>
    internal long MemoryBytes => (long)LibZstd.SizeOf(this);

    internal void Set(CompressionParameter parameter, int value) => Check(LibZstd.SetParameter(this, parameter, value));

    internal int Compress(ReadOnlySpan<byte> content, Span<byte> frame)
    {
        fixed (byte* source = content, destination = frame)
            return (int)Check(LibZstd.Compress(this, destination, (nuint)frame.Length, source, (nuint)content.Length));
    }

    protected override bool ReleaseHandle() => !ZstdLibrary.IsError(LibZstd.FreeCompressionContext(handle));

    private static nuint Check(nuint result)
    {
        if (!ZstdLibrary.IsError(result))
            return result;
        throw LibZstd.GetErrorCode(result) == ZstdError.MemoryAllocation
            ? new InsufficientMemoryException("libzstd could not allocate memory for compressing")
            : new ZstdLibraryException("libzstd failed to compress: " + ZstdLibrary.ErrorName(result));
    }
}
