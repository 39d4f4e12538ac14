namespace ZstdFs.Fuse.Wire;

/// <summary>FUSE_WRITE_*: what kind of write it is.</summary>
[Flags]
public enum WriteFlags : uint
{
    /// <summary>A program's own write(2), as it came.</summary>
    None = 0,

    /// <summary>
    /// FUSE_WRITE_CACHE: the kernel writes back pages that a program changed through a mapping, and holds them until
    /// the answer. The handle is any one that may write, and need not be the program's.
    /// </summary>
    FromPageCache = 1 << 0,

    /// <summary>FUSE_WRITE_LOCKOWNER: the lock owner is set.</summary>
    LockOwnerIsSet = 1 << 1,

    /// <summary>FUSE_WRITE_KILL_SUIDGID: the write must clear set-id bits.</summary>
    KillSuidSgid = 1 << 2,
}
