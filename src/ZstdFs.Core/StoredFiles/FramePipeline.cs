using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Cache;

namespace ZstdFs.Core.StoredFiles;

/// <summary>
/// Reads frames of a content, compresses and verifies them side by side, and writes them in order. The committing
/// thread compresses too. No thread waits for the slowest of a group: while the oldest frame is still in work, the next
/// one is begun. One thread adds frames. The content must not change until this is disposed of.
/// </summary>
internal sealed class FramePipeline(StorageServices services, IContentSource content, TaskScheduler threads)
    : IDisposable
{
    private const long WindowBytes = 8 * 1024 * 1024;
    private const int FramesPerJob = 4;

    // In order. Only the committing thread uses it.
    private readonly Queue<PendingFrame> _frames = new();

    // The same frames, until a thread begins to compress them.
    private readonly ConcurrentQueue<PendingFrame> _waiting = new();

    // The committing thread waits here for a frame that another thread compresses; guards IsDone.
    private readonly object _gate = new();
    private readonly int _level = content.Level;
    private readonly int _most = Math.Max(
        1, (int)Math.Min(WindowBytes / services.Options.FrameBytes, (long)services.Options.Jobs * FramesPerJob));
    private int _helpers;

    private sealed class PendingFrame(long offset, int logicalBytes)
    {
        internal readonly long Offset = offset;
        internal readonly int LogicalBytes = logicalBytes;
        internal FrameBuffer? Stored;
        internal int StoredBytes;
        internal int Result;
        internal ExceptionDispatchInfo? Failure;
        internal bool IsDone;
    }

    /// <summary>
    /// Adds this part of the content as one frame. Writes the oldest frames where enough are under way.
    /// </summary>
    internal int Add(long offset, int bytes, StoredFileWriter writer)
    {
        var frame = new PendingFrame(offset, bytes);
        _frames.Enqueue(frame);
        _waiting.Enqueue(frame);
        if (_frames.Count > 1)
            CallHelper();
        return Write(writer, _most - 1);
    }

    /// <summary>Writes all frames that were added.</summary>
    internal int Flush(StoredFileWriter writer) => Write(writer, 0);

    private int Write(StoredFileWriter writer, int remaining)
    {
        int result = 0;
        while (_frames.Count > remaining && result >= 0)
        {
            PendingFrame oldest = _frames.Peek();
            Finish(oldest);
            result = oldest.Result;
            oldest.Failure?.Throw();
            if (result >= 0)
                result = writer.AppendFrame(oldest.Stored!.Value.AsSpan(oldest.StoredBytes), oldest.LogicalBytes);
            oldest.Stored?.Dispose();
            _frames.Dequeue();
        }
        return result;
    }

    private void Finish(PendingFrame frame)
    {
        while (!Volatile.Read(ref frame.IsDone))
        {
            if (_waiting.TryDequeue(out PendingFrame? next))
            {
                Compress(next);
                continue;
            }
            lock (_gate)
            {
                while (!frame.IsDone)
                    Monitor.Wait(_gate);
            }
        }
    }

    private void CallHelper()
    {
        if (Volatile.Read(ref _helpers) >= services.Options.Jobs - 1)
            return;
        Interlocked.Increment(ref _helpers);
        Task.Factory.StartNew(Help, CancellationToken.None, TaskCreationOptions.None, threads);
    }

    private void Help()
    {
        while (_waiting.TryDequeue(out PendingFrame? frame))
            Compress(frame);
        Interlocked.Decrement(ref _helpers);
    }

    private void Compress(PendingFrame frame)
    {
        try
        {
            int room = FrameEncoder.BoundBytes(frame.LogicalBytes);
            FrameBuffer stored = services.Codecs.Buffers.Rent(room);
            frame.Stored = stored;
            using FrameBuffer logical = services.Codecs.Buffers.Rent(frame.LogicalBytes);
            Span<byte> bytes = logical.AsSpan(frame.LogicalBytes);
            frame.Result = content.Read(frame.Offset, bytes);
            if (frame.Result >= 0)
                frame.StoredBytes = StoredFileWriter.Compress(services, _level, bytes, stored.AsSpan(room));
        }
        catch (Exception e)
        {
            // Thrown again on the thread that commits.
            frame.Failure = ExceptionDispatchInfo.Capture(e);
        }
        lock (_gate)
        {
            frame.IsDone = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>
    /// Gives up the frames that are not written yet. Waits for the threads that still compress some of them.
    /// </summary>
    public void Dispose()
    {
        while (_waiting.TryDequeue(out PendingFrame? frame))
            frame.IsDone = true;
        foreach (PendingFrame frame in _frames)
        {
            Finish(frame);
            frame.Stored?.Dispose();
        }
        _frames.Clear();
    }
}
