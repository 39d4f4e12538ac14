using System.Text;

namespace ZstdFs.Fuse.Tests;

/// <summary>Bodies of requests.</summary>
internal static class Body
{
    /// <summary>Numbers in their own width, texts with their NUL, bytes as they are.</summary>
    internal static byte[] Of(params object[] parts)
    {
        var bytes = new List<byte>();
        foreach (object part in parts)
        {
            bytes.AddRange(part switch
            {
                int value => BitConverter.GetBytes(value),
                uint value => BitConverter.GetBytes(value),
                long value => BitConverter.GetBytes(value),
                ulong value => BitConverter.GetBytes(value),
                string text => Encoding.UTF8.GetBytes(text + '\0'),
                byte[] raw => raw,
                _ => throw new ArgumentException($"{part.GetType()} is no part of a request", nameof(parts)),
            });
        }
        return [.. bytes];
    }

    /// <summary><c>struct fuse_read_in</c>.</summary>
    internal static byte[] Read(ulong handle, ulong offset, uint size) => Of(handle, offset, size, 0u, 0ul, 0u, 0u);

    /// <summary><c>struct fuse_write_in</c> and the data.</summary>
    internal static byte[] Write(ulong handle, ulong offset, byte[] data, uint flags = 0, uint openFlags = 0) =>
        Of(handle, offset, (uint)data.Length, flags, 0ul, openFlags, 0u, data);
}
