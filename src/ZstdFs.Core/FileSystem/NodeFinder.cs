using ZstdFs.Core.Inodes;
using ZstdFs.Core.Names;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>The lookups that the kernel sends for file handles, which name a node by its number.</summary>
internal sealed class NodeFinder(Volume volume)
{
    private readonly NumberedNodes _nodes = new(
        volume.Nodes, volume.Descriptors, volume.Inodes, volume.Directories, volume.NameLookup,
        new NumberWalk(volume.Source, volume.Inodes));

    /// <summary>LOOKUP of ".": the node itself. 0, −ESTALE where the file is gone, or another error.</summary>
    internal int LookUp(ulong id, out FuseEntryOut entry) => Answer(_nodes.Acquire(id), out entry);

    /// <summary>LOOKUP of "..": the folder that a node is in.</summary>
    internal int LookUpParent(ulong id, out FuseEntryOut entry) => Answer(_nodes.AcquireParent(id), out entry);

    /// <summary>Ends a walk that is under way, and lets no other begin.</summary>
    internal void Stop() => _nodes.Stop();

    private int Answer(Node? node, out FuseEntryOut entry)
    {
        entry = default;
        if (node is null)
            return -(int)Errno.ESTALE;
        int result = volume.NodeResolver.Resolve(node, out Resolved resolved);
        if (result < 0)
        {
            volume.Descriptors.GiveBack(node);
            return result;
        }
        entry = volume.Entries.Entry(node, resolved);
        volume.Pages.NoteShown(node, resolved.Stat);
        return result;
    }
}
