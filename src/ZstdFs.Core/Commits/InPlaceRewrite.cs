using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// Gives a stored file that a rename must not replace, such as one with several names, new content in place: all bytes
/// of a finished version, whatever the file holds. The rewrite can be repeated until it has worked, by a later mount
/// too. So attributes of the version keep what it needs.
/// </summary>
/// <param name="services">Shared services.</param>
/// <param name="inodeNumber">The file's number.</param>
/// <param name="logicalBytes">Length of the version's content.</param>
/// <param name="modifyTime">Modification time of that content.</param>
/// <param name="changeTime">The change time that users go on seeing.</param>
/// <param name="birth">When the logical file was made.</param>
internal sealed class InPlaceRewrite(
    StorageServices services, ulong inodeNumber, long logicalBytes, Timestamp modifyTime, Timestamp changeTime,
    Timestamp birth)
{
    /// <summary>
    /// The file is append-only. Its mark was taken off for the rewrite, which gives it back before it synchronises the
    /// file.
    /// </summary>
    internal bool AppendsOnly { get; init; }

    /// <summary>End of the window of the record that was written last.</summary>
    internal long WindowEnd { get; private set; }

    /// <summary>
    /// Notes on the finished version which stored file it is for. The note has the form of a working copy's record,
    /// whose base is the target.
    /// </summary>
    internal int Describe(FileDescriptor version, in Statx target, ReadOnlySpan<byte> path)
    {
        var record = new WorkingCopyRecord
        {
            InodeNumber = inodeNumber,
            Base = StoredIdentity.Of(target),
            BaseLimit = logicalBytes,
            ModifyTime = modifyTime,
            ChangeTime = changeTime
        };
        Span<byte> bytes = stackalloc byte[WorkingCopyRecord.Bytes];
        record.Write(bytes);
        int result = ExtendedAttributes.Set(version, WorkingCopyRecord.AttributeName, bytes, 0);
        // The path is a hint only.
        if (result >= 0)
            _ = ExtendedAttributes.Set(version, WorkingCopyRecord.PathAttributeName, path, 0);
        return result == -(int)Errno.EOPNOTSUPP ? 0 : result;
    }

    /// <summary>
    /// Reserves the space that the target will need: to run out of it half-way would leave neither version. A file
    /// system that shares extents needs none for the copy, and one that cannot reserve does without. The modification
    /// time stays as it was.
    /// </summary>
    internal static int Reserve(FileDescriptor version, FileDescriptor target, in Statx old)
    {
        int result = SystemCallsAt.Stat(version, out Statx from);
        if (result >= 0 && from.Size > 0)
            result = SystemCallsFile.Allocate(target, AllocateFlags.KeepSize, 0, from.Size);
        if (result == -(int)Errno.ENOSPC || result == -(int)Errno.EDQUOT)
            _ = SystemCallsFile.Truncate(target, old.Size);
        _ = SystemCallsFile.SetTimes(target, Timestamp.Omit, old.ModifyTime.ToTimestamp());
        return result == -(int)Errno.EOPNOTSUPP ? 0 : result;
    }

    /// <summary>Where the file has no record, marks the file itself as written by this program.</summary>
    private static int Mark(FileDescriptor version, FileDescriptor target, in Statx stat)
    {
        int result = OwnMark.Add(target, stat.InodeNumber);
        // The write took set-id bits and capabilities away.
        if (result >= 0)
            result = StoredAttributes.PutBackPrivileges(version, target);
        return result < 0 ? result : SystemCallsFile.SetTimes(target, Timestamp.Omit, stat.ModifyTime.ToTimestamp());
    }

    /// <summary>
    /// Copies the version into the target, gives back the set-id bits and capabilities that the writes took away, and
    /// makes the target durable. <paramref name="stat"/> then shows the target.
    /// </summary>
    internal int Run(FileDescriptor version, FileDescriptor target, out Statx stat)
    {
        int result = Fill(version, target, out stat);
        if (result >= 0 && AppendsOnly)
            result = AppendOnlyMark.Set(target);
        if (result < 0)
            return result;
        // The record moved the change time, and the mark did.
        if (SystemCallsAt.Stat(target, out Statx written) >= 0)
            stat = written;
        return SystemCallsFile.Synchronize(target);
    }

    private int Fill(FileDescriptor version, FileDescriptor target, out Statx stat)
    {
        stat = default;
        int result = SystemCallsAt.Stat(version, out Statx from);
        if (result >= 0)
            result = SystemCallsFile.CopyRange(version, 0, target, 0, from.Size);
        if (result >= 0)
            result = SystemCallsFile.Truncate(target, from.Size);
        if (result >= 0)
            result = StoredAttributes.PutBackPrivileges(version, target);
        if (result >= 0)
            result = SystemCallsFile.SetTimes(target, Timestamp.Omit, modifyTime);
        if (result >= 0)
            result = SystemCallsAt.Stat(target, out stat);
        if (result < 0)
            return result;
        SizeRecord record = services.Source.Devices.RecordFor(stat, inodeNumber, logicalBytes, birth);
        long windowEnd = 0;
        // A number that the source gave goes into no record.
        result = InodeNumber.IsAllocated(inodeNumber)
            ? SourceTree.WriteRecord(target, record with { ChangeTime = changeTime }, out windowEnd)
            : -(int)Errno.EOPNOTSUPP;
        WindowEnd = windowEnd;
        services.Closed.KeepIfClosed(stat, record with { ChangeTime = changeTime });
        // The record may have found no room beside the users' attributes. What counts is the content, which is there.
        if (result == -(int)Errno.EOPNOTSUPP || RecordRoom.IsFull(result))
        {
            services.Source.Numbers.NoteReplaced(stat, stat, inodeNumber);
            if (services.State is { KeepsRecords: true } && (result = Mark(version, target, stat)) < 0)
                return result;
        }
        else if (result < 0)
            return result;
        return 0;
    }
}
