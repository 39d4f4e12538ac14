using System.Buffers;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>Owner, mode, project, extended attributes and ACLs of a stored file, which its next version takes over.</summary>
internal static class StoredAttributes
{
    private const int LongestListBytes = 65536; // the kernel's limit for a list and for a value

    internal static NativeName Capabilities => new("security.capability\0"u8);

    /// <summary>Copies everything but our own record. Capabilities may be later than the content; who may not set them leaves them behind.</summary>
    internal static int Copy(FileDescriptor from, FileDescriptor to, in Statx old)
    {
        int result = SystemCallsFile.ChangeOwner(to, old.UserId, old.GroupId);
        // Who may not set it (in a user namespace) rewrites the file in place, where no rename needs it.
        _ = InodeFlags.CopyProject(from, to);
        if (result >= 0)
            result = CopyExtended(from, to);
        return result < 0 ? result : SystemCallsFile.ChangeMode(to, (uint)(old.Mode & 0xFFF));
    }

    private static int CopyExtended(FileDescriptor from, FileDescriptor to)
    {
        byte[] names = ArrayPool<byte>.Shared.Rent(LongestListBytes), value = ArrayPool<byte>.Shared.Rent(LongestListBytes);
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
                if (name.Bytes.SequenceEqual(SizeRecord.AttributeName.Bytes) || name.Bytes.SequenceEqual(SizeRecord.ForeignAttributeName.Bytes))
                    continue;
                int bytes = ExtendedAttributes.Get(from, name, value.AsSpan(0, LongestListBytes));
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
