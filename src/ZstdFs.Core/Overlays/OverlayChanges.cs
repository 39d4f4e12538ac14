using ZstdFs.Core.Compression;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// Changes the content of an overlay: finds room for a change, makes it, and notes it. The caller holds the content's
/// lock for writing.
/// </summary>
internal sealed class OverlayChanges(StorageServices services, Overlay overlay)
{
    private readonly NeededBelow _needed = new(services, overlay);
    private int _failure;

    /// <summary>A write failed in part, and the working copy may hold any part of it.</summary>
    internal bool HasFailed => _failure < 0;

    /// <summary>
    /// Writes, and grows the file where need be. 0 or −errno. After an error the length is as it was, and a part of
    /// the range may be written, where there was something to commit before.
    /// </summary>
    internal int Write(long offset, ReadOnlySpan<byte> data)
    {
        overlay.Load();
        long end = offset + data.Length;
        int result = Prepare(Math.Max(overlay.LogicalBytes, end), offset, end);
        return result < 0 ? result : WritePrepared(offset, data);
    }

    private int WritePrepared(long offset, ReadOnlySpan<byte> data)
    {
        long newSize = Math.Max(overlay.LogicalBytes, offset + data.Length);
        int result;
        try
        {
            result = overlay.Media.Current!.Write(offset, data);
        }
        catch when (!overlay.IsDirty)
        {
            // A block that is written in part is completed from below, and that could not be decoded.
            overlay.TakeBack();
            throw;
        }
        if (result < 0)
            return Fail(result);
        overlay.Metadata.NoteWritten(newSize, data.Length, leavesHole: offset > overlay.LogicalBytes);
        overlay.Early.KeepPace();
        return 0;
    }

    /// <summary>
    /// Makes a range within the file read as zeros. 0 or −errno. A long range costs no more than a short one.
    /// </summary>
    internal int Zero(long offset, long end)
    {
        overlay.Load();
        end = Math.Min(end, overlay.LogicalBytes);
        if (offset >= end)
            return 0;
        int result = Prepare(overlay.LogicalBytes, offset, end);
        if (result < 0)
            return result;
        OverlayMedium medium = overlay.Media.Current!;
        if (!medium.TryPunch(offset, end, out long first, out long last))
        {
            result = WriteZeros(offset, end);
            // After a punch that failed, some of the range may read as zeros. Content that was clean is as before.
            if (result < 0 && overlay.IsDirty && last > first)
                overlay.Metadata.NoteZeroed(leavesHole: medium.HasHoles);
            return result;
        }
        overlay.Metadata.NoteZeroed(leavesHole: medium.HasHoles);
        result = WriteZeros(offset, first);
        return result < 0 ? result : WriteZeros(last, end);
    }

    private int WriteZeros(long offset, long end)
    {
        ReadOnlySpan<byte> zeros = ZeroBytes.Block;
        int result = 0;
        for (; offset < end && result >= 0; offset += zeros.Length)
            result = WritePrepared(offset, zeros[..(int)Math.Min(zeros.Length, end - offset)]);
        return result;
    }

    /// <summary>Sets the length. 0 or −errno.</summary>
    internal int Resize(long size)
    {
        if (size > 0)
            overlay.Load();
        int result = Prepare(size, Math.Min(size, overlay.LogicalBytes), long.MaxValue);
        if (result < 0)
            return result;
        overlay.Metadata.LoadAsEmpty();
        // If the file was closed, and its commit still waits, the base is not the old version.
        bool replaces = overlay.ReplacesBase || size == 0 && !overlay.Base.IsFresh && !overlay.IsDirty;
        result = overlay.Media.Current!.Resize(size, replaces);
        if (result < 0)
            return Fail(result);
        overlay.Metadata.ReplacesBase = replaces;
        overlay.Metadata.NoteResized(size);
        return 0;
    }

    /// <summary>
    /// Makes room for a change between these offsets of a file that gets this length: in memory while it is small and
    /// the budget lasts, else in a working copy. Throws as reading does where the commit will need something from below
    /// that cannot be read.
    /// </summary>
    private int Prepare(long size, long from, long end)
    {
        if (_failure < 0)
            return _failure;
        // A file of more frames could not be read back.
        if (size > (long)FrameMap.MaxFrames * services.Options.FrameBytes)
            return -(int)Errno.EFBIG;
        if (overlay.Working is null && overlay.Media.TryUseMemory(size))
            return 0;
        if (!overlay.IsBuffered)
            _needed.Require(size, from, end);
        return overlay.Working is null ? overlay.Media.MoveToWorkingCopy() : 0;
    }

    /// <summary>
    /// Appends frames of another file as they are, without decoding them, for a long copy. They must not change
    /// meanwhile. Returns how many bytes they hold, 0 where they cannot be taken, or −errno.
    /// </summary>
    internal long TakeFrames(StoredBase from, int first, int end)
    {
        overlay.Load();
        if (_failure < 0)
            return _failure;
        int result = overlay.Working is null ? overlay.Media.MoveToWorkingCopy() : 0;
        if (result < 0)
            return result;
        long taken = overlay.Early.Take(from, first, end);
        if (taken < 0 && !overlay.IsDirty)
            overlay.TakeBack();
        if (taken <= 0)
            return taken;
        // The length comes last: the next mount must not find a file that is longer than its content.
        result = overlay.Working!.Resize(overlay.LogicalBytes, overlay.BaseLimit);
        if (result < 0)
            return Fail(result);
        overlay.Metadata.NoteWritten(overlay.BaseLimit, 0, leavesHole: false);
        return taken;
    }

    /// <summary>
    /// A write failed in part, and the working copy may hold any part of it. After "disk full", and where only this
    /// place in the file cannot be written to, the writer may try again, after any other error not.
    /// </summary>
    private int Fail(int result)
    {
        if (result is not (-(int)Errno.ENOSPC or -(int)Errno.EDQUOT or -(int)Errno.EFBIG))
            Refuse(result);
        // Nothing tells a commit, or stat(2), of the part. And a next mount would take it for content.
        if (!overlay.IsDirty)
            overlay.TakeBack();
        return result;
    }

    /// <summary>Every change from here on is refused with this error, until the content is reverted.</summary>
    internal void Refuse(int error) => _failure = error;

    /// <summary>What failed was given up.</summary>
    internal void ForgetFailure() => _failure = 0;
}
