using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Session;

/// <summary>How a session serves.</summary>
public sealed record SessionOptions
{
    /// <summary>Largest <see cref="MaxWriteBytes"/>: what the kernel allows without a change of its settings.</summary>
    public const uint LargestWriteBytes = 1024 * 1024;

    internal const uint PageBytes = 4096;

    /// <summary>Threads that read, handle and answer requests. An op that waits for the disk holds one of them.</summary>
    public int Threads { get; init; } = Math.Clamp(Environment.ProcessorCount, 4, 16);

    /// <summary>Longest READ and WRITE, in bytes: a multiple of 4096, at most <see cref="LargestWriteBytes"/>.</summary>
    public uint MaxWriteBytes { get; init; } = LargestWriteBytes;

    /// <summary>POSIX ACLs are enforced by the kernel from the file system's extended attributes; needs default_permissions.</summary>
    public bool PosixAcl { get; init; } = true;

    /// <summary>
    /// Told of an exception in the file system, of an answer that is none, and of one that the kernel refused: the op, the node, the exception. The
    /// caller of the op gets EIO. Called on the session's threads; what it throws is dropped.
    /// </summary>
    public Action<FuseOpcode, ulong, Exception>? OnFailure { get; init; }

    /// <exception cref="ArgumentOutOfRangeException">An option is out of its bounds.</exception>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxWriteBytes, PageBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxWriteBytes, LargestWriteBytes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(MaxWriteBytes % PageBytes, 0u, nameof(MaxWriteBytes));
    }
}
