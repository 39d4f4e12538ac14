using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Attributes;

/// <summary>
/// Access times of files that users read. The daemon reads the source with O_NOATIME, so that its own work moves none.
/// When a user reads a file, the daemon reads one byte of the stored file without O_NOATIME. The source's file system
/// then moves the time by its own rule, in memory, and writes it lazily. utimensat(2) would move the change time too.
/// </summary>
internal sealed class AccessTimes
{
    private const long DaySeconds = 24 * 60 * 60;

    private readonly bool _areKept;

    internal AccessTimes(SourceTree source, bool isAsked, bool areStrict)
    {
        bool isKeptBelow = SystemCallsFile.StatFileSystem(source.Root, out StatFs statistics) < 0
            || (statistics.Flags & StatFs.NoAccessTime) == 0;
        _areKept = isAsked && isKeptBelow && !source.ReadOnly;
        AreStrict = areStrict;
    }

    /// <summary>Each read moves the time, and not only the first one of a handle.</summary>
    internal bool AreStrict { get; }

    /// <summary>Whether a read through a handle may move the time.</summary>
    /// <param name="flags">Those with which the handle was opened.</param>
    internal bool AreMovedBy(int flags) => _areKept && (flags & OpenFlags.NoAccessTime) == 0;

    /// <summary>Moves a file's time, where that is due. True where it moved.</summary>
    internal bool Move(FileDescriptor file)
    {
        if (!AreStrict && (SystemCallsAt.Stat(file, out Statx stat) < 0 || !IsDue(stat)))
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
