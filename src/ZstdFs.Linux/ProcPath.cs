using System.Buffers.Text;

namespace ZstdFs.Linux;

/// <summary>
/// <c>/proc/self/fd/N</c> and <c>/proc/self/fd/N/name</c>: how calls that know only paths reach a descriptor (O_PATH
/// too) or a name in an open folder, whatever the length of the folder's own path.
/// </summary>
internal static class ProcPath
{
    /// <summary>
    /// Room for the longest of them: the prefix, ten digits, a slash, a 255-byte name and NUL, with some to spare.
    /// </summary>
    internal const int MaxBytes = 300;

    /// <summary>Writes the path into <paramref name="buffer"/> and returns the part used, NUL included.</summary>
    internal static ReadOnlySpan<byte> Of(FileDescriptor file, ReadOnlySpan<byte> name, Span<byte> buffer)
    {
        ReadOnlySpan<byte> prefix = "/proc/self/fd/"u8;
        prefix.CopyTo(buffer);
        Utf8Formatter.TryFormat(file.Number, buffer[prefix.Length..], out int digits);
        int length = prefix.Length + digits;
        if (!name.IsEmpty)
        {
            buffer[length++] = (byte)'/';
            name.CopyTo(buffer[length..]);
            length += name.Length;
        }
        buffer[length++] = 0;
        return buffer[..length];
    }
}
