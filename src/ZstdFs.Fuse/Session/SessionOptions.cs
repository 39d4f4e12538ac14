using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Session;

/// <summary>How a session serves.</summary>
public sealed record SessionOptions
{
    /// <summary>Threads that read, handle and answer requests.</summary>
    public int Threads { get; init; } = 4;

    /// <summary>Longest READ and WRITE, in bytes: a multiple of 4096, at most 1 MiB.</summary>
    public uint MaxWriteBytes { get; init; } = 1024 * 1024;

    /// <summary>POSIX ACLs are enforced by the kernel from the file system's extended attributes; needs default_permissions.</summary>
    public bool PosixAcl { get; init; } = true;

    /// <summary>Told of an exception in the file system: the op, the node, the exception. The caller of the op gets EIO.</summary>
    public Action<FuseOpcode, ulong, Exception>? OnFailure { get; init; }
}
