using ZstdFs.Core.Inodes;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// Stored files that are immutable or append-only. Our writes go to a working copy, where the source cannot refuse
/// them: so they are refused here. A commit must replace an append-only file all the same: the mark is about the
/// content, and not about the stored form.
/// </summary>
internal static class ProtectedFile
{
    private const uint Kept = InodeFlags.Harmless | InodeFlags.AppendOnly;

    /// <summary>Whether a file may be opened for writing. 0 or −EPERM.</summary>
    internal static int CheckWrite(in Statx stored, bool appends) =>
        stored.IsImmutable || stored.IsAppendOnly && !appends ? -(int)Errno.EPERM : 0;

    /// <summary>Whether the open file may get another length.</summary>
    internal static int CheckTruncate(FileContent content) =>
        TryStat(content, out Statx stat) ? CheckWrite(stat, appends: false) : 0;

    /// <summary>Whether fallocate(2) may do this to the open file.</summary>
    internal static int CheckAllocate(FileContent content, uint mode) =>
        TryStat(content, out Statx stat) ? CheckWrite(stat, appends: (mode & ~AllocateFlags.KeepSize) == 0) : 0;

    private static bool TryStat(FileContent content, out Statx stat)
    {
        stat = default;
        bool isOpen = content.TryRentBase(out DescriptorLease stored);
        using (stored)
            return isOpen && SystemCallsAt.Stat(stored.Descriptor, out stat) >= 0;
    }

    /// <summary>The flags of a stored file that is about to be replaced.</summary>
    internal readonly record struct Mark(int Result, uint Flags, bool AppendsOnly);

    /// <summary>
    /// Called before the stored file is replaced. The source lets no append-only file be replaced, so its mark is taken
    /// off for that moment.
    /// </summary>
    internal static Mark Lift(FileDescriptor old, in Statx oldStat)
    {
        if (InodeFlags.Get(old, out uint flags) < 0)
            return default;
        bool appendsOnly = oldStat.IsAppendOnly;
        return new Mark(
            appendsOnly ? InodeFlags.Set(old, flags & ~InodeFlags.AppendOnly) : 0, flags & Kept, appendsOnly);
    }

    /// <summary>
    /// Called after that. The next version gets those flags of the old one that are about the file, and not about how
    /// it is stored. A file that was not replaced gets its append-only mark back.
    /// </summary>
    internal static void PutBack(in Mark mark, FileDescriptor old, FileDescriptor next, bool isReplaced)
    {
        if (mark.Flags == 0 || !isReplaced && !mark.AppendsOnly)
            return;
        FileDescriptor holder = isReplaced ? next : old;
        if (InodeFlags.Get(holder, out uint own) >= 0)
            _ = InodeFlags.Set(holder, own | mark.Flags);
    }
}
