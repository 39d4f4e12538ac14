using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.Overlays;
using ZstdFs.Core.StoredFiles;

namespace ZstdFs.Core.Commits;

/// <summary>
/// Writes one version of a file's content as frames. Runs of untouched frames are copied inside the kernel. The others
/// are read, compressed and verified on several cores, and written in order.
/// </summary>
internal sealed class VersionWriter(StorageServices services, FileContent content, bool yields)
{
    private const int LongestCopyBytes = 16 * 1024 * 1024;

    private readonly int _frameBytes = services.Options.FrameBytes;
    // After each run that is copied in one go, the commit finds out whether it must give way.
    private readonly int _mostFrames = yields
        ? Math.Max(1, LongestCopyBytes / services.Options.FrameBytes)
        : int.MaxValue;
    private readonly Overlay _overlay = content.Overlay;
    private readonly OverlayExtents _extents = new(content.Overlay);
    private readonly long _size = content.LogicalBytes;

    /// <summary>
    /// Goes on where the frames of <paramref name="writer"/> end. −EAGAIN where it gave way to a thread that writes
    /// to the file.
    /// </summary>
    internal int Write(StoredFileWriter writer, out FrameMap map)
    {
        map = null!;
        using var frames = new FramePipeline(services, _overlay, yields ? services.Background : TaskScheduler.Default);
        // Frames of what is below can be taken over where both are cut at the same places.
        StoredBase? reusable = _overlay.BaseLimit > _frameBytes && _extents.HasReusableFrames(_frameBytes)
            ? _overlay.Lower
            : null;
        int result = _size == 0 ? writer.Append(default) : 0;
        for (long offset = writer.LogicalBytes; offset < _size && result >= 0;)
        {
            if (yields && content.Lock.HasWaitingWriters)
                return -(int)Linux.Errno.EAGAIN;
            int untouched = reusable is null
                ? 0
                : _extents.CountUntouchedFrames(offset, _size, _frameBytes, _mostFrames);
            if (untouched > 0)
            {
                result = frames.Flush(writer);
                int first = (int)(offset / _frameBytes);
                // The copy waits where the disk is behind, so writers are let in: they change nothing of the frames
                // below.
                if (result >= 0)
                    result = yields
                        ? CommitPause.LetWritersIn(content, (writer, reusable!, first, untouched),
                            static run => run.writer.CopyFrames(run.Item2, run.first, run.first + run.untouched))
                        : writer.CopyFrames(reusable!, first, first + untouched);
                offset += (untouched - 1L) * _frameBytes + reusable!.Map[first + untouched - 1].LogicalBytes;
                continue;
            }
            long zeroFrames = _extents.HoleBytes(offset) / _frameBytes;
            if (zeroFrames > 0)
            {
                result = frames.Flush(writer);
                if (result >= 0)
                    result = writer.AppendZeros(zeroFrames, _frameBytes);
                offset += zeroFrames * _frameBytes;
                continue;
            }
            int count = (int)Math.Min(_frameBytes, _size - offset);
            result = frames.Add(offset, count, writer);
            offset += count;
        }
        if (result >= 0)
            result = frames.Flush(writer);
        return result < 0 ? result : writer.Finish(out map);
    }
}
