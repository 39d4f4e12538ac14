using System.Runtime.InteropServices;

namespace ZstdFs.Core.Compression.Native;

/// <summary>
/// zstd.h and zstd_errors.h as they are: the functions that have been stable since 1.4.0. Sizes may be error codes; only the wrappers
/// beside this file call these, and each of them checks what it gets.
/// </summary>
internal static unsafe partial class LibZstd
{
    private const string Library = "libzstd.so.1";

    [LibraryImport(Library, EntryPoint = "ZSTD_versionNumber")]
    internal static partial uint VersionNumber();

    [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
    internal static partial uint IsError(nuint code);

    [LibraryImport(Library, EntryPoint = "ZSTD_getErrorCode")]
    internal static partial ZstdError GetErrorCode(nuint code);

    [LibraryImport(Library, EntryPoint = "ZSTD_getErrorName")]
    internal static partial byte* GetErrorName(nuint code);

    [LibraryImport(Library, EntryPoint = "ZSTD_compressBound")]
    internal static partial nuint CompressBound(nuint contentBytes);

    [LibraryImport(Library, EntryPoint = "ZSTD_createCCtx")]
    internal static partial CompressionContext CreateCompressionContext();

    [LibraryImport(Library, EntryPoint = "ZSTD_sizeof_CCtx")]
    internal static partial nuint SizeOf(CompressionContext context);

    [LibraryImport(Library, EntryPoint = "ZSTD_freeCCtx")]
    internal static partial nuint FreeCompressionContext(nint context);

    [LibraryImport(Library, EntryPoint = "ZSTD_CCtx_setParameter")]
    internal static partial nuint SetParameter(CompressionContext context, CompressionParameter parameter, int value);

    [LibraryImport(Library, EntryPoint = "ZSTD_compress2")]
    internal static partial nuint Compress(CompressionContext context, byte* frame, nuint frameCapacity, byte* content, nuint contentBytes);

    [LibraryImport(Library, EntryPoint = "ZSTD_createDCtx")]
    internal static partial DecompressionContext CreateDecompressionContext();

    [LibraryImport(Library, EntryPoint = "ZSTD_freeDCtx")]
    internal static partial nuint FreeDecompressionContext(nint context);

    [LibraryImport(Library, EntryPoint = "ZSTD_DCtx_setParameter")]
    internal static partial nuint SetParameter(DecompressionContext context, DecompressionParameter parameter, int value);

    [LibraryImport(Library, EntryPoint = "ZSTD_DCtx_reset")]
    internal static partial nuint Reset(DecompressionContext context, int directive);

    [LibraryImport(Library, EntryPoint = "ZSTD_decompressDCtx")]
    internal static partial nuint Decompress(DecompressionContext context, byte* content, nuint contentCapacity, byte* frame, nuint frameBytes);

    [LibraryImport(Library, EntryPoint = "ZSTD_decompressStream")]
    internal static partial nuint DecompressStream(DecompressionContext context, StreamBuffer* output, StreamBuffer* input);
}

/// <summary><c>ZSTD_inBuffer</c> and <c>ZSTD_outBuffer</c>, which have one layout.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct StreamBuffer
{
    internal byte* Data;
    internal nuint Size;
    internal nuint Position;
}

/// <summary><c>ZSTD_cParameter</c>.</summary>
internal enum CompressionParameter
{
    CompressionLevel = 100,
    ContentSizeFlag = 200,
    ChecksumFlag = 201,
}

/// <summary><c>ZSTD_dParameter</c>.</summary>
internal enum DecompressionParameter
{
    WindowLogMax = 100,
}

/// <summary><c>ZSTD_ErrorCode</c>: the ones that are told apart here.</summary>
internal enum ZstdError
{
    FrameParameterWindowTooLarge = 16,
    MemoryAllocation = 64,
}
