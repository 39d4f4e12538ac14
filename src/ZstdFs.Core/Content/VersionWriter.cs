using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Content;

/// <summary>
/// Writes one version of a file's content as frames: runs of frames that nobody touched are copied inside the kernel, the others are read, compressed and
/// verified on several cores and written in order.
/// </summary>
internal sealed class VersionWriter(ContentServices services, FileContent content, bool yields)
{
    // A writer waits for as much as is copied in one go.
    private const long LongestCopyBytes = 16 * 1024 * 1024;

    private readonly int _frameBytes = services.Options.FrameBytes;
    private readonly Overlay _overlay = content.Overlay;
    private readonly long _size = content.LogicalBytes;

    /// <summary>Goes on where the writer's frames end. −EAGAIN where it gave way to somebody who writes to the file.</summary>
    internal int Write(StoredFileWriter writer, out FrameMap map)
    {
        map = null!;
        var batch = new FrameBatch(services, _overlay, yields ? services.Background : TaskScheduler.Default);
        // Frames of what is below can be taken over where both are cut at the same places.
        StoredBase? reusable = !_overlay.IsBuffered && _overlay.BaseLimit > _frameBytes && _overlay.Lower.Map.IsUniform(_frameBytes) ? _overlay.Lower : null;
        int result = _size == 0 ? writer.Append(default) : 0;
        for (long offset = writer.LogicalBytes; offset < _size && result >= 0;)
        {
            if (yields && content.HasWaitingWriters)
                return -(int)Linux.Errno.EAGAIN;
            int untouched = reusable is null ? 0 : CountUntouched(reusable, offset);
            if (untouched > 0)
            {
                result = batch.Flush(writer);
                int first = (int)(offset / _frameBytes);
                if (result >= 0)
                    result = writer.CopyFrames(reusable!, first, first + untouched);
                offset += (untouched - 1L) * _frameBytes + reusable!.Map[first + untouched - 1].LogicalBytes;
                continue;
            }
            int count = (int)Math.Min(_frameBytes, _size - offset);
            result = batch.Add(offset, count, writer);
            offset += count;
        }
        if (result >= 0)
            result = batch.Flush(writer);
        return result < 0 ? result : writer.Finish(out map);
    }

    /// <summary>How many frames from this offset on are the lower version's own, whole and not written to.</summary>
    private int CountUntouched(StoredBase from, long offset)
    {
        int count = 0;
        for (int i = (int)(offset / _frameBytes); i < from.Map.FrameCount && (!yields || (long)count * _frameBytes < LongestCopyBytes); i++, count++)
        {
            FrameExtent frame = from.Map[i];
            long end = frame.LogicalOffset + frame.LogicalBytes;
            bool isLastShort = frame.LogicalBytes < _frameBytes;
            if (end > _overlay.BaseLimit || isLastShort && end != _size
                || _overlay.Working is { } working && working.Blocks.Any(frame.LogicalOffset / BlockMap.BlockBytes, (end + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes))
                break;
        }
        return count;
    }
}
