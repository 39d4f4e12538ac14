using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// Access times of files that users read. The daemon reads the source with O_NOATIME, so that its own work moves none.
/// When a user reads a file, the daemon reads one byte of the stored file without O_NOATIME. The source's file system
/// then moves the time by its own rule, in memory, and writes it lazily. utimensat(2) would move the change time too.
/// </summary>
internal sealed class AccessTimes
{
    private const long DaySeconds = 24 * 60 * 60;

    private readonly bool _areKept, _areStrict;

    internal AccessTimes(SourceTree source, bool isAsked, bool areStrict)
    {
        bool isKeptBelow = SystemCallsFile.StatFileSystem(source.Root, out StatFs statistics) < 0
            || (statistics.Flags & StatFs.NoAccessTime) == 0;
        _areKept = isAsked && isKeptBelow && !source.ReadOnly;
        _areStrict = areStrict;
    }

    /// <summary>
    /// Notes whether a read through a handle that was just opened may move the time. True where the open itself moved
    /// it: the kernel drops its cached access time only after a READ, so the caller must tell the kernel.
    /// </summary>
    /// <param name="handle">The handle.</param>
    /// <param name="access">What it may do.</param>
    /// <param name="flags">Those of open(2).</param>
    /// <param name="mayReadUnseen">The kernel may answer reads by itself: opening counts as reading.</param>
    internal bool NoteOpened(OpenHandle handle, OpenAccess access, int flags, bool mayReadUnseen)
    {
        handle.MovesAccessTime = _areKept && access != OpenAccess.WriteOnly && (flags & OpenFlags.NoAccessTime) == 0;
        return mayReadUnseen && NoteRead(handle);
    }

    /// <summary>A user read through the handle. True where that moved the time.</summary>
    internal bool NoteRead(OpenHandle handle)
    {
        if (!handle.MovesAccessTime)
            return false;
        handle.MovesAccessTime = _areStrict;
        if (handle is OpenPlainFile plain)
            return Move(plain.File);
        if (handle is not OpenFile file || !file.Content.TryRentBase(out DescriptorLease stored))
            return false;
        using (stored)
            return Move(stored.Descriptor);
    }

    private bool Move(FileDescriptor file)
    {
        if (!_areStrict && (SystemCallsAt.Stat(file, out Statx stat) < 0 || !IsDue(stat)))
            return false;
        if (SystemCallsAt.Reopen(file, OpenFlags.ReadOnly | OpenFlags.NonBlocking, out FileDescriptor read) < 0)
            return false;
        using (read)
            return SystemCallsFile.Read(read, 0, stackalloc byte[1]) > 0;
    }

    private static bool IsDue(in Statx stat)
    {
        Timestamp read = stat.AccessTime.ToTimestamp();
        return read <= stat.ModifyTime.ToTimestamp() || read <= stat.ChangeTime.ToTimestamp()
            || Timestamp.Now().Seconds - read.Seconds >= DaySeconds;
    }
}
