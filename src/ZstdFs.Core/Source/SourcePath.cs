using System.Buffers;
using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// Where something in the source is, for the log. The kernel tells it, so that no path is kept for it.
/// </summary>
internal static class SourcePath
{
    private const int LongestBytes = 4096; // what readlink(2) gives at most

    /// <summary>The path of a name in an open folder.</summary>
    internal static string Of(FileDescriptor folder, NativeName name) =>
        Read(folder) is { } path ? $"{path}/{name.ToString()}" : name.ToString();

    /// <summary>The path of an open file; where the kernel does not tell, its <paramref name="name"/>.</summary>
    internal static string OfFile(FileDescriptor file, NativeName name) => Read(file) ?? name.ToString();

    private static string? Read(FileDescriptor file)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(LongestBytes);
        try
        {
            int count = SystemCallsAt.PathOf(file, buffer);
            return count > 0 ? Encoding.UTF8.GetString(buffer, 0, count) : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
