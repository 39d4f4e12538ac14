using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Content that cannot be had from a stored file, for whatever reason. The file is there all the same: it has a name, an owner and a mode. Only reading the
/// content fails, with <see cref="Errno"/> and a log line that names the file.
/// </summary>
internal abstract class UndecodableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What the caller of the op is told.</summary>
    internal abstract Errno Errno { get; }

    /// <summary>The stored bytes may be in order: with other means the content can be had.</summary>
    internal virtual bool IsIntact => false;

    /// <summary>It has nothing to do with the stored bytes, and may be otherwise at the next attempt.</summary>
    internal virtual bool MayPass => false;

    /// <summary>The same, to be thrown again: by another reader, on another thread.</summary>
    internal abstract UndecodableException Again();
}

/// <summary>
/// Stored bytes that are not what they should be: no valid frame, a failed checksum, a length that differs from the one promised, or a
/// kind of frame that cannot be read here. Becomes EIO, with a log line.
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

    /// <summary>Where in the stored file, or −1 where only the frame's bytes were at hand.</summary>
    internal long StoredOffset { get; }

    internal override Errno Errno => Errno.EIO;

    internal override UndecodableException Again() => new DamagedFrameException(Reason, StoredOffset);
}

/// <summary>
/// A frame that needs more memory to decode than the limit on windows, or this machine, allows. The frame may be in order. Becomes
/// ENOMEM, with a log line that names the option.
/// </summary>
internal sealed class WindowTooLargeException(string message) : UndecodableException(message)
{
    internal override Errno Errno => Errno.ENOMEM;

    internal override bool IsIntact => true;

    internal override UndecodableException Again() => new WindowTooLargeException(Message);
}

/// <summary>Something in order that is not decoded here: a frame that needs a dictionary, or a file of another format. Becomes EIO, with a log line.</summary>
internal sealed class UnsupportedContentException(string message) : UndecodableException(message)
{
    internal static UnsupportedContentException OfDictionary(uint id) => new($"intact; needs the dictionary with ID {id}");

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

/// <summary>libzstd cannot be used, or a codec failed where its input cannot be the reason.</summary>
internal sealed class ZstdLibraryException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Reading a stored file, or reading or writing a spill file, failed in the kernel.</summary>
internal sealed class StorageException(string operation, int errno) : UndecodableException($"{operation}: {(Errno)errno}")
{
    internal override Errno Errno { get; } = (Errno)errno;

    internal override bool MayPass => true;

    internal override UndecodableException Again() => new StorageException(operation, errno);
}
