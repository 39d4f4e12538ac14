using System.Runtime.InteropServices;

namespace ZstdFs.Core.Compression.Codecs;

/// <summary>
/// The machine's libzstd.so.1: the functions that have been stable since 1.4.0. The dynamic linker finds it. The first
/// use loads it, and it stays loaded. A program that was told to do without it never loads it.
/// </summary>
internal sealed unsafe class LibZstdCodec : Codec
{
    private const string Library = "libzstd.so.1";

    /// <summary>1.4.0 made the parameter-setting functions stable.</summary>
    private const uint OldestVersion = 10400;

    private readonly delegate* unmanaged<nuint, uint> _isError;
    private readonly delegate* unmanaged<nuint, ZstdError> _getErrorCode;
    private readonly delegate* unmanaged<nuint, nint> _getErrorName;
    private readonly delegate* unmanaged<nint> _createCCtx, _createDCtx;
    private readonly delegate* unmanaged<nint, nuint> _freeCCtx, _freeDCtx, _sizeOfCCtx;
    private readonly delegate* unmanaged<nint, int, int, nuint> _setCParameter, _setDParameter;
    private readonly delegate* unmanaged<nint, int, nuint> _resetDCtx;
    private readonly delegate* unmanaged<nint, byte*, nuint, byte*, nuint, nuint> _compress, _decompress;
    private readonly delegate* unmanaged<nint, StreamBuffer*, StreamBuffer*, nuint> _decompressStream;

    private LibZstdCodec(nint library, uint version)
    {
        Name = $"libzstd {Text(version)}";
        _isError = (delegate* unmanaged<nuint, uint>)NativeLibrary.GetExport(library, "ZSTD_isError");
        _getErrorCode = (delegate* unmanaged<nuint, ZstdError>)NativeLibrary.GetExport(library, "ZSTD_getErrorCode");
        _getErrorName = (delegate* unmanaged<nuint, nint>)NativeLibrary.GetExport(library, "ZSTD_getErrorName");
        _createCCtx = (delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "ZSTD_createCCtx");
        _freeCCtx = (delegate* unmanaged<nint, nuint>)NativeLibrary.GetExport(library, "ZSTD_freeCCtx");
        _sizeOfCCtx = (delegate* unmanaged<nint, nuint>)NativeLibrary.GetExport(library, "ZSTD_sizeof_CCtx");
        _setCParameter =
            (delegate* unmanaged<nint, int, int, nuint>)NativeLibrary.GetExport(library, "ZSTD_CCtx_setParameter");
        _compress = (delegate* unmanaged<nint, byte*, nuint, byte*, nuint, nuint>)
            NativeLibrary.GetExport(library, "ZSTD_compress2");
        _createDCtx = (delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "ZSTD_createDCtx");
        _freeDCtx = (delegate* unmanaged<nint, nuint>)NativeLibrary.GetExport(library, "ZSTD_freeDCtx");
        _setDParameter =
            (delegate* unmanaged<nint, int, int, nuint>)NativeLibrary.GetExport(library, "ZSTD_DCtx_setParameter");
        _resetDCtx = (delegate* unmanaged<nint, int, nuint>)NativeLibrary.GetExport(library, "ZSTD_DCtx_reset");
        _decompress = (delegate* unmanaged<nint, byte*, nuint, byte*, nuint, nuint>)
            NativeLibrary.GetExport(library, "ZSTD_decompressDCtx");
        _decompressStream = (delegate* unmanaged<nint, StreamBuffer*, StreamBuffer*, nuint>)
            NativeLibrary.GetExport(library, "ZSTD_decompressStream");
    }

    /// <summary>Null where libzstd cannot be used.</summary>
    internal static LibZstdCodec? Instance => Loading.Result.Codec;

    /// <summary>Why libzstd cannot be used; null where it can.</summary>
    internal static string? WhyNot => Loading.Result.WhyNot;

    public override string Name { get; }

    internal override nint CreateCompressor() => _createCCtx();

    internal override nuint FreeCompressor(nint compressor) => _freeCCtx(compressor);

    internal override nuint SizeOfCompressor(nint compressor) => _sizeOfCCtx(compressor);

    internal override nuint SetParameter(nint compressor, CompressionParameter parameter, int value) =>
        _setCParameter(compressor, (int)parameter, value);

    internal override nuint Compress(
        nint compressor, byte* frame, nuint frameCapacity, byte* content, nuint contentBytes) =>
        _compress(compressor, frame, frameCapacity, content, contentBytes);

    internal override nint CreateDecompressor() => _createDCtx();

    internal override nuint FreeDecompressor(nint decompressor) => _freeDCtx(decompressor);

    internal override nuint SetParameter(nint decompressor, DecompressionParameter parameter, int value) =>
        _setDParameter(decompressor, (int)parameter, value);

    internal override nuint Reset(nint decompressor, ResetDirective directive) =>
        _resetDCtx(decompressor, (int)directive);

    internal override nuint Decompress(
        nint decompressor, byte* content, nuint contentCapacity, byte* frame, nuint frameBytes) =>
        _decompress(decompressor, content, contentCapacity, frame, frameBytes);

    internal override nuint DecompressStream(nint decompressor, StreamBuffer* output, StreamBuffer* input) =>
        _decompressStream(decompressor, output, input);

    internal override bool IsError(nuint result) => _isError(result) != 0;

    internal override ZstdError ErrorOf(nuint result) => _getErrorCode(result);

    internal override string ErrorName(nuint result) =>
        Marshal.PtrToStringUTF8(_getErrorName(result)) ?? "unknown error";

    private static string Text(uint version) => $"{version / 10000}.{version / 100 % 100}.{version % 100}";

    /// <summary>A type of its own, so that libzstd is loaded only on first use.</summary>
    private static class Loading
    {
        internal static readonly (LibZstdCodec? Codec, string? WhyNot) Result = Load();

        private static (LibZstdCodec?, string?) Load()
        {
            // A bare name: the dynamic linker searches its own places, and no folder of this program.
            if (!NativeLibrary.TryLoad(Library, out nint library))
                return (null, $"{Library} cannot be loaded");
            try
            {
                uint version = ((delegate* unmanaged<uint>)NativeLibrary.GetExport(library, "ZSTD_versionNumber"))();
                return version >= OldestVersion
                    ? (new LibZstdCodec(library, version), null)
                    : (null, $"{Library} is of version {Text(version)}, and {Text(OldestVersion)} is needed");
            }
            catch (EntryPointNotFoundException)
            {
                return (null, $"{Library} lacks functions of zstd {Text(OldestVersion)}");
            }
        }
    }
}
