using System.Buffers.Binary;

namespace ZstdFs.Linux;

/// <summary>
/// The attributes that chattr(1) sets (FS_IOC_GETFLAGS, FS_IOC_SETFLAGS). Results below zero are −errno; −ENOTTY or
/// −EOPNOTSUPP where the file system has none.
/// </summary>
public static class InodeFlags
{
    /// <summary>FS_IOC_GETFLAGS.</summary>
    public const uint GetCommand = 0x80086601;
    /// <summary>FS_IOC_SETFLAGS.</summary>
    public const uint SetCommand = 0x40086602;

    /// <summary>
    /// FS_IOC_FSGETXATTR: <c>struct fsxattr</c>, which says the same and more. Linux asks for it before it sets flags.
    /// </summary>
    public const uint GetExtendedCommand = 0x801c581f;
    /// <summary>FS_IOC_FSSETXATTR.</summary>
    public const uint SetExtendedCommand = 0x401c5820;
    /// <summary>Bytes of <c>struct fsxattr</c>.</summary>
    public const int ExtendedBytes = 28;
    private const int ProjectOffset = 12; // fsx_projid, 32 bits

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

    /// <summary>Flags that describe a file's content and use, and do not keep a process from changing it.</summary>
    public const uint Harmless = Synchronous | NoDump | NoAccessTime;

    /// <summary>FS_XFLAG_IMMUTABLE, in the first four bytes of <c>struct fsxattr</c>.</summary>
    public const uint ExtendedImmutable = 0x8;
    /// <summary>FS_XFLAG_APPEND.</summary>
    public const uint ExtendedAppendOnly = 0x10;

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
    public static int GetExtended(FileDescriptor file, Span<byte> result) =>
        Math.Min(SystemCallsFile.IoControl(file, GetExtendedCommand, result), 0);

    /// <summary>Sets the flags.</summary>
    public static int Set(FileDescriptor file, uint flags)
    {
        Span<byte> argument = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteUInt64LittleEndian(argument, flags);
        return Math.Min(SystemCallsFile.IoControl(file, SetCommand, argument), 0);
    }

    /// <summary>Sets what <c>struct fsxattr</c> says.</summary>
    public static int SetExtended(FileDescriptor file, ReadOnlySpan<byte> value)
    {
        Span<byte> argument = stackalloc byte[ExtendedBytes];
        value[..ExtendedBytes].CopyTo(argument);
        return Math.Min(SystemCallsFile.IoControl(file, SetExtendedCommand, argument), 0);
    }

    /// <summary>
    /// The second file gets the <see cref="Harmless"/> flags of the first. Returns 0 also where the file system has
    /// none.
    /// </summary>
    public static int CopyHarmless(FileDescriptor from, FileDescriptor to)
    {
        if (Get(from, out uint flags) < 0 || (flags & Harmless) == 0 || Get(to, out uint own) < 0)
            return 0;
        uint wanted = own | flags & Harmless;
        return wanted == own ? 0 : Set(to, wanted);
    }

    /// <summary>
    /// The second file gets the project id of the first, by which the kernel counts quotas. A folder that hands its
    /// project id down takes, by rename and link, only files with the same id (EXDEV otherwise). Returns 0 also where
    /// the file system has none.
    /// </summary>
    public static int CopyProject(FileDescriptor from, FileDescriptor to)
    {
        Span<byte> wanted = stackalloc byte[ExtendedBytes], present = stackalloc byte[ExtendedBytes];
        if (GetExtended(from, wanted) < 0 || GetExtended(to, present) < 0)
            return 0;
        Span<byte> project = wanted.Slice(ProjectOffset, sizeof(uint)),
            own = present.Slice(ProjectOffset, sizeof(uint));
        if (project.SequenceEqual(own))
            return 0;
        project.CopyTo(own);
        return SetExtended(to, present);
    }
}
