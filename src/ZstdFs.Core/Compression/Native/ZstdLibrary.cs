using System.Runtime.InteropServices;

namespace ZstdFs.Core.Compression.Native;

/// <summary>What concerns libzstd as a whole: is it there, is it new enough, what does an error code say.</summary>
internal static unsafe class ZstdLibrary
{
    /// <summary>1.4.0 made the parameter-setting functions stable.</summary>
    private const uint OldestVersion = 10400;

    /// <summary>Throws <see cref="ZstdLibraryException"/> unless a usable libzstd can be loaded. Every context's creation calls it.</summary>
    internal static void Require()
    {
        uint version;
        try
        {
            version = LibZstd.VersionNumber();
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            throw new ZstdLibraryException("libzstd.so.1 cannot be loaded; install the package libzstd1", error);
        }
        if (version < OldestVersion)
            throw new ZstdLibraryException($"libzstd {version / 10000}.{version / 100 % 100}.{version % 100} is too old; 1.4.0 is needed");
    }

    internal static bool IsError(nuint result) => LibZstd.IsError(result) != 0;

    internal static string ErrorName(nuint result) => Marshal.PtrToStringUTF8((nint)LibZstd.GetErrorName(result)) ?? "unknown error";

    /// <summary>The exception for an error code that decoding returned.</summary>
    internal static Exception DecodingError(nuint result) => LibZstd.GetErrorCode(result) switch
    {
        ZstdError.MemoryAllocation => new InsufficientMemoryException("libzstd could not allocate memory for decoding"),
        ZstdError.FrameParameterWindowTooLarge => new WindowTooLargeException("the frame's window is larger than the configured limit"),
        _ => new DamagedFrameException(ErrorName(result)),
    };
}
