using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Insight;

/// <summary>The way from a path that users of a mount see to the stored file.</summary>
public static class StoredPath
{
    /// <summary>Opens the stored file of a logical path for reading. Returns 0 or −errno.</summary>
    /// <param name="root">The source's root; stays the caller's.</param>
    /// <param name="path">Logical names with slashes between.</param>
    /// <param name="stored">The open file.</param>
    public static int Open(FileDescriptor root, ReadOnlySpan<byte> path, out FileDescriptor stored)
    {
        const int InPlace = OpenFlags.PathOnly | OpenFlags.Directory | OpenFlags.NoFollow;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        int slash = path.LastIndexOf((byte)'/');
        ReadOnlySpan<byte> name = path[(slash + 1)..];
        int result = SystemCallsAt.Open(root, new NativeName(".\0"u8), InPlace, 0, out FileDescriptor folder);
        foreach (Range part in path[..Math.Max(slash, 0)].Split((byte)'/'))
        {
            if (result < 0 || path[part].IsEmpty)
                continue;
            using FileDescriptor above = folder;
            result = path[part].Length > StoredName.MaxStoredBytes
                ? -(int)Errno.ENAMETOOLONG
                : SystemCallsAt.Open(above, SourceNames.FindNode(above, path[part], buffer), InPlace, 0, out folder);
        }
        stored = null!;
        if (result < 0)
            return result;
        using (folder)
        {
            if (name.Length > StoredName.MaxStoredBytes)
                return -(int)Errno.ENAMETOOLONG;
            NativeName inSource = SourceNames.FindFile(folder, name, buffer);
            result = SystemCallsAt.Open(folder, inSource,
                OpenFlags.ReadOnly | OpenFlags.NonBlocking | OpenFlags.NoFollow, 0, out stored);
            if (result < 0)
                return result;
            _ = SystemCallsFile.KeepAccessTime(stored);
            return 0;
        }
    }
}
