using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>Logical name ↔ name in the source: <c>b</c> is stored as <c>b.zst</c>. Names are bytes.</summary>
internal static class StoredName
{
    /// <summary>Longest name that Linux file systems take, in bytes.</summary>
    internal const int MaxStoredBytes = 255;

    /// <summary>Longest logical name, in bytes: what leaves room for the suffix. The mount's f_namelen.</summary>
    internal const int MaxLogicalBytes = MaxStoredBytes - 4;

    /// <summary>Room for any stored name with its NUL.</summary>
    internal const int BufferBytes = MaxStoredBytes + 1;

    private static ReadOnlySpan<byte> Suffix => ".zst"u8;

    /// <summary>The folder in the source root that holds what is ours; not part of the tree.</summary>
    internal static ReadOnlySpan<byte> ReservedFolder => ".zstdfs"u8;

    /// <summary>The stored name of a logical one, written into <paramref name="buffer"/> (of <see cref="BufferBytes"/>).</summary>
    internal static NativeName Of(ReadOnlySpan<byte> logical, Span<byte> buffer)
    {
        logical.CopyTo(buffer);
        Suffix.CopyTo(buffer[logical.Length..]);
        int length = logical.Length + Suffix.Length;
        buffer[length] = 0;
        return new NativeName(buffer[..(length + 1)]);
    }

    /// <summary>Whether a regular file of this name is a stored file, and which logical name it has. <c>.zst</c> alone is not one.</summary>
    internal static bool TryToLogical(ReadOnlySpan<byte> stored, out ReadOnlySpan<byte> logical)
    {
        bool isStored = stored.Length > Suffix.Length && stored.EndsWith(Suffix);
        logical = isStored ? stored[..^Suffix.Length] : default;
        return isStored;
    }
}
