namespace ZstdFs.Core.Compression.Codecs;

/// <summary>
/// An implementation of zstd, as zstd.h describes one: contexts are addresses, and a result is a length or an error
/// code. The context classes in this folder call it and check each result. Thread-safe; a context serves one thread at
/// a time.
/// </summary>
public abstract unsafe class Codec
{
    private protected Codec() { }

    /// <summary>Name and version for people: "libzstd 1.5.4".</summary>
    public abstract string Name { get; }

    /// <summary>Why libzstd cannot be used; null where it can.</summary>
    public static string? WhyNotNative => LibZstdCodec.WhyNot;

    /// <summary>The codec that is chosen. <see cref="CodecChoice.Auto"/> never fails.</summary>
    /// <exception cref="ZstdLibraryException">
    /// libzstd is asked for and cannot be used: <see cref="WhyNotNative"/>.
    /// </exception>
    public static Codec Of(CodecChoice choice) => choice switch
    {
        CodecChoice.Native => LibZstdCodec.Instance ?? throw new ZstdLibraryException(WhyNotNative!),
        CodecChoice.Managed => ZstdSharpCodec.Instance,
        _ => LibZstdCodec.Instance ?? (Codec)ZstdSharpCodec.Instance,
    };

    /// <summary>A <c>ZSTD_CCtx</c>; 0 where there is no memory.</summary>
    internal abstract nint CreateCompressor();

    internal abstract nuint FreeCompressor(nint compressor);

    /// <summary>Memory that the context holds, in bytes.</summary>
    internal abstract nuint SizeOfCompressor(nint compressor);

    internal abstract nuint SetParameter(nint compressor, CompressionParameter parameter, int value);

    internal abstract nuint Compress(
        nint compressor, byte* frame, nuint frameCapacity, byte* content, nuint contentBytes);

    /// <summary>A <c>ZSTD_DCtx</c>; 0 where there is no memory.</summary>
    internal abstract nint CreateDecompressor();

    internal abstract nuint FreeDecompressor(nint decompressor);

    internal abstract nuint SetParameter(nint decompressor, DecompressionParameter parameter, int value);

    internal abstract nuint Reset(nint decompressor, ResetDirective directive);

    internal abstract nuint Decompress(
        nint decompressor, byte* content, nuint contentCapacity, byte* frame, nuint frameBytes);

    internal abstract nuint DecompressStream(nint decompressor, StreamBuffer* output, StreamBuffer* input);

    internal abstract bool IsError(nuint result);

    internal abstract ZstdError ErrorOf(nuint result);

    internal abstract string ErrorName(nuint result);
}

/// <summary><c>ZSTD_inBuffer</c> and <c>ZSTD_outBuffer</c>, which have one layout.</summary>
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

/// <summary><c>ZSTD_ResetDirective</c>.</summary>
internal enum ResetDirective
{
    SessionOnly = 1,
}

/// <summary><c>ZSTD_ErrorCode</c>: the codes that this program tells apart.</summary>
internal enum ZstdError
{
    FrameParameterWindowTooLarge = 16,
    MemoryAllocation = 64,
}
