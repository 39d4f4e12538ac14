using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Attributes;

/// <summary>
/// Access times of files that users read. The daemon reads the source with O_NOATIME, so that its own work moves none.
/// When a user reads a file and the time is due, the daemon reads one byte of the stored file without O_NOATIME. The
/// source's file system then moves the time in memory, and writes it lazily. utimensat(2) would move the change time
/// too.
/// </summary>
internal sealed class AccessTimes : IDisposable
{
    private const long DaySeconds = 24 * 60 * 60;

    private readonly SourceTree _source;
    private readonly bool _areKeptBelow;
    private readonly bool _isSourceStrict;

    // The source's own mount would move a time by the stored file's times, and what was written is not in there before
    // the commit. Through this copy of the mount each read moves the time. Null where the kernel gives none: to
    // ordinary users, and before Linux 5.12.
    private readonly FileDescriptor? _strict;

    private volatile AccessTimeRule _rule;

    internal AccessTimes(SourceTree source, FileSystemOptions options)
    {
        _source = source;
        _areKeptBelow = !source.ReadOnly && (SystemCallsFile.StatFileSystem(source.Root, out StatFs statistics) < 0
            || (statistics.Flags & StatFs.NoAccessTime) == 0);
        _rule = !options.KeepsAccessTimes ? AccessTimeRule.None
            : options.HasStrictAccessTimes ? AccessTimeRule.Strict : AccessTimeRule.Relative;
        _isSourceStrict = options.HasStrictAccessTimes;
        if (_areKeptBelow && Credentials.IsRoot
            && MountCalls.WithStrictAccessTimes(source.Root, withMountsBelow: false, out FileDescriptor strict) >= 0)
            _strict = strict;
    }

    /// <summary>Each read moves the time, and not only the first one of a handle.</summary>
    internal bool AreStrict => _rule == AccessTimeRule.Strict && (_isSourceStrict || _strict is not null);

    /// <summary>No read moves a time at this moment.</summary>
    internal bool AreStill => _rule == AccessTimeRule.None;

    /// <summary>Whether a read through a handle may move the time.</summary>
    /// <param name="flags">Those with which the handle was opened.</param>
    internal bool AreMovedBy(int flags) => _areKeptBelow && (flags & OpenFlags.NoAccessTime) == 0;

    /// <summary>The mount was remounted with these MS_* flags.</summary>
    internal void NoteMountFlags(ulong flags) => _rule =
        (flags & (MountCalls.ReadOnly | MountCalls.NoAtime)) != 0 ? AccessTimeRule.None
        : (flags & MountCalls.StrictAtime) != 0 ? AccessTimeRule.Strict
        : AccessTimeRule.Relative;

    /// <summary>Moves a file's time, where that is due. True where it moved.</summary>
    /// <param name="file">The file in the source.</param>
    /// <param name="shown">Its attributes, with the times that users see.</param>
    internal bool Move(FileDescriptor file, in Statx shown)
    {
        if (AreStill || !AreStrict && !IsDue(shown))
            return false;
        const int Flags = OpenFlags.ReadOnly | OpenFlags.NonBlocking;
        FileDescriptor read = null!;
        bool isOpen = _strict is not null && shown.Device == _source.RootStat.Device
            && SystemCallsAt.ReopenIn(_strict, file, Flags, out read) >= 0;
        if (!isOpen && SystemCallsAt.Reopen(file, Flags, out read) < 0)
            return false;
        using (read)
            return SystemCallsFile.Read(read, 0, stackalloc byte[1]) > 0;
    }

    private static bool IsDue(in Statx shown)
    {
        Timestamp read = shown.AccessTime.ToTimestamp();
        return read <= shown.ModifyTime.ToTimestamp() || read <= shown.ChangeTime.ToTimestamp()
            || Timestamp.Now().Seconds - read.Seconds >= DaySeconds;
    }

    public void Dispose() => _strict?.Dispose();

    private enum AccessTimeRule
    {
        /// <summary>No read moves a time.</summary>
        None,
        /// <summary>A read moves one that is not later than the file's last change, or a day old.</summary>
        Relative,
        /// <summary>Each read moves one.</summary>
        Strict,
    }
}
