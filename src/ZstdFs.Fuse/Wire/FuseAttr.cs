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

/// <summary><c>struct fuse_entry_out</c>: a name's node, as LOOKUP and the creating ops answer it. 128 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
public struct FuseEntryOut
{
    /// <summary>Node id; 0 with a valid time caches that the name does not exist.</summary>
    public ulong NodeId;
    /// <summary>Tells apart two uses of one node id over time.</summary>
    public ulong Generation;
    /// <summary>Seconds for which the name stays valid.</summary>
    public ulong EntryValid;
    /// <summary>Seconds for which the attributes stay valid.</summary>
    public ulong AttrValid;
    /// <summary>Nanoseconds on top of <see cref="EntryValid"/>.</summary>
    public uint EntryValidNsec;
    /// <summary>Nanoseconds on top of <see cref="AttrValid"/>.</summary>
    public uint AttrValidNsec;
    /// <summary>The node's attributes.</summary>
    public FuseAttr Attr;
}

/// <summary><c>struct fuse_attr_out</c>: answer to GETATTR and SETATTR. 104 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 104)]
public struct FuseAttrOut
{
    /// <summary>Seconds for which the attributes stay valid.</summary>
    public ulong AttrValid;
    /// <summary>Nanoseconds on top of <see cref="AttrValid"/>.</summary>
    public uint AttrValidNsec;
    /// <summary>Unused.</summary>
    public uint Dummy;
    /// <summary>The attributes.</summary>
    public FuseAttr Attr;
}

/// <summary><c>struct fuse_open_out</c>: answer to OPEN, OPENDIR and the second half of CREATE's. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
public struct FuseOpenOut
{
    /// <summary>File handle, the file system's own number; the kernel sends it back with every op on the open file.</summary>
    public ulong Handle;
    /// <summary>FOPEN_* flags. Never open(2) flags.</summary>
    public OpenReplyFlags OpenFlags;
    /// <summary>Id of the backing file where <see cref="OpenReplyFlags.Passthrough"/> is set.</summary>
    public int BackingId;
}

/// <summary>FOPEN_*: how the kernel treats one open file.</summary>
[Flags]
public enum OpenReplyFlags : uint
{
    /// <summary>None.</summary>
    None = 0,
    /// <summary>FOPEN_DIRECT_IO: bypass the page cache.</summary>
    DirectIo = 1 << 0,
    /// <summary>FOPEN_KEEP_CACHE: keep the pages cached by earlier opens.</summary>
    KeepCache = 1 << 1,
    /// <summary>FOPEN_NONSEEKABLE.</summary>
    NonSeekable = 1 << 2,
    /// <summary>FOPEN_CACHE_DIR: cache the folder's listing.</summary>
    CacheDirectory = 1 << 3,
    /// <summary>FOPEN_STREAM.</summary>
    Stream = 1 << 4,
    /// <summary>FOPEN_NOFLUSH: close sends no FLUSH.</summary>
    NoFlush = 1 << 5,
    /// <summary>FOPEN_PARALLEL_DIRECT_WRITES.</summary>
    ParallelDirectWrites = 1 << 6,
    /// <summary>FOPEN_PASSTHROUGH.</summary>
    Passthrough = 1 << 7,
}

/// <summary><c>struct fuse_setattr_in</c>: which attributes change, and to what. 88 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 88)]
public struct FuseSetattrIn
{
    /// <summary>FATTR_* bits.</summary>
    public SetattrValid Valid;
    /// <summary>Padding.</summary>
    public uint Padding;
    /// <summary>File handle, where <see cref="SetattrValid.Handle"/> is set.</summary>
    public ulong Handle;
    /// <summary>New length in bytes.</summary>
    public ulong Size;
    /// <summary>Lock owner.</summary>
    public ulong LockOwner;
    /// <summary>Seconds.</summary>
    public long Atime;
    /// <summary>Seconds.</summary>
    public long Mtime;
    /// <summary>Seconds.</summary>
    public long Ctime;
    /// <summary>Nanoseconds.</summary>
    public uint AtimeNsec;
    /// <summary>Nanoseconds.</summary>
    public uint MtimeNsec;
    /// <summary>Nanoseconds.</summary>
    public uint CtimeNsec;
    /// <summary>New mode.</summary>
    public uint Mode;
    /// <summary>Unused.</summary>
    public uint Unused4;
    /// <summary>New owner.</summary>
    public uint Uid;
    /// <summary>New group.</summary>
    public uint Gid;
    /// <summary>Unused.</summary>
    public uint Unused5;
}

/// <summary>FATTR_*: the bits of <see cref="FuseSetattrIn.Valid"/>.</summary>
[Flags]
public enum SetattrValid : uint
{
    /// <summary>FATTR_MODE.</summary>
    Mode = 1 << 0,
    /// <summary>FATTR_UID.</summary>
    Uid = 1 << 1,
    /// <summary>FATTR_GID.</summary>
    Gid = 1 << 2,
    /// <summary>FATTR_SIZE.</summary>
    Size = 1 << 3,
    /// <summary>FATTR_ATIME.</summary>
    Atime = 1 << 4,
    /// <summary>FATTR_MTIME.</summary>
    Mtime = 1 << 5,
    /// <summary>FATTR_FH.</summary>
    Handle = 1 << 6,
    /// <summary>FATTR_ATIME_NOW.</summary>
    AtimeNow = 1 << 7,
    /// <summary>FATTR_MTIME_NOW.</summary>
    MtimeNow = 1 << 8,
    /// <summary>FATTR_LOCKOWNER.</summary>
    LockOwner = 1 << 9,
    /// <summary>FATTR_CTIME.</summary>
    Ctime = 1 << 10,
    /// <summary>FATTR_KILL_SUIDGID.</summary>
    KillSuidSgid = 1 << 11,
}

/// <summary><c>struct fuse_kstatfs</c>: what df shows. 80 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 80)]
public struct FuseKstatfs
{
    /// <summary>Blocks in all, in units of <see cref="Frsize"/>.</summary>
    public ulong Blocks;
    /// <summary>Free blocks.</summary>
    public ulong Bfree;
    /// <summary>Blocks free for ordinary users.</summary>
    public ulong Bavail;
    /// <summary>Inodes in all.</summary>
    public ulong Files;
    /// <summary>Free inodes.</summary>
    public ulong Ffree;
    /// <summary>Preferred I/O size in bytes.</summary>
    public uint Bsize;
    /// <summary>Longest file name in bytes.</summary>
    public uint Namelen;
    /// <summary>Block size in bytes.</summary>
    public uint Frsize;
}

/// <summary><c>struct fuse_sx_time</c>. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
public struct FuseSxTime
{
    /// <summary>Seconds since 1970.</summary>
    public long Seconds;
    /// <summary>Nanoseconds.</summary>
    public uint Nanoseconds;
}

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

/// <summary><c>struct fuse_statx_out</c>: answer to STATX. 288 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 288)]
public struct FuseStatxOut
{
    /// <summary>Seconds for which the attributes stay valid.</summary>
    public ulong AttrValid;
    /// <summary>Nanoseconds on top of <see cref="AttrValid"/>.</summary>
    public uint AttrValidNsec;
    /// <summary>Flags; 0.</summary>
    public uint Flags;
    private readonly ulong _spare0;
    private readonly ulong _spare1;
    /// <summary>The attributes.</summary>
    public FuseStatx Stat;
}
