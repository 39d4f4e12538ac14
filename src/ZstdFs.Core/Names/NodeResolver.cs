using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Overlays;
using ZstdFs.Linux;

namespace ZstdFs.Core.Names;

/// <summary>Finds the attributes of a node, and its path.</summary>
internal sealed class NodeResolver(
    NodeTable nodes, NodeDescriptors descriptors, DirectoryCache directories, ContentTable contents, Resolver resolver)
{
    // Each attempt after the first needs a rename of the node, or another hard link.
    private const int Attempts = 16;
    private const int DeepestPath = 4096;

    /// <summary>
    /// A node's attributes: of its open content where that knows them, else of what its name leads to, else of the open
    /// file.
    /// </summary>
    internal int Resolve(Node node, out Resolved resolved)
    {
        if (node == nodes.Root)
            return resolver.ResolveRoot(out resolved);
        if (TryShowContent(node, out resolved))
            return 0;
        int result = ResolveName(node, out resolved);
        if (result >= 0)
            return 0;
        if (contents.Hold(node.Id) is { } held)
            return ResolveHeld(node, held, out resolved);
        return node.AnyLink is null ? ResolveNameless(node, out resolved) : result;
    }

    /// <summary>A node's path below the mount, for log messages.</summary>
    internal string PathOf(ulong nodeId)
    {
        if (nodes.Find(nodeId) is not { } node)
            return $"node {nodeId}";
        var names = new List<string>();
        for (; node != nodes.Root; node = names.Count < DeepestPath && node.AnyLink is { } up ? up.Parent : nodes.Root)
            names.Insert(0, node.AnyLink is { } name ? name.NativeName.ToString() : "(deleted)");
        return string.Join('/', names);
    }

    private bool TryShowContent(Node node, out Resolved resolved)
    {
        resolved = default;
        if (node.Kind != NodeKind.Stored || contents.Hold(node.Id) is not { } current)
            return false;
        bool isKnown = current.TryStat(out Statx known, out ShownContent shown);
        resolved = new Resolved(NodeKind.Stored, node.Id, known, shown.LogicalBytes, current.Birth)
        {
            HasHoles = shown.HasHoles,
            Content = shown,
            ShowsChange = true,
        };
        Release(current);
        return isKnown;
    }

    /// <summary>0, or −errno where no name of the node leads to it.</summary>
    private int ResolveName(Node node, out Resolved resolved)
    {
        resolved = default;
        int result = -(int)Errno.ESTALE;
        // A rename may move the node between reading its name and using it. Then the node has another name, which the
        // next attempt reads.
        for (int attempt = 0; attempt < Attempts && node.AnyLink is { } link; attempt++)
        {
            result = directories.Rent(link.Parent, out DescriptorLease lease);
            if (result >= 0)
            {
                using (lease)
                    result = resolver.Resolve(lease.Descriptor, link.Parent == nodes.Root, link.Bytes, out resolved);
            }
            if (result >= 0 && resolved.Id == node.Id)
            {
                if (resolved.LogicalBytes < 0 && contents.Hold(node.Id) is { } opened)
                {
                    resolved = resolved with { LogicalBytes = opened.ShownBytes() };
                    Release(opened);
                }
                return 0;
            }
            // A rename or removal changes the source first and the node's names a few steps later, all under the gate:
            // the gate waits for it. Where another program took the name in the source, a hard-linked file has other
            // names.
            lock (node.LinksGate)
            {
                if (node.AnyLink == link && !node.TryPreferNext(link))
                    break;
            }
        }
        return result < 0 ? result : -(int)Errno.ESTALE;
    }

    /// <summary>The attributes of an open file that no name leads to. Gives the hold on its content up.</summary>
    private int ResolveHeld(Node node, FileContent held, out Resolved resolved)
    {
        Statx stat = default;
        int result = held.TryRentBase(out DescriptorLease file)
            ? SystemCallsAt.Stat(file.Descriptor, out stat) : -(int)Errno.ESTALE;
        file.Dispose();
        long bytes = held.ShownBytes();
        ShownContent open = held.Show();
        resolved = new Resolved(node.Kind, node.Id, stat, bytes, held.Birth)
        {
            HasHoles = open.HasHoles,
            Content = open,
        };
        Release(held);
        return Math.Min(result, 0);
    }

    /// <summary>
    /// The attributes of a file or folder that lost its last name, and whose content is not among the open files.
    /// </summary>
    private int ResolveNameless(Node node, out Resolved resolved)
    {
        resolved = default;
        if (!node.TryRentNameless(out DescriptorLease lease))
            return -(int)Errno.ESTALE;
        using (lease)
            return resolver.ResolveNameless(lease.Descriptor, node, out resolved);
    }

    private void Release(FileContent content) => descriptors.Close(contents.Release(content));
}
