using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_open_in</c>: OPEN and OPENDIR. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseOpenIn
{
    internal int Flags;
    internal uint OpenFlags;

    /// <summary>FUSE_OPEN_KILL_SUIDGID.</summary>
    internal readonly bool KillSuidSgid => (OpenFlags & 1) != 0;
}

/// <summary><c>struct fuse_create_in</c>: CREATE and TMPFILE, before the name. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseCreateIn
{
    internal int Flags;
    internal uint Mode;
    internal uint Umask;
    internal uint OpenFlags;
}

/// <summary><c>struct fuse_read_in</c>: READ, READDIR and READDIRPLUS. 40 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 40)]
internal struct FuseReadIn
{
    internal ulong Handle;
    internal ulong Offset;
    internal uint Size;
    internal uint ReadFlags;
    internal ulong LockOwner;
    internal uint Flags;
}

/// <summary><c>struct fuse_write_in</c>, before the data. 40 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 40)]
internal struct FuseWriteIn
{
    internal ulong Handle;
    internal ulong Offset;
    internal uint Size;
    internal WriteFlags WriteFlags;
    internal ulong LockOwner;
    internal uint Flags;
}

/// <summary><c>struct fuse_write_out</c>: WRITE and COPY_FILE_RANGE. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseWriteOut
{
    internal uint Size;
}

/// <summary><c>struct fuse_release_in</c>. 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct FuseReleaseIn
{
    internal ulong Handle;
    internal int Flags;
    internal uint ReleaseFlags;
    internal ulong LockOwner;
}

/// <summary><c>struct fuse_flush_in</c>. 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct FuseFlushIn
{
    internal ulong Handle;
    internal uint Unused;
    internal uint Padding;
    internal ulong LockOwner;
}

/// <summary><c>struct fuse_fsync_in</c>: FSYNC and FSYNCDIR. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseFsyncIn
{
    internal ulong Handle;
    internal uint FsyncFlags;

    /// <summary>FUSE_FSYNC_FDATASYNC.</summary>
    internal readonly bool DataOnly => (FsyncFlags & 1) != 0;
}

/// <summary><c>struct fuse_fallocate_in</c>. 32 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal struct FuseFallocateIn
{
    internal ulong Handle;
    internal ulong Offset;
    internal ulong Length;
    internal uint Mode;
}

/// <summary><c>struct fuse_lseek_in</c>; the answer, <c>fuse_lseek_out</c>, is one 64-bit offset. 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct FuseLseekIn
{
    internal ulong Handle;
    internal ulong Offset;
    internal uint Whence;
}

/// <summary><c>struct fuse_copy_file_range_in</c>. 56 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 56)]
internal struct FuseCopyFileRangeIn
{
    internal ulong HandleIn;
    internal ulong OffsetIn;
    internal ulong NodeOut;
    internal ulong HandleOut;
    internal ulong OffsetOut;
    internal ulong Length;
    internal ulong Flags;
}

/// <summary><c>struct fuse_ioctl_in</c>, before the caller's data. 32 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal struct FuseIoctlIn
{
    internal ulong Handle;
    internal uint Flags;
    internal uint Command;
    internal ulong Argument;
    internal uint InSize;
    internal uint OutSize;
}

/// <summary><c>struct fuse_ioctl_out</c>, before what the caller gets back. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseIoctlOut
{
    internal int Result;
    internal uint Flags;
    internal uint InVectors;
    internal uint OutVectors;
}

/// <summary><c>struct fuse_poll_in</c>. 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct FusePollIn
{
    internal ulong Handle;
    internal ulong KernelHandle;
    internal uint Flags;
    internal uint Events;
}

/// <summary><c>struct fuse_poll_out</c>. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FusePollOut
{
    internal uint ReadyEvents;
}

/// <summary><c>struct fuse_interrupt_in</c>. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseInterruptIn
{
    internal ulong Unique;
}

/// <summary><c>struct fuse_syncfs_in</c>: padding. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseSyncfsIn;
