using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// A stored file with several names gets new content in place: all of a finished version's bytes, whatever is there. It can be repeated until it has
/// worked, by a later mount too, so what it needs is kept in attributes of the version.
/// </summary>
internal sealed class InPlaceRewrite(ContentServices services, ulong inodeNumber, long logicalBytes, Timestamp modifyTime, Timestamp birth)
{
    /// <summary>Writes down on the finished version which stored file it is for. The working copy's record serves: its base is the target.</summary>
    internal int Describe(FileDescriptor version, in Statx target, ReadOnlySpan<byte> path)
    {
        var record = new WorkingCopyRecord { InodeNumber = inodeNumber, Base = StoredIdentity.Of(target), BaseLimit = logicalBytes, ModifyTime = modifyTime };
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
    /// needs none or must do without.
    /// </summary>
    internal static int Reserve(FileDescriptor version, FileDescriptor target, in Statx old)
    {
        int result = SystemCallsAt.Stat(version, out Statx from);
        if (result >= 0 && from.Size > 0)
            result = SystemCallsFile.Allocate(target, AllocateFlags.KeepSize, 0, from.Size);
        if (result == -(int)Errno.ENOSPC || result == -(int)Errno.EDQUOT)
            _ = SystemCallsFile.Truncate(target, old.Size);
        return result == -(int)Errno.EOPNOTSUPP ? 0 : result;
    }

    /// <summary>Copies the version into the target and makes it durable.</summary>
    internal int Run(FileDescriptor version, FileDescriptor target)
    {
        int result = SystemCallsAt.Stat(version, out Statx from);
        if (result >= 0)
            result = SystemCallsFile.CopyRange(version, 0, target, 0, from.Size);
        if (result >= 0)
            result = SystemCallsFile.Truncate(target, from.Size);
        if (result >= 0)
            result = SystemCallsFile.SetTimes(target, Timestamp.Omit, modifyTime);
        Statx stat = default;
        if (result >= 0)
            result = SystemCallsAt.Stat(target, out stat);
        if (result < 0)
            return result;
        result = SourceTree.WriteRecord(target, services.Source.Devices.RecordFor(stat, inodeNumber, logicalBytes, birth));
        if (result == -(int)Errno.EOPNOTSUPP)
            services.Inspector.NoteReplaced(stat, stat, inodeNumber);
        else if (result < 0)
            return result;
        return SystemCallsFile.Synchronize(target);
    }
}
