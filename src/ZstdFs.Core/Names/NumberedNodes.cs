using ZstdFs.Core.Inodes;

namespace ZstdFs.Core.Names;

/// <summary>
/// Finds nodes by number, for file handles. Where the kernel has forgotten a node, the inode store tells its last
/// place. Where the file has left that place, a walk through the source finds it. The answer always comes from the
/// source as it is at this moment.
/// </summary>
internal sealed class NumberedNodes(
    NodeTable nodes, NodeDescriptors descriptors, IInodeStore inodes, DirectoryCache directories, NameLookup names,
    NumberWalk walk)
{
    /// <summary>The most folders above one another. A longer way means that the store leads in a circle.</summary>
    private const int DeepestPath = 100_000;

    private readonly record struct Step(ulong Id, byte[] Name);

    /// <summary>The node, with one reference as a lookup takes it; null where it cannot be found.</summary>
    internal Node? Acquire(ulong id) =>
        nodes.TryAcquire(id) ?? AcquireStored(id) ?? (walk.Find(id) is { } path ? AcquirePath(path, id) : null);

    /// <summary>The folder that a node is in, with one reference; null where either cannot be found.</summary>
    internal Node? AcquireParent(ulong id)
    {
        if (Acquire(id) is not { } node)
            return null;
        Node? parent = node.AnyLink is { } link ? nodes.TryAcquire(link.Parent.Id) : null;
        descriptors.GiveBack(node);
        return parent;
    }

    /// <summary>Ends a walk that is under way, and lets no other begin.</summary>
    internal void Stop() => walk.Stop();

    private Node? AcquireStored(ulong id)
    {
        var steps = new List<Step>();
        Node? node;
        ulong next = id;
        while ((node = nodes.TryAcquire(next)) is null)
        {
            if (steps.Count == DeepestPath || !inodes.TryFind(next, out InodePlace place))
                return null;
            steps.Add(new Step(next, place.Name));
            next = place.Parent;
        }
        for (int i = steps.Count - 1; i >= 0 && node is not null; i--)
            node = GoDown(node, steps[i].Name.AsSpan(0, steps[i].Name.Length - 1), steps[i].Id);
        return node;
    }

    private Node? AcquirePath(byte[] path, ulong id)
    {
        Node? node = nodes.Root;
        foreach (Range part in path.AsSpan().Split((byte)'/'))
        {
            if (node is null)
                return null;
            node = GoDown(node, path.AsSpan(part), expected: 0);
        }
        if (node is null || node.Id == id)
            return node;
        descriptors.GiveBack(node);
        return null;
    }

    /// <summary>
    /// Gives back the reference to the folder, and takes one to what has the name in it. Null where that is not the
    /// expected file; an expected number of 0 accepts any.
    /// </summary>
    private Node? GoDown(Node parent, ReadOnlySpan<byte> name, ulong expected)
    {
        Node? node = null;
        if (directories.Rent(parent, out DescriptorLease lease) >= 0)
        {
            using (lease)
                node = names.Acquire(parent, lease.Descriptor, name, out _, out Node found) >= 0 ? found : null;
        }
        descriptors.GiveBack(parent);
        if (node is null || expected == 0 || node.Id == expected)
            return node;
        descriptors.GiveBack(node);
        return null;
    }
}
