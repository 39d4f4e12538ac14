using System.Runtime.InteropServices;
using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary><c>struct statx</c>. 256 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 256)]
public struct Statx
{
    /// <summary>STATX_BASIC_STATS: what stat(2) gives.</summary>
    public const uint BasicStats = 0x7ff;
    /// <summary>STATX_BTIME: birth time.</summary>
    public const uint BirthTime = 0x800;

    /// <summary>STATX_* bits that are filled.</summary>
    public uint Mask;
    /// <summary>Preferred I/O size in bytes.</summary>
    public uint BlockSize;
    /// <summary>STATX_ATTR_* bits that are set.</summary>
    public ulong Attributes;
    /// <summary>Number of hard links.</summary>
    public uint LinkCount;
    /// <summary>Owner.</summary>
    public uint UserId;
    /// <summary>Group.</summary>
    public uint GroupId;
    /// <summary>Type and permission bits.</summary>
    public ushort Mode;
    private readonly ushort _spare0;
    /// <summary>Inode number.</summary>
    public ulong InodeNumber;
    /// <summary>Length in bytes.</summary>
    public long Size;
    /// <summary>Allocated space in units of 512 bytes.</summary>
    public ulong Blocks;
    /// <summary>STATX_ATTR_* bits that the file system knows.</summary>
    public ulong AttributesMask;
    /// <summary>Last access.</summary>
    public StatxTimestamp AccessTime;
    /// <summary>Birth.</summary>
    public StatxTimestamp Birth;
    /// <summary>Last attribute change.</summary>
    public StatxTimestamp ChangeTime;
    /// <summary>Last content change.</summary>
    public StatxTimestamp ModifyTime;
    /// <summary>Major number of a device node.</summary>
    public uint RdevMajor;
    /// <summary>Minor number of a device node.</summary>
    public uint RdevMinor;
    /// <summary>Major number of the file system's device.</summary>
    public uint DevMajor;
    /// <summary>Minor number of the file system's device.</summary>
    public uint DevMinor;

    /// <summary>The type bits of <see cref="Mode"/>.</summary>
    public readonly uint FileType => Mode & Linux.FileType.Mask;
    /// <summary>A regular file.</summary>
    public readonly bool IsRegular => FileType == Linux.FileType.Regular;
    /// <summary>A folder.</summary>
    public readonly bool IsDirectory => FileType == Linux.FileType.Directory;
    /// <summary>chattr +i is set (STATX_ATTR_IMMUTABLE).</summary>
    public readonly bool IsImmutable => (Attributes & 0x10) != 0;
    /// <summary>chattr +a is set (STATX_ATTR_APPEND).</summary>
    public readonly bool IsAppendOnly => (Attributes & 0x20) != 0;
    /// <summary>The file system's device as one number.</summary>
    public readonly ulong Device => ((ulong)DevMajor << 32) | DevMinor;
    /// <summary>The device number of a device node in the kernel's 32-bit encoding, as FUSE carries it.</summary>
    public readonly uint Rdev => (RdevMinor & 0xff) | (RdevMajor << 8) | ((RdevMinor & ~0xffu) << 12);
}

/// <summary><c>struct statx_timestamp</c>. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
public struct StatxTimestamp
{
    /// <summary>Seconds since 1970.</summary>
    public long Seconds;
    /// <summary>Nanoseconds, 0 to 999,999,999.</summary>
    public uint Nanoseconds;

    /// <summary>The same moment as a <c>struct timespec</c>.</summary>
    public readonly Timestamp ToTimestamp() => new(Seconds, Nanoseconds);

    /// <summary>The same moment as that of a <c>struct timespec</c>.</summary>
    public static StatxTimestamp Of(Timestamp time) =>
        new() { Seconds = time.Seconds, Nanoseconds = (uint)time.Nanoseconds };
}

/// <summary><c>struct timespec</c>: seconds since 1970 and nanoseconds, or one of utimensat's special values.</summary>
/// <param name="Seconds">Seconds since 1970; may be negative.</param>
/// <param name="Nanoseconds">0 to 999,999,999, or <see cref="NowNanoseconds"/> / <see cref="OmitNanoseconds"/>.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct Timestamp(long Seconds, long Nanoseconds) : IComparable<Timestamp>
{
    /// <summary>UTIME_NOW.</summary>
    public const long NowNanoseconds = (1L << 30) - 1;
    /// <summary>UTIME_OMIT.</summary>
    public const long OmitNanoseconds = (1L << 30) - 2;

    /// <summary>For utimensat: the current time, by the kernel's clock.</summary>
    public static Timestamp UtimeNow => new(0, NowNanoseconds);
    /// <summary>For utimensat: leave this one as it is.</summary>
    public static Timestamp Omit => new(0, OmitNanoseconds);

    /// <summary>The current time, by this process's clock (100 ns steps).</summary>
    public static Timestamp Now()
    {
        long ticks = DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks;
        return new(Math.DivRem(ticks, TimeSpan.TicksPerSecond, out long rest), rest * 100);
    }

    /// <summary>The time of the kernel's last tick (CLOCK_REALTIME_COARSE), with which it stamps files.</summary>
    public static unsafe Timestamp OfLastTick()
    {
        const int CoarseClock = 5; // CLOCK_REALTIME_COARSE
        Timestamp time;
        return Libc.GetClock(CoarseClock, &time) < 0 ? Now() : time;
    }

    /// <inheritdoc/>
    public int CompareTo(Timestamp other) => Seconds != other.Seconds
        ? Seconds.CompareTo(other.Seconds)
        : Nanoseconds.CompareTo(other.Nanoseconds);

    /// <summary>Earlier.</summary>
    public static bool operator <(Timestamp left, Timestamp right) => left.CompareTo(right) < 0;
    /// <summary>Later.</summary>
    public static bool operator >(Timestamp left, Timestamp right) => left.CompareTo(right) > 0;
    /// <summary>Not later.</summary>
    public static bool operator <=(Timestamp left, Timestamp right) => left.CompareTo(right) <= 0;
    /// <summary>Not earlier.</summary>
    public static bool operator >=(Timestamp left, Timestamp right) => left.CompareTo(right) >= 0;
}

/// <summary>S_IF*: the type bits of a mode, and the DT_* of a folder entry.</summary>
public static class FileType
{
    /// <summary>S_IFMT.</summary>
    public const uint Mask = 0xF000;
    /// <summary>S_IFREG.</summary>
    public const uint Regular = 0x8000;
    /// <summary>S_IFDIR.</summary>
    public const uint Directory = 0x4000;
    /// <summary>S_IFLNK.</summary>
    public const uint Symlink = 0xA000;
    /// <summary>S_IFIFO.</summary>
    public const uint Pipe = 0x1000;

    /// <summary>DT_UNKNOWN: the file system does not say in its listing.</summary>
    public const byte EntryUnknown = 0;
    /// <summary>DT_DIR.</summary>
    public const byte EntryDirectory = 4;
    /// <summary>DT_REG.</summary>
    public const byte EntryRegular = 8;

    /// <summary>The DT_* of a mode's type.</summary>
    public static byte ToEntryType(uint mode) => (byte)((mode & Mask) >> 12);
}
