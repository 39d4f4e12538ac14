using ZstdFs.Core.Inodes;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// Nodes by number, for file handles: where the kernel has forgotten one, the inode store tells where it was, and where that is not so any more a walk through the
/// source does. The answer is always what the source says now.
/// </summary>
internal sealed class NodeFinder(Volume volume)
{
    /// <summary>Folders above one another; more can only be a store that leads in a circle.</summary>
    private const int DeepestPath = 100_000;

    private readonly NumberWalk _walk = new(volume);

    private readonly record struct Step(ulong Id, byte[] Name);

    /// <summary>LOOKUP of ".": the node itself. 0, −ESTALE where there is no such file any more, or another error.</summary>
    internal int LookUp(ulong id, out FuseEntryOut entry)
    {
        entry = default;
        return Acquire(id) is { } node ? Answer(node, out entry) : -(int)Errno.ESTALE;
    }

    /// <summary>LOOKUP of "..": the folder that a node is in.</summary>
    internal int LookUpParent(ulong id, out FuseEntryOut entry)
    {
        entry = default;
        if (Acquire(id) is not { } node)
            return -(int)Errno.ESTALE;
        Node? parent = node.AnyLink is { } link ? volume.Nodes.TryAcquire(link.Parent.Id) : null;
        GiveBack(node);
        return parent is null ? -(int)Errno.ESTALE : Answer(parent, out entry);
    }

    /// <summary>Ends a walk that is under way; none begins any more.</summary>
    internal void Stop() => _walk.Stop();

    private int Answer(Node node, out FuseEntryOut entry)
    {
        int result = volume.Resolve(node, out Resolved resolved);
        entry = result < 0 ? default : volume.Entry(node, resolved);
        if (result < 0)
            GiveBack(node);
        else
            volume.Pages.NoteShown(node, resolved.Stat);
        return result;
    }

    /// <summary>The node with a reference, as a lookup gives; null where it cannot be found.</summary>
    private Node? Acquire(ulong id) =>
        volume.Nodes.TryAcquire(id) ?? AcquireStored(id) ?? (_walk.Find(id) is { } path ? AcquirePath(path, id) : null);

    private Node? AcquireStored(ulong id)
    {
        var steps = new List<Step>();
        Node? node;
        ulong next = id;
        while ((node = volume.Nodes.TryAcquire(next)) is null)
        {
            if (steps.Count == DeepestPath || !volume.Inodes.TryFind(next, out InodePlace place))
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
        Node? node = volume.Nodes.Root;
        foreach (Range part in path.AsSpan().Split((byte)'/'))
        {
            if (node is null)
                return null;
            node = GoDown(node, path.AsSpan(part), expected: 0);
        }
        if (node is null || node.Id == id)
            return node;
        GiveBack(node);
        return null;
    }

    /// <summary>A reference to what is there now under a name, in exchange for the one to its folder; null where it is not the file that is expected.</summary>
    private Node? GoDown(Node parent, ReadOnlySpan<byte> name, ulong expected)
    {
        Node? node = null;
        if (volume.Directories.Rent(parent, out DescriptorLease lease) >= 0)
        {
            using (lease)
                node = volume.Acquire(parent, lease.Descriptor, name, out Resolved resolved, out Node found) >= 0 ? found : null;
        }
        GiveBack(parent);
        if (node is null || expected == 0 || node.Id == expected)
            return node;
        GiveBack(node);
        return null;
    }

    private void GiveBack(Node node) => volume.Forgotten(volume.Nodes.Forget(node.Id, 1));
}
