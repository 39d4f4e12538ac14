using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Inodes;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.Names;

/// <summary>
/// Finds nodes by number, for file handles. Where the kernel has forgotten a node, the inode store tells its last
/// place. Where the file has left that place, a walk through the source finds it. The answer always comes from the
/// source as it is at this moment.
/// </summary>
internal sealed class NodeFinder(Volume volume)
{
    /// <summary>The most folders above one another. A longer way means that the store leads in a circle.</summary>
    private const int DeepestPath = 100_000;

    private readonly NumberWalk _walk = new(volume);

    private readonly record struct Step(ulong Id, byte[] Name);

    /// <summary>LOOKUP of ".": the node itself. 0, −ESTALE where the file is gone, or another error.</summary>
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

    /// <summary>Ends a walk that is under way, and lets no other begin.</summary>
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

    /// <summary>The node, with one reference as a lookup takes it; null where it cannot be found.</summary>
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

    /// <summary>
    /// Gives back the reference to the folder, and takes one to what has the name in it. Null where that is not the
    /// expected file; an expected number of 0 accepts any.
    /// </summary>
    private Node? GoDown(Node parent, ReadOnlySpan<byte> name, ulong expected)
    {
        Node? node = null;
        if (volume.Directories.Rent(parent, out DescriptorLease lease) >= 0)
        {
            using (lease)
                node = volume.Acquire(parent, lease.Descriptor, name, out Resolved resolved, out Node found) >= 0
                    ? found : null;
        }
        GiveBack(parent);
        if (node is null || expected == 0 || node.Id == expected)
            return node;
        GiveBack(node);
        return null;
    }

    private void GiveBack(Node node) => volume.Forgotten(volume.Nodes.Forget(node.Id, 1));
}
