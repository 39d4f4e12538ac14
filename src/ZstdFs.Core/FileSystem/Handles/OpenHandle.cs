using ZstdFs.Core.Callers;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Fuse.Wire;

namespace ZstdFs.Core.FileSystem.Handles;

/// <summary>One open of a file. It answers the requests that the kernel sends with the handle's number.</summary>
internal abstract class OpenHandle(Volume volume, bool isWritable)
{
    private bool _movesAccessTime;

    /// <summary>May write.</summary>
    internal bool IsWritable { get; } = isWritable;

    /// <summary>It was opened with O_APPEND, which fcntl(F_SETFL) may have taken away since.</summary>
    internal bool Appends { get; set; }

    /// <summary>What it takes of its user's share.</summary>
    internal HandleShare Share { get; set; }

    /// <summary>How the kernel is to treat it.</summary>
    internal abstract FuseOpenOut Reply { get; }

    /// <summary>What all ops share.</summary>
    protected Volume Volume { get; } = volume;

    /// <summary>Returns the count of bytes read, or −errno.</summary>
    internal abstract int Read(long offset, Span<byte> destination);

    /// <summary>
    /// Returns the count of bytes written, or −errno. Only for a handle that <see cref="IsWritable"/>.
    /// </summary>
    /// <param name="offset">Where the bytes go.</param>
    /// <param name="data">The bytes.</param>
    /// <param name="writer">The caller.</param>
    /// <param name="isFromPageCache">The kernel writes pages back that it has cached.</param>
    /// <param name="appends">The request says O_APPEND, whatever the handle was opened with.</param>
    internal abstract int Write(
        long offset, ReadOnlySpan<byte> data, in Writer writer, bool isFromPageCache, bool appends);

    /// <summary>Sets the length. 0 or −errno. Only for a handle that <see cref="IsWritable"/>.</summary>
    internal abstract int Truncate(long size, in Writer writer);

    /// <summary>
    /// Not an errno: <see cref="Allocate"/> has changed nothing of the content, and the times must move all the same.
    /// </summary>
    internal const int MovesTimesOnly = 1;

    /// <summary>
    /// fallocate(2). 0, <see cref="MovesTimesOnly"/> or −errno. Only for a handle that <see cref="IsWritable"/>.
    /// </summary>
    internal abstract int Allocate(long offset, long length, uint mode, in Writer writer);

    /// <summary>lseek(2) for data or a hole. The offset, or −errno.</summary>
    internal abstract long Seek(long offset, uint whence);

    /// <summary>fsync(2). 0 or −errno.</summary>
    internal abstract int Synchronize();

    /// <summary>close(2) of one copy of the descriptor. 0 or −errno.</summary>
    internal virtual int Flush() => 0;

    /// <summary>The last copy of the descriptor is closed, or the handle never got a number.</summary>
    internal void Close()
    {
        Volume.Shares.GiveBack(Share);
        CloseFile();
    }

    /// <summary>
    /// Notes whether a read through a handle that was just opened may move the time. True where the open itself moved
    /// it: the kernel drops its cached access time only after a READ, so the caller must tell the kernel.
    /// </summary>
    /// <param name="access">What the handle may do.</param>
    /// <param name="flags">Those of open(2).</param>
    /// <param name="mayReadUnseen">The kernel may answer reads by itself: opening counts as reading.</param>
    internal bool NoteOpened(OpenAccess access, int flags, bool mayReadUnseen)
    {
        _movesAccessTime = access != OpenAccess.WriteOnly && Volume.AccessTimes.AreMovedBy(flags);
        return mayReadUnseen && NoteRead();
    }

    /// <summary>A user read through the handle. True where that moved the file's access time.</summary>
    internal bool NoteRead()
    {
        if (!_movesAccessTime || Volume.AccessTimes.AreStill)
            return false;
        _movesAccessTime = Volume.AccessTimes.AreStrict;
        return MoveAccessTime();
    }

    /// <summary>Moves the file's access time, where that is due. True where it moved.</summary>
    protected abstract bool MoveAccessTime();

    /// <summary>Gives up what the handle keeps open.</summary>
    protected abstract void CloseFile();
}
