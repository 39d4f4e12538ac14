using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Stored bytes that are not what they should be: no valid frame, a failed checksum, a length that differs from the one promised, or a
/// kind of frame that cannot be read here. Becomes EIO, with a log line.
/// </summary>
internal sealed class DamagedFrameException : Exception
{
    internal DamagedFrameException(string reason, long storedOffset = -1)
        : base(storedOffset < 0 ? reason : $"{reason} (stored offset {storedOffset})")
    {
        Reason = reason;
        StoredOffset = storedOffset;
    }

    internal DamagedFrameException(DamagedFrameException inner, long storedOffset)
        : base($"{inner.Reason} (stored offset {storedOffset})", inner)
    {
        Reason = inner.Reason;
        StoredOffset = storedOffset;
    }

    /// <summary>What is wrong, without the place.</summary>
    internal string Reason { get; }

    /// <summary>Where in the stored file, or −1 where only the frame's bytes were at hand.</summary>
    internal long StoredOffset { get; }
}

/// <summary>
/// A frame that needs more memory to decode than the configured window limit allows. The frame may be in order. Becomes ENOMEM, with a
/// log line that names the option.
/// </summary>
internal sealed class WindowTooLargeException(string message) : Exception(message);

/// <summary>libzstd is missing, too old, or failed where its input cannot be the reason.</summary>
internal sealed class ZstdLibraryException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Reading a stored file, or reading or writing a spill file, failed in the kernel.</summary>
internal sealed class StorageException(string operation, int errno) : IOException($"{operation}: {(Errno)errno}")
{
    /// <summary>What the caller of the op is told.</summary>
    internal Errno Errno { get; } = (Errno)errno;
}
