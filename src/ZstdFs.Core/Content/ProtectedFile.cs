using ZstdFs.Core.Inodes;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// Stored files that are immutable or append-only. Our writes go to a working copy, where the source cannot refuse
/// them: so they are refused here.
/// </summary>
internal static class ProtectedFile
{
    /// <summary>
    /// Whether a file may be opened for writing. 0 or −EPERM. What is appended to an append-only file only root's
    /// daemon can store: it takes the mark off for the commit.
    /// </summary>
    internal static int CheckWrite(in Statx stored, bool appends) =>
        stored.IsImmutable || stored.IsAppendOnly && !(appends && Credentials.IsRoot) ? -(int)Errno.EPERM : 0;

    /// <summary>Whether the open file may get another length.</summary>
    internal static int CheckTruncate(FileContent content) =>
        TryStat(content, out Statx stat) ? CheckWrite(stat, appends: false) : 0;

    /// <summary>Whether fallocate(2) may do this to the open file.</summary>
    internal static int CheckAllocate(FileContent content, uint mode) =>
        TryStat(content, out Statx stat) ? CheckWrite(stat, appends: (mode & ~AllocateFlags.KeepSize) == 0) : 0;

    /// <summary>Looks under the node's gate: a commit has an append-only file without its mark for a moment.</summary>
    private static bool TryStat(FileContent content, out Statx stat)
    {
        lock (content.Node.LinksGate)
            return TryStatUnderGate(content, out stat);
    }

    private static bool TryStatUnderGate(FileContent content, out Statx stat)
    {
        stat = default;
        bool isOpen = content.TryRentBase(out DescriptorLease stored);
        using (stored)
            return isOpen && SystemCallsAt.Stat(stored.Descriptor, out stat) >= 0;
    }
}
