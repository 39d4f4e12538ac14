using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Content that a stored file does not yield, for whatever reason. The file is there all the same: it has a name, an
/// owner and a mode. Only reading the content fails, with <see cref="Errno"/> and a log line that names the file.
/// </summary>
internal abstract class UndecodableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The error that the op's caller gets.</summary>
    internal abstract Errno Errno { get; }

    /// <summary>The stored bytes may be in order: other means can decode them.</summary>
    internal virtual bool IsIntact => false;

    /// <summary>The stored bytes are not the cause: the next attempt may succeed.</summary>
    internal virtual bool MayPass => false;

    /// <summary>The same exception as a new object, which another reader throws on another thread.</summary>
    internal abstract UndecodableException Again();
}

/// <summary>
/// Stored bytes that are not what they should be: no valid frame, a failed checksum, a length that differs from the one
/// promised, or a kind of frame that cannot be read here. Becomes EIO, with a log line.
/// </summary>
internal sealed class DamagedFrameException : UndecodableException
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

    /// <summary>Where in the stored file; −1 where only the frame's bytes were at hand.</summary>
    internal long StoredOffset { get; }

    internal override Errno Errno => Errno.EIO;

    internal override UndecodableException Again() => new DamagedFrameException(Reason, StoredOffset);
}

/// <summary>
/// A frame that needs more memory to decode than this machine or the limit on windows allows. The frame may be in
/// order. Becomes ENOMEM, with a log line that names the option.
/// </summary>
internal sealed class WindowTooLargeException(string message) : UndecodableException(message)
{
    internal override Errno Errno => Errno.ENOMEM;

    internal override bool IsIntact => true;

    internal override UndecodableException Again() => new WindowTooLargeException(Message);
}

/// <summary>
/// Something in order that is not decoded here: a frame that needs a dictionary, or a file of another format. Becomes
/// EIO, with a log line.
/// </summary>
internal sealed class UnsupportedContentException(string message) : UndecodableException(message)
{
    internal static UnsupportedContentException OfDictionary(uint id) =>
        new($"intact; needs the dictionary with ID {id}");

    internal override Errno Errno => Errno.EIO;

    internal override bool IsIntact => true;

    internal override UndecodableException Again() => new UnsupportedContentException(Message);
}

/// <summary>The machine had no memory for decoding. Becomes ENOMEM, with a log line.</summary>
internal sealed class DecoderMemoryException(string message) : UndecodableException(message)
{
    internal override Errno Errno => Errno.ENOMEM;

    internal override bool IsIntact => true;

    internal override bool MayPass => true;

    internal override UndecodableException Again() => new DecoderMemoryException(Message);
}

/// <summary>libzstd cannot be used, or a codec failed and its input cannot be the cause.</summary>
internal sealed class ZstdLibraryException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The kernel failed to read a stored file, or to read or write a spill file.</summary>
internal sealed class StorageException(string operation, int errno)
    : UndecodableException($"{operation}: {(Errno)errno}")
{
    internal override Errno Errno { get; } = (Errno)errno;

    internal override bool MayPass => true;

    internal override UndecodableException Again() => new StorageException(operation, errno);
}
