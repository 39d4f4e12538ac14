using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary><c>struct statfs</c> on 64-bit Linux. 120 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 120)]
public struct StatFs
{
    /// <summary>Magic number of the file system's type.</summary>
    public long Type;
    /// <summary>Preferred I/O size in bytes.</summary>
    public long BlockSize;
    /// <summary>Blocks in all, in units of <see cref="FragmentSize"/>.</summary>
    public ulong Blocks;
    /// <summary>Free blocks.</summary>
    public ulong BlocksFree;
    /// <summary>Blocks free for ordinary users.</summary>
    public ulong BlocksAvailable;
    /// <summary>Inodes in all.</summary>
    public ulong Files;
    /// <summary>Free inodes.</summary>
    public ulong FilesFree;
    /// <summary>File system id.</summary>
    public ulong Id;
    /// <summary>Longest name in bytes.</summary>
    public long NameLength;
    /// <summary>Block size in bytes.</summary>
    public long FragmentSize;
    /// <summary>ST_* mount flags.</summary>
    public long Flags;

    /// <summary>ST_RDONLY.</summary>
    public const long ReadOnly = 1;

    /// <summary>ST_NOATIME.</summary>
    public const long NoAccessTime = 1024;
}
