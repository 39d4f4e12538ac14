using ZstdFs.Core.Inodes;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// Stored files that are immutable or append-only. The source does not see our writes, which go to a working copy, so what it would refuse is refused here; and
/// a commit must get past a mark that stands for the content and not for the stored form.
/// </summary>
internal static class ProtectedFile
{
    private const ulong ImmutableAttribute = 0x10, AppendAttribute = 0x20;
    private const uint Kept = InodeFlags.Harmless | InodeFlags.AppendOnly;

    /// <summary>Whether a file may be opened for writing. 0 or −EPERM.</summary>
    internal static int CheckWrite(in Statx stored, bool appends) =>
        (stored.Attributes & ImmutableAttribute) != 0 || IsAppendOnly(stored) && !appends ? -(int)Errno.EPERM : 0;

    internal static bool IsAppendOnly(in Statx stored) => (stored.Attributes & AppendAttribute) != 0;

    /// <summary>Whether the open file may get another length.</summary>
    internal static int CheckTruncate(FileContent content) => TryStat(content, out Statx stat) ? CheckWrite(stat, appends: false) : 0;

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

    /// <summary>Before the stored file is replaced. One that is append-only cannot be: its mark goes for that moment.</summary>
    internal static Mark Lift(FileDescriptor old, in Statx oldStat)
    {
        if (InodeFlags.Get(old, out uint flags) < 0)
            return default;
        bool appendsOnly = IsAppendOnly(oldStat);
        return new Mark(appendsOnly ? InodeFlags.Set(old, flags & ~InodeFlags.AppendOnly) : 0, flags & Kept, appendsOnly);
    }

    /// <summary>After it: the next version has the old one's flags, as far as they say something of the file and not of how it is stored.</summary>
    internal static void PutBack(in Mark mark, FileDescriptor old, FileDescriptor next, bool isReplaced)
    {
        if (mark.Flags == 0 || !isReplaced && !mark.AppendsOnly)
            return;
        FileDescriptor holder = isReplaced ? next : old;
        if (InodeFlags.Get(holder, out uint own) >= 0)
            _ = InodeFlags.Set(holder, own | mark.Flags);
    }
}
