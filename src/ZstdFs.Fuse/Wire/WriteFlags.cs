namespace ZstdFs.Fuse.Wire;

/// <summary>FUSE_WRITE_*: what kind of write it is.</summary>
[Flags]
public enum WriteFlags : uint
{
    /// <summary>A program's own write(2), as it came.</summary>
    None = 0,

    /// <summary>
    /// FUSE_WRITE_CACHE: pages that a program mapped and changed, written back by the kernel, which waits for the answer while it holds them. The handle is one
    /// of those that may write, and need not be the program's.
    /// </summary>
    FromPageCache = 1 << 0,

    /// <summary>FUSE_WRITE_LOCKOWNER: the lock owner is told.</summary>
    LockOwnerIsSet = 1 << 1,

    /// <summary>FUSE_WRITE_KILL_SUIDGID: the write must clear set-id bits.</summary>
    KillSuidSgid = 1 << 2,
}
