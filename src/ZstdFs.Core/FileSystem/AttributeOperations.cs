using ZstdFs.Core.Attributes;
using ZstdFs.Core.Inodes;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Tells attributes, link targets and what statfs(2) shows.</summary>
internal sealed class AttributeOperations(Volume volume, AttributePlaces places)
{
    /// <summary>GETATTR.</summary>
    internal int Get(ulong nodeId, out FuseAttrOut attributes)
    {
        attributes = default;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        return volume.Attributes.Get(node, isChanging: false, out attributes);
    }

    /// <summary>statx(2).</summary>
    internal int GetExtended(ulong nodeId, out FuseStatxOut attributes)
    {
        attributes = default;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        return volume.Attributes.GetExtended(node, out attributes);
    }

    /// <summary>readlink(2). Returns the length of the target, or −errno.</summary>
    internal int ReadLink(ulong nodeId, Span<byte> target)
    {
        int result = places.Locate(nodeId, out AttributePlace place);
        if (result < 0)
            return result;
        using (place)
            return place.ReadLink(target);
    }

    /// <summary>statfs(2).</summary>
    internal int StatFileSystem(ulong nodeId, out FuseKstatfs statistics)
    {
        // Other file systems may be mounted in the source, so the answer is about the node's folder. For a file that
        // lost its name it is about the root.
        Node? node = volume.Nodes.Find(nodeId);
        Node folder = node is null || node == volume.Nodes.Root ? volume.Nodes.Root
            : node.Kind == NodeKind.Directory ? node
            : node.AnyLink?.Parent ?? volume.Nodes.Root;
        int result = volume.Directories.Rent(folder, out DescriptorLease lease);
        StatFs source = default;
        using (lease)
            result = SystemCallsFile.StatFileSystem(result < 0 ? volume.Source.Root : lease.Descriptor, out source);
        statistics = new FuseKstatfs
        {
            Blocks = source.Blocks,
            Bfree = source.BlocksFree,
            Bavail = source.BlocksAvailable,
            Files = source.Files,
            Ffree = source.FilesFree,
            Bsize = (uint)source.BlockSize,
            Frsize = (uint)source.FragmentSize,
            Namelen = (uint)volume.Services.LongestName,
        };
        return result;
    }

}
