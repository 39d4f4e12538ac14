using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse.Session;

/// <summary>How a session serves.</summary>
public sealed record SessionOptions
{
    /// <summary>Largest <see cref="MaxWriteBytes"/>: what the kernel allows without a change of its settings.</summary>
    public const uint LargestWriteBytes = 1024 * 1024;

    internal const uint PageBytes = 4096;

    /// <summary>
    /// Threads that read, handle and answer requests. More than are needed cost 1.5 to 2 µs a request.
    /// </summary>
    public int Threads { get; init; } = Math.Clamp(Environment.ProcessorCount, 4, 16);

    /// <summary>
    /// Most threads while many ops wait for a disk or for each other, so that other requests are still answered. The
    /// further threads end when they are idle. A session of one thread stays at one: it handles one request after
    /// another.
    /// </summary>
    public int MaxThreads { get; init; } = 32;

    /// <summary>
    /// Longest READ and WRITE, in bytes: a multiple of 4096, at most <see cref="LargestWriteBytes"/>.
    /// </summary>
    public uint MaxWriteBytes { get; init; } = LargestWriteBytes;

    /// <summary>
    /// The kernel enforces POSIX ACLs, which it reads from the file system's extended attributes. It then checks
    /// permissions as with default_permissions.
    /// </summary>
    public bool PosixAcl { get; init; } = true;

    /// <summary>
    /// The kernel keeps a file's pages until it is told to drop them (EXPLICIT_INVAL_DATA). So when a file was changed
    /// other than through the mount, the file system says so before it tells the new attributes. Otherwise the kernel
    /// drops all pages of a file as soon as it sees another modification time, and each write through the mount makes
    /// one.
    /// </summary>
    public bool KeepsPages { get; init; }

    /// <summary>
    /// The file system may let the kernel read and write files by itself (<see cref="BackingFiles"/>). This takes
    /// CAP_SYS_ADMIN and Linux 6.9. File systems that are stacked on the mount then count it as a stack.
    /// </summary>
    public bool Passthrough { get; init; }

    /// <summary>
    /// The mount may be mounted once more with its owners mapped (mount_setattr(2), MOUNT_ATTR_IDMAP), where
    /// <see cref="PosixAcl"/> is granted and from Linux 6.12 on. Requests then name no callers
    /// (<see cref="NegotiatedConnection.NamesOwnersOnly"/>).
    /// </summary>
    public bool AllowsIdMaps { get; init; }

    /// <summary>
    /// The file system finds nodes that the kernel has forgotten: it answers LOOKUP of "." and ".." by node id, with
    /// the generation that it gave before. Otherwise file handles (name_to_handle_at, NFS) cannot be opened.
    /// </summary>
    public bool ExportSupport { get; init; }

    /// <summary>
    /// Called with the op, the node and the exception after an exception in the file system, an invalid answer, or an
    /// answer that the kernel refused. The caller of the op gets EIO. Runs on the session's threads; what it throws is
    /// dropped.
    /// </summary>
    public Action<FuseOpcode, ulong, Exception>? OnFailure { get; init; }

    /// <summary>
    /// Called with true when requests begin to follow each other closely, and with false when that ends, on a thread of
    /// its own. Must not throw.
    /// </summary>
    public Action<bool>? OnBurst { get; init; }

    /// <summary>Flags that are refused although the kernel offers them: tests play an older kernel with them.</summary>
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
