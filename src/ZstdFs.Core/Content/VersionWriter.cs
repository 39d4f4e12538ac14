using System.Buffers;
using System.Runtime.ExceptionServices;
using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// Writes one version of a file's content as frames: runs of frames that nobody touched are copied inside the kernel, the others are read, compressed and
/// verified on several cores and written in order.
/// </summary>
internal sealed class VersionWriter(ContentServices services, FileContent content, bool yields)
{
    private const long BatchBytes = 8 * 1024 * 1024;

    private readonly int _frameBytes = services.Options.FrameBytes;
    private readonly long _size = content.LogicalBytes;
    private readonly List<PendingFrame> _batch = [];

    private sealed class PendingFrame
    {
        internal long Offset;
        internal int LogicalBytes;
        internal byte[] Stored = [];
        internal int StoredBytes;
        internal int Result;
        internal ExceptionDispatchInfo? Failure;
    }

    internal int Write(FileDescriptor file, out FrameMap map)
    {
        map = null!;
        var writer = new StoredFileWriter(services, file);
        // Frames of the base can be taken over where both are cut at the same places.
        StoredBase? reusable = !content.IsBuffered && content.BaseLimit > _frameBytes && content.Base.Map.IsUniform(_frameBytes) ? content.Base : null;
        int perBatch = Math.Max(1, (int)Math.Min(BatchBytes / _frameBytes, services.Options.Jobs * 4L));
        int result = _size == 0 ? writer.Append(default) : 0;
        for (long offset = 0; offset < _size && result >= 0;)
        {
            if (yields && content.HasWaitingWriters)
                return -(int)Errno.EAGAIN;
            int untouched = reusable is null ? 0 : CountUntouched(reusable, offset);
            if (untouched > 0)
            {
                result = FlushBatch(writer);
                int first = (int)(offset / _frameBytes);
                if (result >= 0)
                    result = writer.CopyFrames(reusable!, first, first + untouched);
                offset += (untouched - 1L) * _frameBytes + reusable!.Map[first + untouched - 1].LogicalBytes;
                continue;
            }
            int count = (int)Math.Min(_frameBytes, _size - offset);
            _batch.Add(new PendingFrame { Offset = offset, LogicalBytes = count });
            offset += count;
            if (_batch.Count == perBatch)
                result = FlushBatch(writer);
        }
        if (result >= 0)
            result = FlushBatch(writer);
        return result < 0 ? result : writer.Finish(out map);
    }

    private int FlushBatch(StoredFileWriter writer)
    {
        if (_batch.Count == 1 || services.Options.Jobs == 1)
            _batch.ForEach(Compress);
        else if (_batch.Count > 1)
            Parallel.ForEach(_batch, new ParallelOptions { MaxDegreeOfParallelism = services.Options.Jobs }, Compress);
        int result = 0;
        foreach (PendingFrame frame in _batch)
        {
            if (result >= 0)
                result = frame.Result;
            frame.Failure?.Throw();
            if (result >= 0)
                result = writer.AppendFrame(frame.Stored.AsSpan(0, frame.StoredBytes), frame.LogicalBytes);
            if (frame.Stored.Length > 0)
                ArrayPool<byte>.Shared.Return(frame.Stored);
        }
        _batch.Clear();
        return result;
    }

    private void Compress(PendingFrame frame)
    {
        byte[] logical = ArrayPool<byte>.Shared.Rent(frame.LogicalBytes);
        frame.Stored = ArrayPool<byte>.Shared.Rent(FrameEncoder.BoundBytes(frame.LogicalBytes));
        try
        {
            Span<byte> bytes = logical.AsSpan(0, frame.LogicalBytes);
            frame.Result = content.ReadLoaded(frame.Offset, bytes);
            if (frame.Result >= 0)
                frame.StoredBytes = StoredFileWriter.Compress(services, bytes, frame.Stored);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            // Thrown again on the thread that commits, as itself and not as one of an aggregate.
            frame.Failure = ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(logical);
        }
    }

    /// <summary>How many frames from this offset on are the base's own, whole and not written to.</summary>
    private int CountUntouched(StoredBase from, long offset)
    {
        int count = 0;
        for (int i = (int)(offset / _frameBytes); i < from.Map.FrameCount; i++, count++)
        {
            FrameExtent frame = from.Map[i];
            long end = frame.LogicalOffset + frame.LogicalBytes;
            bool isLastShort = frame.LogicalBytes < _frameBytes;
            if (end > content.BaseLimit || isLastShort && end != content.LogicalBytes
                || content.Working is { } working && working.Blocks.Any(frame.LogicalOffset / BlockMap.BlockBytes, (end + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes))
                break;
        }
        return count;
    }
}
