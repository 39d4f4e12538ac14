using System.Buffers;
using System.Runtime.ExceptionServices;

namespace ZstdFs.Core.Compression.Cache;

/// <summary>Decodes a frame into memory.</summary>
internal interface IFrameSource
{
    /// <summary>Fills <paramref name="content"/>, which is as long as the frame's logical length, or throws.</summary>
    void DecodeFrame(int frame, Span<byte> content);
}

/// <summary>
/// Decoded frames of all files, in a bounded amount of memory; the least recently used go first. Two readers of one
/// frame decode it once, and readers of other frames never wait for that. Thread-safe. A full cache allocates nothing
/// on the managed heap.
/// </summary>
internal sealed class FrameCache : IDisposable
{
    internal const int DefaultMaxFrameBytes = 4 * 1024 * 1024;

    // Guards the index, the block pool, the idle slots, and every slot's fields but State and Failure. Held for pointer
    // work only: never while a frame is decoded, copied or waited for. No other lock is taken under it.
    private readonly Lock _gate = new();
    private readonly CachedFrameIndex _index = new();
    private readonly NativeBlockPool _blocks;
    private readonly Stack<CachedFrame> _idleSlots = new();
    private long _hits;
    private long _misses;

    /// <param name="capacityBytes">The most that is ever allocated.</param>
    /// <param name="maxFrameBytes">Longer frames do not go into the cache: see <see cref="StoredFileReader"/>.</param>
    internal FrameCache(long capacityBytes, int maxFrameBytes = DefaultMaxFrameBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(capacityBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxFrameBytes, 1);
        CapacityBytes = capacityBytes;
        MaxFrameBytes = maxFrameBytes;
        _blocks = new NativeBlockPool(capacityBytes, maxFrameBytes);
    }

    internal long CapacityBytes { get; }

    internal int MaxFrameBytes { get; }

    /// <summary>Memory held now, idle blocks included.</summary>
    internal long AllocatedBytes
    {
        get
        {
            lock (_gate)
                return _blocks.AllocatedBytes;
        }
    }

    internal long Hits => Volatile.Read(ref _hits);

    internal long Misses => Volatile.Read(ref _misses);

    /// <summary>Copies from the frame where the cache has it. False where not; nothing is touched then.</summary>
    internal bool TryRead(FrameKey key, int offset, Span<byte> destination)
    {
        CachedFrame? frame = PinExisting(key);
        if (frame is null)
            return false;
        ReadPinned(frame, offset, destination);
        return true;
    }

    /// <summary>
    /// Copies from the frame. Where the cache does not have it, <paramref name="source"/> decodes it first. An
    /// exception of the source reaches this caller and every reader that waits for the frame. The cache forgets the
    /// failure.
    /// </summary>
    internal void Read(FrameKey key, int frameBytes, int offset, Span<byte> destination, IFrameSource source)
    {
        CachedFrame? frame = PinOrAdd(key, frameBytes, out bool isLoader);
        if (frame is null)
        {
            ReadUncached(key.Frame, frameBytes, offset, destination, source);
            return;
        }
        if (isLoader)
            Load(frame, source);
        ReadPinned(frame, offset, destination);
    }

    /// <summary>
    /// Decodes the frame before a read asks for it. False where the cache has it, where another thread decodes it, and
    /// where there is no room.
    /// </summary>
    internal bool Prefetch(FrameKey key, int frameBytes, IFrameSource source)
    {
        CachedFrame? frame = PinOrAdd(key, frameBytes, out bool isLoader);
        if (frame is null)
            return false;
        if (isLoader)
            Load(frame, source);
        Unpin(frame);
        return isLoader;
    }

    /// <summary>Forgets the file's frames. Reads under way still succeed.</summary>
    internal void Invalidate(ulong fileId)
    {
        lock (_gate)
        {
            while (_index.FirstOfFile(fileId) is { } frame)
                Drop(frame);
        }
    }

    /// <summary>Forgets everything and frees it. No thread may be reading.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            while (_index.Oldest is { } frame)
                Drop(frame);
            _blocks.FreeIdle();
        }
    }

    private CachedFrame? PinExisting(FrameKey key)
    {
        lock (_gate)
        {
            CachedFrame? frame = _index.Find(key);
            if (frame is not null)
            {
                frame.Pins++;
                _hits++;
            }
            return frame;
        }
    }

    /// <summary>
    /// The frame's slot, pinned; the caller must load a new one. Null where the frame is too long, or where there is no
    /// room because everything is pinned.
    /// </summary>
    private CachedFrame? PinOrAdd(FrameKey key, int frameBytes, out bool isLoader)
    {
        isLoader = false;
        lock (_gate)
        {
            CachedFrame? frame = _index.Find(key);
            if (frame is not null)
            {
                frame.Pins++;
                _hits++;
                return frame;
            }
            _misses++;
            if (frameBytes > MaxFrameBytes || !TryTakeBlock(frameBytes, out NativeBlock block))
                return null;
            if (!_idleSlots.TryPop(out frame))
                frame = new CachedFrame();
            (frame.Key, frame.Block, frame.Length, frame.Pins, frame.State) =
                (key, block, frameBytes, 1, CachedFrameState.Loading);
            _index.Add(frame);
            isLoader = true;
            return frame;
        }
    }

    private bool TryTakeBlock(int bytes, out NativeBlock block)
    {
        while (!_blocks.TryTake(bytes, out block))
        {
            if (_index.OldestUnpinned() is not { } oldest)
                return false;
            Drop(oldest);
        }
        return true;
    }

    /// <summary>
    /// Decodes into a slot that only this thread may write. After a failure it drops and unpins the slot.
    /// </summary>
    private void Load(CachedFrame frame, IFrameSource source)
    {
        try
        {
            source.DecodeFrame(frame.Key.Frame, frame.Content);
            Publish(frame, CachedFrameState.Ready, null);
        }
        catch (Exception error)
        {
            lock (_gate)
            {
                if (frame.IsIndexed)
                    Drop(frame);
            }
            Publish(frame, CachedFrameState.Failed, error);
            Unpin(frame);
            throw;
        }
    }

    private static void Publish(CachedFrame frame, CachedFrameState state, Exception? failure)
    {
        lock (frame)
        {
            frame.State = state;
            frame.Failure = failure;
            Monitor.PulseAll(frame);
        }
    }

    private void ReadPinned(CachedFrame frame, int offset, Span<byte> destination)
    {
        try
        {
            WaitUntilLoaded(frame);
            frame.Content.Slice(offset, destination.Length).CopyTo(destination);
        }
        finally
        {
            Unpin(frame);
        }
    }

    private static void WaitUntilLoaded(CachedFrame frame)
    {
        lock (frame)
        {
            while (frame.State == CachedFrameState.Loading)
                Monitor.Wait(frame);
            if (frame.Failure is not null)
                ExceptionDispatchInfo.Throw(frame.Failure);
        }
    }

    private void Unpin(CachedFrame frame)
    {
        lock (_gate)
        {
            if (--frame.Pins == 0 && !frame.IsIndexed)
                Recycle(frame);
        }
    }

    private void Drop(CachedFrame frame)
    {
        _index.Remove(frame);
        if (frame.Pins == 0)
            Recycle(frame);
    }

    private void Recycle(CachedFrame frame)
    {
        _blocks.Give(frame.Block);
        frame.Block = default;
        frame.Failure = null;
        _idleSlots.Push(frame);
    }

    private static void ReadUncached(int frame, int frameBytes, int offset, Span<byte> destination, IFrameSource source)
    {
        byte[] scratch = ArrayPool<byte>.Shared.Rent(Math.Max(frameBytes, 1));
        try
        {
            Span<byte> content = scratch.AsSpan(0, frameBytes);
            source.DecodeFrame(frame, content);
            content.Slice(offset, destination.Length).CopyTo(destination);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }
}
