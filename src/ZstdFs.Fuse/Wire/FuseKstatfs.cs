using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

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
