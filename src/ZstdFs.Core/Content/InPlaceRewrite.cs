using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// A stored file with several names gets new content in place: all of a finished version's bytes, whatever is there. It can be repeated until it has
/// worked, by a later mount too, so what it needs is kept in attributes of the version.
/// </summary>
internal sealed class InPlaceRewrite(ContentServices services, ulong inodeNumber, long logicalBytes, Timestamp modifyTime, Timestamp changeTime, Timestamp birth)
{
    /// <summary>End of the window of the record that was written last.</summary>
    internal long WindowEnd { get; private set; }

    /// <summary>Writes down on the finished version which stored file it is for. The working copy's record serves: its base is the target.</summary>
    internal int Describe(FileDescriptor version, in Statx target, ReadOnlySpan<byte> path)
    {
        var record = new WorkingCopyRecord { InodeNumber = inodeNumber, Base = StoredIdentity.Of(target), BaseLimit = logicalBytes, ModifyTime = modifyTime, ChangeTime = changeTime };
        Span<byte> bytes = stackalloc byte[WorkingCopyRecord.Bytes];
        record.Write(bytes);
        int result = ExtendedAttributes.Set(version, WorkingCopyRecord.AttributeName, bytes, 0);
        // The path is a hint only.
        if (result >= 0)
            _ = ExtendedAttributes.Set(version, WorkingCopyRecord.PathAttributeName, path, 0);
        return result == -(int)Errno.EOPNOTSUPP ? 0 : result;
    }

    /// <summary>
    /// Takes the space that the target will need: running out of it half-way would leave neither version. Where the file system shares extents, or cannot reserve, the copy
    /// needs none or must do without. The modification time stays as it was.
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

    /// <summary>In the record's place the file itself says that it was written here.</summary>
    private static int Mark(FileDescriptor version, FileDescriptor target, in Statx stat)
    {
        int result = OwnMark.Add(target, stat.InodeNumber);
        // Writing took them away.
        if (result >= 0)
            result = StoredAttributes.PutBackPrivileges(version, target);
        return result < 0 ? result : SystemCallsFile.SetTimes(target, Timestamp.Omit, stat.ModifyTime.ToTimestamp());
    }

    /// <summary>
    /// Copies the version into the target, gives back what its writes take away, and makes it durable. <paramref name="stat"/> is the target then, but for its change time.
    /// </summary>
    internal int Run(FileDescriptor version, FileDescriptor target, out Statx stat)
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
        // No record holds a number that the source gave.
        result = StateFolder.IsAllocated(inodeNumber)
            ? SourceTree.WriteRecord(target, record with { ChangeTime = changeTime }, out windowEnd)
            : -(int)Errno.EOPNOTSUPP;
        WindowEnd = windowEnd;
        // It may have found no room beside the users' attributes. The content is what counts: it is there by now.
        if (result == -(int)Errno.EOPNOTSUPP || RecordRoom.IsFull(result))
        {
            services.Source.Numbers.NoteReplaced(stat, stat, inodeNumber);
            if (services.State is { KeepsRecords: true } && (result = Mark(version, target, stat)) < 0)
                return result;
        }
        else if (result < 0)
            return result;
        // The record moved the change time.
        if (SystemCallsAt.Stat(target, out Statx written) >= 0)
            stat = written;
        return SystemCallsFile.Synchronize(target);
    }
}
