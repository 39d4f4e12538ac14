using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// The descriptors that belong to nodes: it opens folders by node id, and closes what a node holds that leaves the
/// table.
/// </summary>
internal sealed class NodeDescriptors(NodeTable nodes, DirectoryCache directories)
{
    /// <summary>Opens a folder by its node id, for calls on names in it.</summary>
    internal int RentFolder(ulong nodeId, out Node folder, out DescriptorLease lease)
    {
        lease = default;
        folder = nodes.Find(nodeId)!;
        return folder is null ? -(int)Errno.ESTALE : directories.Rent(folder, out lease);
    }

    /// <summary>Takes back one reference, as a lookup takes it.</summary>
    internal void GiveBack(Node node) => Close(nodes.Forget(node.Id, 1));

    /// <summary>Takes a <see cref="NodeTable.Pin"/> back.</summary>
    internal void Unpin(Node node) => Close(nodes.Unpin(node));

    /// <summary>Closes what a node holds that left the table; null does nothing.</summary>
    internal void Close(Node? node)
    {
        if (node is null)
            return;
        directories.Drop(node);
        lock (node.LinksGate)
        {
            node.Nameless?.Dispose();
            node.Nameless = null;
        }
    }
}
