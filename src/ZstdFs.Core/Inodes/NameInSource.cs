using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>The names that nodes have in the source.</summary>
internal static class NameInSource
{
    /// <summary>The most folders above one another. More of them means that the way up leads in a circle.</summary>
    private const int DeepestPath = 100_000;

    /// <summary>
    /// The name that something new gets, written into <paramref name="buffer"/> (of <see
    /// cref="StoredName.BufferBytes"/>).
    /// </summary>
    internal static NativeName New(NodeKind kind, ReadOnlySpan<byte> logical, Span<byte> buffer) => kind switch
    {
        NodeKind.Stored => StoredName.Of(logical, buffer),
        NodeKind.Plain => SourceNames.Itself(logical, buffer),
        _ => StoredName.OfNode(logical, buffer),
    };

    /// <summary>The name of something that is there.</summary>
    internal static NativeName Find(FileDescriptor directory, NodeKind kind, ReadOnlySpan<byte> logical,
        Span<byte> buffer) => kind switch
    {
        NodeKind.Stored => SourceNames.FindFile(directory, logical, buffer),
        NodeKind.Plain => SourceNames.Itself(logical, buffer),
        _ => SourceNames.FindNode(directory, logical, buffer),
    };

    /// <summary>The name of something that is there under a link, in the link's folder.</summary>
    internal static NativeName Find(this Link link, FileDescriptor directory, NodeKind kind, Span<byte> buffer) =>
        kind == NodeKind.Plain || kind != NodeKind.Stored && !StoredName.IsEscaped(link.Bytes) ? link.NativeName
            : Find(directory, kind, link.Bytes, buffer);

    /// <summary>
    /// The path in the source of a folder, with slashes between; empty for the root, null where it has none any more.
    /// </summary>
    internal static byte[]? PathOf(Node folder, DirectoryCache directories)
    {
        var names = new List<byte[]>();
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        for (; folder.AnyLink is { } link; folder = link.Parent)
        {
            if (names.Count == DeepestPath || directories.Rent(link.Parent, out DescriptorLease lease) < 0)
                return null;
            using (lease)
                names.Add([.. link.Find(lease.Descriptor, NodeKind.Directory, buffer).Bytes, (byte)'/']);
        }
        if (folder != directories.Root)
            return null;
        names.Reverse();
        byte[] path = [.. names.SelectMany(static n => n)];
        return path.Length == 0 ? path : path[..^1];
    }
}
