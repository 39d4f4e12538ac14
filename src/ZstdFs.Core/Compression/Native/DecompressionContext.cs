using System.Runtime.InteropServices;

namespace ZstdFs.Core.Compression.Native;

/// <summary>A <c>ZSTD_DCtx</c>: one thread at a time.</summary>
internal sealed unsafe class DecompressionContext : SafeHandle
{
    private const int ResetSessionOnly = 1; // ZSTD_reset_session_only

    /// <summary>Required by the interop generator.</summary>
    public DecompressionContext() : base(0, ownsHandle: true) { }

    public override bool IsInvalid => handle == 0;

    internal static DecompressionContext Create()
    {
        ZstdLibrary.Require();
        DecompressionContext context = LibZstd.CreateDecompressionContext();
        return context.IsInvalid ? throw new InsufficientMemoryException("libzstd could not allocate a decompression context") : context;
    }

    internal void Set(DecompressionParameter parameter, int value) => Check(LibZstd.SetParameter(this, parameter, value));

    internal void Reset() => Check(LibZstd.Reset(this, ResetSessionOnly));

    /// <summary>Decodes whole frames. Returns the content's length. No window is needed: one that libzstd objects to is damage.</summary>
    internal int Decompress(ReadOnlySpan<byte> frame, Span<byte> content)
    {
        fixed (byte* source = frame, destination = content)
        {
            nuint result = LibZstd.Decompress(this, destination, (nuint)content.Length, source, (nuint)frame.Length);
            if (ZstdLibrary.IsError(result) && LibZstd.GetErrorCode(result) == ZstdError.FrameParameterWindowTooLarge)
                throw new DamagedFrameException(ZstdLibrary.ErrorName(result));
            return (int)Check(result);
        }
    }

    /// <summary>Goes on with a frame. True where the frame has ended and everything of it has been put out.</summary>
    internal bool DecompressStream(ReadOnlySpan<byte> stored, Span<byte> content, out int consumed, out int produced)
    {
        fixed (byte* source = stored, destination = content)
        {
            var input = new StreamBuffer { Data = source, Size = (nuint)stored.Length };
            var output = new StreamBuffer { Data = destination, Size = (nuint)content.Length };
            nuint wanted = Check(LibZstd.DecompressStream(this, &output, &input));
            consumed = (int)input.Position;
            produced = (int)output.Position;
            return wanted == 0;
        }
    }

    protected override bool ReleaseHandle() => !ZstdLibrary.IsError(LibZstd.FreeDecompressionContext(handle));

    private static nuint Check(nuint result) => ZstdLibrary.IsError(result) ? throw ZstdLibrary.DecodingError(result) : result;
}
