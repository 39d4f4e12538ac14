namespace ZstdFs.Fuse.Wire;

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
