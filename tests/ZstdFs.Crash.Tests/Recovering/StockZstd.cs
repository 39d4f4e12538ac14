using System.Runtime.InteropServices;

namespace ZstdFs.Crash.Tests.Recovering;

/// <summary>
/// libzstd itself, without a line of ours: what anybody's <c>zstd -d</c> would make of a stored file.
/// </summary>
internal static unsafe partial class StockZstd
{
    /// <summary>Content of all frames.</summary>
    /// <exception cref="InvalidDataException">Stock zstd refuses the file.</exception>
    internal static byte[] Decompress(string file, int longest)
    {
        byte[] stored = File.ReadAllBytes(file);
        byte[] content = new byte[longest];
        fixed (byte* to = content)
        fixed (byte* from = stored)
        {
            nuint length = Decompress(to, (nuint)longest, from, (nuint)stored.Length);
            if (IsError(length) != 0)
                throw new InvalidDataException(
                    $"stock zstd refuses the {stored.Length} bytes of {Path.GetFileName(file)}: "
                    + $"{Marshal.PtrToStringAnsi((nint)ErrorName(length))}");
            return content[..(int)length];
        }
    }

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_decompress")]
    private static partial nuint Decompress(byte* content, nuint capacity, byte* stored, nuint storedBytes);

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_isError")]
    private static partial uint IsError(nuint code);

    [LibraryImport("libzstd.so.1", EntryPoint = "ZSTD_getErrorName")]
    private static partial byte* ErrorName(nuint code);
}
