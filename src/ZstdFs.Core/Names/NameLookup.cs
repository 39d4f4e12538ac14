using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Names;

/// <summary>
/// Finds what has a name, beside renames and removals that change it. The journal is null where nothing can be renamed.
/// </summary>
internal sealed class NameLookup(NodeTable nodes, NodeDescriptors descriptors, Resolver resolver, NameJournal? journal)
{
    /// <summary>Finds what has a name. It never shows a rename of two steps half done.</summary>
    internal int Find(Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, out Resolved resolved)
    {
        int result, steps;
        var wait = new SpinWait();
        do
        {
            // Users must not see half of a rename.
            if (journal?.Settle(parent.Id, name) is < 0 and var half)
            {
                resolved = default;
                return half;
            }
            while ((steps = journal?.Sequence ?? 0) % 2 != 0)
                wait.SpinOnce();
            result = Look(parent, directory, name, out resolved);
        }
        while (journal is not null && journal.Sequence != steps);
        return result;
    }

    /// <summary>The same without regard to renames of two steps.</summary>
    internal int Look(Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, out Resolved resolved) =>
        resolver.Resolve(directory, parent == nodes.Root, name, out resolved);

    /// <summary>
    /// Finds what has a name, and takes a reference to its node. The result is as if a concurrent rename or removal
    /// came wholly before this, or wholly after it.
    /// </summary>
    internal int Acquire(
        Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, out Resolved resolved, out Node node)
    {
        while (true)
        {
            long takenNames = nodes.TakenNames;
            int result = Find(parent, directory, name, out resolved);
            if (result < 0)
            {
                node = null!;
                return result;
            }
            bool isOnly = resolved.Stat.LinkCount <= 1;
            if (nodes.TryAcquire(resolved.Id, resolved.Kind, parent, name, isOnly, takenNames, out node)
                || IsStillThere(node, parent, directory, name, ref resolved))
                return 0;
            descriptors.GiveBack(node);
        }
    }

    /// <summary>
    /// Whether the name still leads to the node. Since the lookup began, some file of the mount has lost a name, or the
    /// node is of another kind than the lookup saw. A later rename or removal finds the node in the table, and corrects
    /// its names.
    /// </summary>
    private bool IsStillThere(
        Node node, Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, ref Resolved resolved)
    {
        lock (node.LinksGate)
        {
            if (node.Kind == resolved.Kind)
            {
                byte[] terminated = new byte[name.Length + 1];
                name.CopyTo(terminated);
                Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
                NativeName native = new Link(parent, terminated).Find(directory, resolved.Kind, buffer);
                if (SystemCallsAt.Stat(directory, native, out Statx stat) < 0
                    || (stat.InodeNumber, stat.Device, stat.Birth.ToTimestamp())
                        != (resolved.Stat.InodeNumber, resolved.Stat.Device, resolved.Stat.Birth.ToTimestamp()))
                    return false;
                nodes.AddLink(node, parent, name, stat.LinkCount <= 1 || stat.IsDirectory);
                return true;
            }
            // Only a conversion changes the kind, under this gate from its first step to its last.
            if (Look(parent, directory, name, out Resolved now) < 0 || now.Id != node.Id)
                return false;
            (node.Kind, resolved) = (now.Kind, now);
            nodes.AddLink(node, parent, name, now.Stat.LinkCount <= 1 || now.Kind == NodeKind.Directory);
            return true;
        }
    }
}
