namespace ZstdFs.Core.Inodes;

/// <summary>
/// The known names of a file besides its first, the one that came last at the end. A plain list, because each node that
/// has some would pay for a type around it. The caller holds the node's gate.
/// </summary>
internal static class OtherLinks
{
    /// <summary>Names of one file that are remembered; more hard links than this are found again by lookup.</summary>
    private const int Most = 16;

    /// <summary>Where a name is in the list; −1 where it is not known. Makes no closure.</summary>
    internal static int FindIndexOf(this List<Link> links, Node parent, ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < links.Count; i++)
        {
            if (links[i].Is(parent, name))
                return i;
        }
        return -1;
    }

    /// <summary>Remembers one more. Returns the one that was dropped for it, if any.</summary>
    internal static Link? Remember(this List<Link> links, Link link)
    {
        Link? dropped = links.Count == Most ? links[0] : null;
        if (dropped is not null)
            links.RemoveAt(0);
        links.Add(link);
        return dropped;
    }

    /// <summary>Takes the last one out; null where there is none.</summary>
    internal static Link? TakeLast(this List<Link>? links)
    {
        if (links is not { Count: > 0 })
            return null;
        Link last = links[^1];
        links.RemoveAt(links.Count - 1);
        return last;
    }
}
