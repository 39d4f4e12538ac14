using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_statx</c>: what statx(2) shows. 256 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
public struct FuseStatx
{
    /// <summary>STATX_* bits that are filled.</summary>
    public uint Mask;
    /// <summary>Preferred I/O size in bytes.</summary>
    public uint Blksize;
    /// <summary>STATX_ATTR_* bits that are set.</summary>
    public ulong Attributes;
    /// <summary>Number of hard links.</summary>
    public uint Nlink;
    /// <summary>Owner.</summary>
    public uint Uid;
    /// <summary>Group.</summary>
    public uint Gid;
    /// <summary>Type and permission bits.</summary>
    public ushort Mode;
    /// <summary>Padding.</summary>
    public ushort Spare0;
    /// <summary>Inode number.</summary>
    public ulong Ino;
    /// <summary>Length in bytes.</summary>
    public ulong Size;
    /// <summary>Allocated space in units of 512 bytes.</summary>
    public ulong Blocks;
    /// <summary>STATX_ATTR_* bits that the file system knows.</summary>
    public ulong AttributesMask;
    /// <summary>Last access.</summary>
    public FuseSxTime Atime;
    /// <summary>Birth.</summary>
    public FuseSxTime Btime;
    /// <summary>Last attribute change.</summary>
    public FuseSxTime Ctime;
    /// <summary>Last content change.</summary>
    public FuseSxTime Mtime;
    /// <summary>Device node's major number.</summary>
    public uint RdevMajor;
    /// <summary>Device node's minor number.</summary>
    public uint RdevMinor;
    /// <summary>Unused: the kernel fills its own.</summary>
    public uint DevMajor;
    /// <summary>Unused: the kernel fills its own.</summary>
    public uint DevMinor;
}
