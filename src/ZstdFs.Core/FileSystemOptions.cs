
namespace ZstdFs.Core;

/// <summary>What happens to plain (not compressed) files in the source.</summary>
public enum PlainFiles
{
    /// <summary>Not shown and never touched.</summary>
    Ignore,
    /// <summary>Shown read-write, stored as they are.</summary>
    Show,
    /// <summary>Shown read-write. After a lookup the daemon converts them to stored files, in the background.</summary>
    Convert,
}

/// <summary>Where the daemon keeps the places of files that the kernel has forgotten, for file handles.</summary>
public enum InodeStore
{
    /// <summary>In memory, those forgotten last.</summary>
    Recent,
    /// <summary>All of them, in a RocksDB database.</summary>
    RocksDb,
}

/// <summary>What compresses and decodes.</summary>
public enum CodecChoice
{
    /// <summary>libzstd where it can be loaded, otherwise the codec inside.</summary>
    Auto,
    /// <summary>The machine's libzstd.so.1.</summary>
    Native,
    /// <summary>The codec inside, which needs nothing of the machine.</summary>
    Managed,
}

/// <summary>How one mount behaves.</summary>
public sealed record FileSystemOptions
{
    /// <summary>Smallest frame size, in bytes.</summary>
    public const int MinFrameBytes = 64 * 1024;
    /// <summary>Largest frame size, in bytes.</summary>
    public const int MaxFrameBytes = 16 * 1024 * 1024;

    /// <summary>The mount's options as one list. Only the answer to a status request shows it.</summary>
    public string MountedWith { get; init; } = "";

    /// <summary>What compresses and decodes.</summary>
    public CodecChoice Codec { get; init; }

    /// <summary>zstd level, −7 to 22.</summary>
    public int Level { get; init; } = 3;

    /// <summary>
    /// A file that says which files get another level; null for <c>.zstdfs/rules</c> in the source, where there is one.
    /// </summary>
    public string? RulesPath { get; init; }

    /// <summary>
    /// Logical bytes in each frame of a newly written file: a power of two from <see cref="MinFrameBytes"/> to
    /// <see cref="MaxFrameBytes"/>.
    /// </summary>
    public int FrameBytes { get; init; } = 512 * 1024;

    /// <summary>What happens to plain files.</summary>
    public PlainFiles PlainFiles { get; init; } = PlainFiles.Ignore;

    /// <summary>Reading moves access times, where the source's file system keeps them.</summary>
    public bool KeepsAccessTimes { get; init; } = true;

    /// <summary>
    /// Every read moves them, not only the reads that relatime's rule names. The mount that the source lies in has to
    /// be strict as well.
    /// </summary>
    public bool HasStrictAccessTimes { get; init; }

    /// <summary>Nothing is written to the source.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>
    /// For how long the kernel may answer names and attributes from memory. A change made behind the mount's back stays
    /// unseen no longer than this.
    /// </summary>
    public TimeSpan CacheTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Where the places of forgotten files are kept.</summary>
    public InodeStore Inodes { get; init; } = InodeStore.Recent;

    /// <summary>Places that <see cref="InodeStore.Recent"/> keeps, from 0 on.</summary>
    public int RecentInodes { get; init; } = 16 * 1024;

    /// <summary>The folder of the RocksDB database; null for <c>.zstdfs/inodes</c> in the source.</summary>
    public string? InodeDatabasePath { get; init; }

    /// <summary>Smallest <see cref="MemoryBytes"/>.</summary>
    public const long MinMemoryBytes = 8 * 1024 * 1024;

    /// <summary>
    /// Most that is cached and buffered in all, in bytes, from <see cref="MinMemoryBytes"/> on. It decides
    /// <see cref="FrameCacheBytes"/> and <see cref="WriteBufferBytes"/>, and bounds <see cref="Jobs"/>. Null where each
    /// has its own value.
    /// </summary>
    public long? MemoryBytes { get; init; }

    /// <summary>Decoded frames kept in memory, in bytes.</summary>
    public long FrameCacheBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>Smallest <see cref="MaxWindowBytes"/>: what zstd itself decodes unasked.</summary>
    public const long MinWindowBytes = 128L * 1024 * 1024;

    /// <summary>Largest <see cref="MaxWindowBytes"/>: no zstd makes a larger window.</summary>
    public const long HighestWindowBytes = 2L * 1024 * 1024 * 1024;

    /// <summary>
    /// Largest window of a frame that is decoded. Reading a frame with a long window takes that much memory.
    /// </summary>
    public long MaxWindowBytes { get; init; } = MinWindowBytes;

    /// <summary>
    /// Content of small files being written that may be held in memory, in bytes, all files together. Beyond it the
    /// content goes to working copies.
    /// </summary>
    public long WriteBufferBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>
    /// Logical bytes of closed files that may wait for their commit; beyond that, close waits for the commit.
    /// </summary>
    public long BacklogBytes { get; init; } = 1024L * 1024 * 1024;

    /// <summary>
    /// After this time the daemon puts on disk what was written to a file that stays open, without being asked: a crash
    /// takes no more than that, as on other file systems.
    /// </summary>
    public TimeSpan WriteBackAge { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Threads that compress in one commit.</summary>
    public int Jobs { get; init; } = Environment.ProcessorCount;
}
