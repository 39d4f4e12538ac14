using System.Buffers;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>
/// Owner, mode, project, extended attributes and ACLs of a stored file, which its next version takes over.
/// </summary>
internal static class StoredAttributes
{
    private const int LongestListBytes = 65536; // the kernel's limit for a list and for a value

    private const uint SetIdBits = 0xC00;

    internal static NativeName Capabilities => new("security.capability\0"u8);

    /// <summary>
    /// Copies everything but our own record, for which it takes room first. Capabilities may have been set after the
    /// content was written, so they are copied too. A daemon that may not set them leaves them behind.
    /// </summary>
    internal static int Copy(FileDescriptor from, FileDescriptor to, in Statx old)
    {
        int result = SystemCallsFile.ChangeOwner(to, old.UserId, old.GroupId);
        // In a user namespace the daemon may not set it. Then it rewrites the file in place, which needs no rename.
        _ = InodeFlags.CopyProject(from, to);
        if (result >= 0)
            result = RecordRoom.Take(to);
        if (result >= 0)
            result = CopyExtended(from, to);
        if (RecordRoom.IsFull(result) && RecordRoom.TryGiveUp(to))
            result = CopyExtended(from, to);
        return result < 0 ? result : SystemCallsFile.ChangeMode(to, (uint)(old.Mode & 0xFFF));
    }

    /// <summary>
    /// The kernel takes capabilities away at every write, the daemon's too, and set-id bits where the daemon is not
    /// root.
    /// </summary>
    internal static bool LosesToAWrite(FileDescriptor stored) =>
        ExtendedAttributes.Get(stored, Capabilities, default) > 0
        || !Credentials.IsRoot && SystemCallsAt.Stat(stored, out Statx stat) >= 0 && (stat.Mode & SetIdBits) != 0;

    /// <summary>
    /// Keeps on the version what the kernel takes away when the stored file is written to. Called before the first
    /// write; <see cref="PutBackPrivileges"/> gives it back, in this mount or the next.
    /// </summary>
    internal static int CopyPrivileges(FileDescriptor stored, FileDescriptor version)
    {
        int result = SystemCallsAt.Stat(stored, out Statx stat);
        if (result >= 0)
            result = SystemCallsFile.ChangeMode(version, stat.Mode & 0xFFFu);
        return result < 0 ? result : CopyCapabilities(stored, version);
    }

    /// <summary>Called after the writes. It only adds bits: the version of an earlier program keeps none.</summary>
    internal static int PutBackPrivileges(FileDescriptor version, FileDescriptor stored)
    {
        int result = SystemCallsAt.Stat(version, out Statx kept);
        Statx now = default;
        if (result >= 0)
            result = SystemCallsAt.Stat(stored, out now);
        uint lost = kept.Mode & SetIdBits & ~(uint)now.Mode;
        if (result >= 0 && lost != 0)
            result = SystemCallsFile.ChangeMode(stored, now.Mode & 0xFFFu | lost);
        return result < 0 ? result : CopyCapabilities(version, stored);
    }

    private static int CopyCapabilities(FileDescriptor from, FileDescriptor to)
    {
        const int LongestBytes = 64; // struct vfs_ns_cap_data has 24
        Span<byte> value = stackalloc byte[LongestBytes];
        int bytes = ExtendedAttributes.Get(from, Capabilities, value);
        if (bytes <= 0)
            return PassingFault.Is(bytes) ? bytes : 0;
        int result = ExtendedAttributes.Set(to, Capabilities, value[..bytes], 0);
        // A daemon that may not set them leaves them behind.
        return result == -(int)Errno.EPERM ? 0 : result;
    }

    private static int CopyExtended(FileDescriptor from, FileDescriptor to)
    {
        byte[] names = ArrayPool<byte>.Shared.Rent(LongestListBytes),
            value = ArrayPool<byte>.Shared.Rent(LongestListBytes);
        try
        {
            int length = ExtendedAttributes.List(from, names.AsSpan(0, LongestListBytes));
            if (length < 0)
                return length == -(int)Errno.EOPNOTSUPP ? 0 : length;
            int result = 0;
            for (int at = 0; at < length && result >= 0;)
            {
                int end = Array.IndexOf(names, (byte)0, at) + 1;
                var name = new NativeName(names.AsSpan(at, end - at));
                at = end;
                if (name.Bytes.SequenceEqual(SizeRecord.AttributeName.Bytes)
                    || name.Bytes.SequenceEqual(SizeRecord.ForeignAttributeName.Bytes))
                    continue;
                int bytes = ExtendedAttributes.Get(from, name, value.AsSpan(0, LongestListBytes));
                // Another program has removed it since the list was made.
                if (bytes == -(int)Errno.ENODATA)
                    continue;
                result = bytes < 0 ? bytes : ExtendedAttributes.Set(to, name, value.AsSpan(0, bytes), 0);
                if (result == -(int)Errno.EPERM && name.Bytes.SequenceEqual(Capabilities.Bytes))
                    result = 0;
            }
            return result;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(names);
            ArrayPool<byte>.Shared.Return(value);
        }
    }
}
