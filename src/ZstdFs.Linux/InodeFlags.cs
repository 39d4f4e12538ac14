using System.Buffers.Binary;

namespace ZstdFs.Linux;

/// <summary>The attributes that chattr(1) sets (FS_IOC_GETFLAGS, FS_IOC_SETFLAGS). Results below zero are −errno; −ENOTTY or −EOPNOTSUPP where the file system has none.</summary>
public static class InodeFlags
{
    /// <summary>FS_IOC_GETFLAGS.</summary>
    public const uint GetCommand = 0x80086601;
    /// <summary>FS_IOC_SETFLAGS.</summary>
    public const uint SetCommand = 0x40086602;

    /// <summary>FS_IOC_FSGETXATTR: <c>struct fsxattr</c>, which says the same and more. Linux asks for it before it sets flags.</summary>
    public const uint GetExtendedCommand = 0x801c581f;
    /// <summary>Bytes of <c>struct fsxattr</c>.</summary>
    public const int ExtendedBytes = 28;

    /// <summary>FS_SYNC_FL.</summary>
    public const uint Synchronous = 0x8;
    /// <summary>FS_IMMUTABLE_FL: nothing about the file can be changed.</summary>
    public const uint Immutable = 0x10;
    /// <summary>FS_APPEND_FL: it can only grow.</summary>
    public const uint AppendOnly = 0x20;
    /// <summary>FS_NODUMP_FL.</summary>
    public const uint NoDump = 0x40;
    /// <summary>FS_NOATIME_FL.</summary>
    public const uint NoAccessTime = 0x80;

    /// <summary>Reads the flags. The file must be open, not only as a path.</summary>
    public static int Get(FileDescriptor file, out uint flags)
    {
        Span<byte> argument = stackalloc byte[sizeof(long)];
        argument.Clear();
        int result = SystemCallsFile.IoControl(file, GetCommand, argument);
        flags = BinaryPrimitives.ReadUInt32LittleEndian(argument);
        return Math.Min(result, 0);
    }

    /// <summary>Reads the <c>struct fsxattr</c>, of <see cref="ExtendedBytes"/>.</summary>
    public static int GetExtended(FileDescriptor file, Span<byte> result) => Math.Min(SystemCallsFile.IoControl(file, GetExtendedCommand, result), 0);

    /// <summary>Sets the flags.</summary>
    public static int Set(FileDescriptor file, uint flags)
    {
        Span<byte> argument = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteUInt64LittleEndian(argument, flags);
        return Math.Min(SystemCallsFile.IoControl(file, SetCommand, argument), 0);
    }
}
