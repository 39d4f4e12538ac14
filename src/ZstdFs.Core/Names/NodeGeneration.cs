using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;

namespace ZstdFs.Core.Names;

/// <summary>
/// Part of a file handle: it tells apart two files that had the same inode number one after the other. The allocator
/// never gives a number twice. The source may give its own numbers twice, which folders have: then the second one has
/// another time of birth.
/// </summary>
internal static class NodeGeneration
{
    private const uint OfAllocated = 1;

    /// <summary>32 bits, because the kernel keeps no more; 0 for the root, because the kernel demands it.</summary>
    internal static uint Of(ulong nodeId, in Resolved resolved)
    {
        if (nodeId == NodeTable.RootId)
            return 0;
        if (InodeNumber.IsAllocated(nodeId))
            return OfAllocated;
        ulong birth = (ulong)resolved.Birth.Seconds * 1_000_000_000 + (ulong)resolved.Birth.Nanoseconds;
        return (uint)((birth * 0x9E37_79B9_7F4A_7C15) >> 32) | OfAllocated;
    }
}
