using System.Runtime.ExceptionServices;
using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Content;

/// <summary>Frames that are read from a content, compressed and verified side by side, and written in order.</summary>
internal sealed class FrameBatch(ContentServices services, Overlay content, TaskScheduler threads)
{
    private const long BatchBytes = 8 * 1024 * 1024;

    private readonly List<PendingFrame> _frames = [];
    private readonly int _level = content.Level;
    private readonly int _most = Math.Max(1, (int)Math.Min(BatchBytes / services.Options.FrameBytes, services.Options.Jobs * 4L));

    private sealed class PendingFrame
    {
        internal long Offset;
        internal int LogicalBytes;
        internal FrameBuffer? Stored;
        internal int StoredBytes;
        internal int Result;
        internal ExceptionDispatchInfo? Failure;
    }

    /// <summary>Takes this part of the content as one frame; writes them all where that is enough for one go.</summary>
    internal int Add(long offset, int bytes, StoredFileWriter writer)
    {
        _frames.Add(new PendingFrame { Offset = offset, LogicalBytes = bytes });
        return _frames.Count == _most ? Flush(writer) : 0;
    }

    /// <summary>Writes what was taken.</summary>
    internal int Flush(StoredFileWriter writer)
    {
        if (_frames.Count == 1 || services.Options.Jobs == 1)
            _frames.ForEach(Compress);
        else if (_frames.Count > 1)
            Parallel.ForEach(_frames, new ParallelOptions { MaxDegreeOfParallelism = services.Options.Jobs, TaskScheduler = threads }, Compress);
        int result = 0;
        ExceptionDispatchInfo? failure = null;
        foreach (PendingFrame frame in _frames)
        {
            if (result >= 0)
                result = frame.Result;
            failure ??= frame.Failure;
            if (result >= 0 && failure is null)
                result = writer.AppendFrame(frame.Stored!.Value.AsSpan(frame.StoredBytes), frame.LogicalBytes);
            frame.Stored?.Dispose();
        }
        _frames.Clear();
        failure?.Throw();
        return result;
    }

    private void Compress(PendingFrame frame)
    {
        int room = FrameEncoder.BoundBytes(frame.LogicalBytes);
        FrameBuffer stored = services.Codecs.Buffers.Rent(room);
        frame.Stored = stored;
        using FrameBuffer logical = services.Codecs.Buffers.Rent(frame.LogicalBytes);
        try
        {
            Span<byte> bytes = logical.AsSpan(frame.LogicalBytes);
            frame.Result = content.Read(frame.Offset, bytes);
            if (frame.Result >= 0)
                frame.StoredBytes = StoredFileWriter.Compress(services, _level, bytes, stored.AsSpan(room));
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            // Thrown again on the thread that commits, as itself and not as one of an aggregate.
            frame.Failure = ExceptionDispatchInfo.Capture(e);
        }
    }
}
