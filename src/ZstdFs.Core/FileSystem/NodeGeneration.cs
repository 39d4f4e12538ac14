using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// What tells two files apart that had the same inode number one after the other; it is part of a file handle. A number from the allocator is never given again. One of
/// the source's own, as folders have, may be: then the time of birth is another.
/// </summary>
internal static class NodeGeneration
{
    private const uint OfAllocated = 1;

    /// <summary>32 bits, as the kernel keeps; 0 for the root, as it demands.</summary>
    internal static uint Of(ulong nodeId, in Resolved resolved)
    {
        if (nodeId == NodeTable.RootId)
            return 0;
        if (StateFolder.IsAllocated(nodeId))
            return OfAllocated;
        ulong birth = (ulong)resolved.Birth.Seconds * 1_000_000_000 + (ulong)resolved.Birth.Nanoseconds;
        return (uint)((birth * 0x9E37_79B9_7F4A_7C15) >> 32) | OfAllocated;
    }
}
