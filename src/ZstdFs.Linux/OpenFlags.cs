namespace ZstdFs.Linux;

/// <summary>O_* of open(2) on x86-64, and the constants of its relatives.</summary>
public static class OpenFlags
{
    /// <summary>O_RDONLY.</summary>
    public const int ReadOnly = 0;
    /// <summary>O_WRONLY.</summary>
    public const int WriteOnly = 1;
    /// <summary>O_RDWR.</summary>
    public const int ReadWrite = 2;
    /// <summary>O_ACCMODE.</summary>
    public const int AccessMask = 3;
    /// <summary>O_CREAT.</summary>
    public const int Create = 0x40;
    /// <summary>O_EXCL.</summary>
    public const int Exclusive = 0x80;
    /// <summary>O_TRUNC.</summary>
    public const int Truncate = 0x200;
    /// <summary>O_APPEND.</summary>
    public const int Append = 0x400;
    /// <summary>O_DSYNC.</summary>
    public const int DataSync = 0x1000;
    /// <summary>O_DIRECT.</summary>
    public const int Direct = 0x4000;
    /// <summary>O_DIRECTORY.</summary>
    public const int Directory = 0x10000;
    /// <summary>O_NOFOLLOW.</summary>
    public const int NoFollow = 0x20000;
    /// <summary>O_NOATIME.</summary>
    public const int NoAccessTime = 0x40000;
    /// <summary>O_CLOEXEC.</summary>
    public const int CloseOnExec = 0x80000;
    /// <summary>O_SYNC.</summary>
    public const int Sync = 0x101000;
    /// <summary>O_PATH.</summary>
    public const int PathOnly = 0x200000;
    /// <summary>O_TMPFILE.</summary>
    public const int TemporaryFile = 0x400000 | Directory;
    /// <summary>O_NOCTTY: a terminal does not become the one that controls this process.</summary>
    public const int NoControllingTerminal = 0x100;

    /// <summary>O_NONBLOCK.</summary>
    public const int NonBlocking = 0x800;
}

/// <summary>RESOLVE_* of openat2(2).</summary>
public static class ResolveFlags
{
    /// <summary>RESOLVE_NO_MAGICLINKS.</summary>
    public const ulong NoMagicLinks = 0x02;
    /// <summary>RESOLVE_NO_SYMLINKS.</summary>
    public const ulong NoSymlinks = 0x04;
    /// <summary>RESOLVE_BENEATH.</summary>
    public const ulong Beneath = 0x08;
}

/// <summary>RENAME_* of renameat2(2).</summary>
public static class RenameFlags
{
    /// <summary>RENAME_NOREPLACE.</summary>
    public const uint NoReplace = 1;
    /// <summary>RENAME_EXCHANGE.</summary>
    public const uint Exchange = 2;
    /// <summary>RENAME_WHITEOUT.</summary>
    public const uint Whiteout = 4;
}

/// <summary>FALLOC_FL_* of fallocate(2).</summary>
public static class AllocateFlags
{
    /// <summary>FALLOC_FL_KEEP_SIZE.</summary>
    public const uint KeepSize = 1;
    /// <summary>FALLOC_FL_PUNCH_HOLE.</summary>
    public const uint PunchHole = 2;
    /// <summary>FALLOC_FL_ZERO_RANGE.</summary>
    public const uint ZeroRange = 0x10;
}

/// <summary>Whence values of lseek(2).</summary>
public static class SeekWhence
{
    /// <summary>SEEK_SET.</summary>
    public const int Set = 0;
    /// <summary>SEEK_END.</summary>
    public const int End = 2;
    /// <summary>SEEK_DATA.</summary>
    public const int Data = 3;
    /// <summary>SEEK_HOLE.</summary>
    public const int Hole = 4;
}
