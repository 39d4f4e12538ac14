using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>
/// Copies what belongs to a file besides its content to the file that takes its place: owner, mode, project, flags
/// (chattr), extended attributes, ACLs, times. One thread at a time.
/// </summary>
internal sealed class AttributeCopier
{
    private const int XattrBytes = 64 * 1024; // the kernel's limit for a value, and for a file's list of names

    private readonly byte[] _names = new byte[XattrBytes];
    private readonly byte[] _value = new byte[XattrBytes];

    /// <summary>
    /// Copies everything of <paramref name="from"/>, whose attributes are <paramref name="stat"/>, but our own
    /// attributes and fuse-zstd's. Returns 0; any attribute that cannot be put there is an error. The caller writes
    /// nothing to <paramref name="to"/> afterwards but the record, for which room is kept where there is any.
    /// </summary>
    internal int Copy(FileDescriptor from, in Statx stat, FileDescriptor to, bool keepsRoom)
    {
        int result = SystemCallsAt.Stat(to, out Statx now);
        if (result >= 0 && (now.UserId != stat.UserId || now.GroupId != stat.GroupId))
            result = SystemCallsFile.ChangeOwner(to, stat.UserId, stat.GroupId);
        if (result >= 0)
            result = InodeFlags.CopyProject(from, to);
        if (result >= 0)
            result = InodeFlags.CopyHarmless(from, to);
        if (result >= 0)
            result = RemoveInherited(to, from);
        if (result >= 0 && keepsRoom)
            result = RecordRoom.Take(to);
        if (result >= 0)
            result = CopyXattrs(from, to);
        if (keepsRoom && RecordRoom.IsFull(result) && RecordRoom.TryGiveUp(to))
            result = CopyXattrs(from, to);
        // After the owner: its change takes set-id bits away. After an ACL: its mask is the mode's group bits.
        if (result >= 0)
            result = SystemCallsFile.ChangeMode(to, (uint)(stat.Mode & 0xFFF));
        return result < 0
            ? result
            : SystemCallsFile.SetTimes(to, stat.AccessTime.ToTimestamp(), stat.ModifyTime.ToTimestamp());
    }

    /// <summary>Puts back what a write to <paramref name="to"/> took away: capabilities and set-id bits.</summary>
    internal int PutBackPrivileges(FileDescriptor from, in Statx stat, FileDescriptor to)
    {
        var capabilities = new NativeName("security.capability\0"u8);
        int bytes = ExtendedAttributes.Get(from, capabilities, _value);
        int result = bytes > 0
            ? ExtendedAttributes.Set(to, capabilities, _value.AsSpan(0, bytes), 0)
            : PassingFault.Is(bytes) ? bytes : 0;
        return result < 0 ? result : SystemCallsFile.ChangeMode(to, (uint)(stat.Mode & 0xFFF));
    }

    private int CopyXattrs(FileDescriptor from, FileDescriptor to)
    {
        int length = ExtendedAttributes.List(from, _names);
        if (length is -(int)Errno.EOPNOTSUPP)
            return 0;
        for (int at = 0; at < length;)
        {
            NativeName name = NameAt(ref at);
            // These are about the stored file and not the logical one.
            if (IsOurs(name.Bytes))
                continue;
            int bytes = ExtendedAttributes.Get(from, name, _value);
            // Another program removed it since the list was read.
            if (bytes == -(int)Errno.ENODATA)
                continue;
            if (bytes < 0)
                return bytes;
            int result = ExtendedAttributes.Set(to, name, _value.AsSpan(0, bytes), 0);
            // Some security labels only the kernel sets: one that is equal is right already.
            if (result < 0 && !(name.Bytes.StartsWith("security."u8) && HasSame(to, name, _value.AsSpan(0, bytes))))
                return result;
        }
        return Math.Min(length, 0);
    }

    /// <summary>
    /// The names that docs/file-format.md lists. Any other one is the user's, whatever it begins with.
    /// </summary>
    private static bool IsOurs(ReadOnlySpan<byte> name) => name.SequenceEqual(SizeRecord.AttributeName.Bytes)
        || name.SequenceEqual(SizeRecord.ForeignAttributeName.Bytes)
        || name.SequenceEqual(FullNames.AttributeName.Bytes)
        || name.SequenceEqual(WorkingCopyRecord.AttributeName.Bytes)
        || name.SequenceEqual(WorkingCopyRecord.PathAttributeName.Bytes)
        || name.SequenceEqual(WorkingCopyRecord.ZerosAttributeName.Bytes)
        || name.SequenceEqual("user.zstdfs.tried"u8) || name.SequenceEqual("user.zstdfs.times"u8);

    private static bool HasSame(FileDescriptor file, NativeName name, ReadOnlySpan<byte> expected)
    {
        byte[] value = new byte[XattrBytes];
        int bytes = ExtendedAttributes.Get(file, name, value);
        return bytes >= 0 && value.AsSpan(0, bytes).SequenceEqual(expected);
    }

    /// <summary>A folder's default ACL has given the new file one that the old file may not have.</summary>
    private int RemoveInherited(FileDescriptor to, FileDescriptor from)
    {
        int length = ExtendedAttributes.List(to, _names);
        for (int at = 0; at < length;)
        {
            NativeName name = NameAt(ref at);
            if (name.Bytes.StartsWith("security."u8) || ExtendedAttributes.Get(from, name, default) >= 0)
                continue;
            int result = ExtendedAttributes.Remove(to, name);
            // XFS lists an ACL that says no more than the mode, and has none to remove.
            if (result < 0 && result != -(int)Errno.ENODATA)
                return result;
        }
        return 0;
    }

    private NativeName NameAt(ref int at)
    {
        int end = Array.IndexOf(_names, (byte)0, at) + 1;
        var name = new NativeName(_names.AsSpan(at, end - at));
        at = end;
        return name;
    }
}
