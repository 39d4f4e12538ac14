using System.Runtime.InteropServices;
using ZstdSharp.Unsafe;

namespace ZstdFs.Core.Compression.Codecs;

/// <summary>
/// The built-in codec: the package ZstdSharp.Port, which is zstd in C#. It needs nothing of the machine. Against
/// libzstd 1.5.4 it compresses 0.95 (level 1), 0.87 (level 3) and 0.63 (level 9) as fast and decodes 0.8 to 0.9 as
/// fast. Its frames are as long within 0.2 %.
/// </summary>
internal sealed unsafe class ZstdSharpCodec : Codec
{
    internal static readonly ZstdSharpCodec Instance = new();

    private ZstdSharpCodec()
    {
        uint version = Methods.ZSTD_versionNumber();
        Name = $"ZstdSharp, zstd {version / 10000}.{version / 100 % 100}.{version % 100}";
    }

    public override string Name { get; }

    internal override nint CreateCompressor() => (nint)Methods.ZSTD_createCCtx_advanced(Memory);

    internal override nuint FreeCompressor(nint compressor) => Methods.ZSTD_freeCCtx((ZSTD_CCtx_s*)compressor);

    internal override nuint SizeOfCompressor(nint compressor) => Methods.ZSTD_sizeof_CCtx((ZSTD_CCtx_s*)compressor);

    internal override nuint SetParameter(nint compressor, CompressionParameter parameter, int value) =>
        Methods.ZSTD_CCtx_setParameter((ZSTD_CCtx_s*)compressor, (ZSTD_cParameter)parameter, value);

    internal override nuint Compress(
        nint compressor, byte* frame, nuint frameCapacity, byte* content, nuint contentBytes) =>
        Methods.ZSTD_compress2((ZSTD_CCtx_s*)compressor, frame, frameCapacity, content, contentBytes);

    internal override nint CreateDecompressor() => (nint)Methods.ZSTD_createDCtx_advanced(Memory);

    internal override nuint FreeDecompressor(nint decompressor) => Methods.ZSTD_freeDCtx((ZSTD_DCtx_s*)decompressor);

    internal override nuint SetParameter(nint decompressor, DecompressionParameter parameter, int value) =>
        Methods.ZSTD_DCtx_setParameter((ZSTD_DCtx_s*)decompressor, (ZSTD_dParameter)parameter, value);

    internal override nuint Reset(nint decompressor, ResetDirective directive) =>
        Methods.ZSTD_DCtx_reset((ZSTD_DCtx_s*)decompressor, (ZSTD_ResetDirective)directive);

    internal override nuint Decompress(
        nint decompressor, byte* content, nuint contentCapacity, byte* frame, nuint frameBytes) =>
        Methods.ZSTD_decompressDCtx((ZSTD_DCtx_s*)decompressor, content, contentCapacity, frame, frameBytes);

    internal override nuint DecompressStream(nint decompressor, StreamBuffer* output, StreamBuffer* input)
    {
        var to = new ZSTD_outBuffer_s { dst = output->Data, size = output->Size, pos = output->Position };
        var from = new ZSTD_inBuffer_s { src = input->Data, size = input->Size, pos = input->Position };
        nuint result = Methods.ZSTD_decompressStream((ZSTD_DCtx_s*)decompressor, &to, &from);
        (output->Position, input->Position) = (to.pos, from.pos);
        return result;
    }

    internal override bool IsError(nuint result) => Methods.ZSTD_isError(result);

    internal override ZstdError ErrorOf(nuint result) => (ZstdError)Methods.ZSTD_getErrorCode(result);

    internal override string ErrorName(nuint result) => Methods.ZSTD_getErrorName(result);

    /// <summary>
    /// An allocator that fails as malloc(3) does. The package's own throws where there is no memory, out of the middle
    /// of functions that were translated from C. A decoder would then keep the address of a window that it has just
    /// freed, and free it again.
    /// </summary>
    private static ZSTD_customMem Memory =>
        new((delegate*<void*, nuint, void*>)&Allocate, (delegate*<void*, void*, void>)&Free, null);

    private static void* Allocate(void* opaque, nuint bytes)
    {
        try
        {
            return NativeMemory.Alloc(bytes);
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    private static void Free(void* opaque, void* memory) => NativeMemory.Free(memory);
}
