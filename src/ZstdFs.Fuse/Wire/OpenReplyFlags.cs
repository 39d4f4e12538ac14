namespace ZstdFs.Fuse.Wire;

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
