using ZstdFs.Fuse;

namespace ZstdFs.Core.KernelCache;

/// <summary>Tells the kernel what it must forget of what it keeps.</summary>
internal sealed class KernelNotices
{
    /// <summary>The way to the kernel; null until the kernel has sent FUSE_INIT.</summary>
    internal FuseNotifier? Notifier { get; set; }

    /// <summary>Makes the kernel ask for the attributes again. It keeps its pages.</summary>
    internal void InvalidateAttributes(ulong nodeId) => _ = Notifier?.InvalidateInode(nodeId, -1, 0);

    /// <summary>Makes the kernel read these bytes again.</summary>
    internal void InvalidatePages(ulong nodeId, long offset, long bytes) =>
        _ = Notifier?.InvalidateInode(nodeId, offset, bytes);
}
