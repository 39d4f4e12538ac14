using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_attr</c>: what stat(2) shows. 88 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 88)]
public struct FuseAttr
{
    /// <summary>st_ino.</summary>
    public ulong Ino;
    /// <summary>Length in bytes.</summary>
    public ulong Size;
    /// <summary>Allocated space in units of 512 bytes.</summary>
    public ulong Blocks;
    /// <summary>Seconds since 1970 of the last access.</summary>
    public long Atime;
    /// <summary>Seconds since 1970 of the last content change.</summary>
    public long Mtime;
    /// <summary>Seconds since 1970 of the last attribute change.</summary>
    public long Ctime;
    /// <summary>Nanoseconds, 0 to 999,999,999.</summary>
    public uint AtimeNsec;
    /// <summary>Nanoseconds, 0 to 999,999,999.</summary>
    public uint MtimeNsec;
    /// <summary>Nanoseconds, 0 to 999,999,999.</summary>
    public uint CtimeNsec;
    /// <summary>Type and permission bits, as st_mode.</summary>
    public uint Mode;
    /// <summary>Number of hard links.</summary>
    public uint Nlink;
    /// <summary>Owner.</summary>
    public uint Uid;
    /// <summary>Group.</summary>
    public uint Gid;
    /// <summary>Device number of a device node, in the kernel's 32-bit encoding.</summary>
    public uint Rdev;
    /// <summary>Preferred I/O size in bytes.</summary>
    public uint Blksize;
    /// <summary>FUSE_ATTR_* flags; 0 here.</summary>
    public uint Flags;
}
