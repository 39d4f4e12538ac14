namespace ZstdFs.Core.Inodes;

/// <summary>The way from the root to a node.</summary>
internal static class NodePath
{
    private const int LongestBytes = 4096;

    /// <summary>
    /// The path below the root, at this moment: logical names with slashes between. Empty where the node has no name,
    /// or the path is longer than 4096 bytes.
    /// </summary>
    internal static byte[] Of(Node node)
    {
        byte[] path = new byte[LongestBytes];
        int start = path.Length;
        for (; node.AnyLink is { } link; node = link.Parent)
        {
            if (start < link.Bytes.Length + 1)
                return [];
            start -= link.Bytes.Length;
            link.Bytes.CopyTo(path.AsSpan(start));
            path[--start] = (byte)'/';
        }
        return start == path.Length ? [] : path[(start + 1)..];
    }
}
