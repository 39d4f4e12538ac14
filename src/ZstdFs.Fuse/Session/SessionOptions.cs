using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Session;

/// <summary>How a session serves.</summary>
public sealed record SessionOptions
{
    /// <summary>Largest <see cref="MaxWriteBytes"/>: what the kernel allows without a change of its settings.</summary>
    public const uint LargestWriteBytes = 1024 * 1024;

    internal const uint PageBytes = 4096;

    /// <summary>Threads that read, handle and answer requests. More than are needed cost 1.5 to 2 µs a request.</summary>
    public int Threads { get; init; } = Math.Clamp(Environment.ProcessorCount, 4, 16);

    /// <summary>
    /// Threads while many ops wait, for a disk or for each other: others are answered all the same. The further ones end when they are idle. A session of one
    /// thread stays at one, and so handles one request after another.
    /// </summary>
    public int MaxThreads { get; init; } = 32;

    /// <summary>Longest READ and WRITE, in bytes: a multiple of 4096, at most <see cref="LargestWriteBytes"/>.</summary>
    public uint MaxWriteBytes { get; init; } = LargestWriteBytes;

    /// <summary>POSIX ACLs are enforced by the kernel from the file system's extended attributes; needs default_permissions.</summary>
    public bool PosixAcl { get; init; } = true;

    /// <summary>
    /// The kernel keeps a file's pages until it is told to drop them (EXPLICIT_INVAL_DATA): the file system tells of what changed otherwise than through the mount before it tells
    /// the new attributes. Otherwise it drops them all as soon as it sees another modification time, which each write through the mount makes.
    /// </summary>
    public bool KeepsPages { get; init; }

    /// <summary>
    /// The file system may have the kernel read and write files of its own (<see cref="BackingFiles"/>), which takes CAP_SYS_ADMIN and Linux 6.9. To other file systems stacked on it the mount
    /// counts as a stack then.
    /// </summary>
    public bool Passthrough { get; init; }

    /// <summary>
    /// The mount may be mounted once more with its owners mapped (mount_setattr(2), MOUNT_ATTR_IDMAP), where
    /// <see cref="PosixAcl"/> is granted and from Linux 6.12 on. Requests then name no callers
    /// (<see cref="NegotiatedConnection.NamesOwnersOnly"/>).
    /// </summary>
    public bool AllowsIdMaps { get; init; }

    /// <summary>
    /// The file system finds nodes again that the kernel has forgotten: LOOKUP of "." and ".." by node id, with the generation given before. Otherwise file handles
    /// (name_to_handle_at, NFS) cannot be opened.
    /// </summary>
    public bool ExportSupport { get; init; }

    /// <summary>
    /// Told of an exception in the file system, of an answer that is none, and of one that the kernel refused: the op, the node, the exception. The
    /// caller of the op gets EIO. Called on the session's threads; what it throws is dropped.
    /// </summary>
    public Action<FuseOpcode, ulong, Exception>? OnFailure { get; init; }

    /// <summary>Told true when requests begin to follow each other closely, and false when they no longer do, from a thread of its own. Must not throw.</summary>
    public Action<bool>? OnBurst { get; init; }

    /// <summary>What is not taken although the kernel offers it: for tests, whose kernel is newer than others that must be served.</summary>
    internal InitFlags Withheld { get; init; }

    /// <exception cref="ArgumentOutOfRangeException">An option is out of its bounds.</exception>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxWriteBytes, PageBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxWriteBytes, LargestWriteBytes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(MaxWriteBytes % PageBytes, 0u, nameof(MaxWriteBytes));
    }
}
