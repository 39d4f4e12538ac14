using System.Runtime.ExceptionServices;

namespace ZstdFs.Core.Compression.Cache;

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
        using Lease lease = PinExisting(key);
        if (!lease.HasSlot)
            return false;
        lease.Read(offset, destination);
        return true;
    }

    /// <summary>
    /// Pins the frame's slot. Where the cache does not have the frame, it makes a slot, and the caller is its loader.
    /// The lease has no slot where the frame is too long, or where there is no room because everything is pinned.
    /// Never waits for another thread's decoding.
    /// </summary>
    internal Lease Pin(FrameKey key, int frameBytes)
    {
        lock (_gate)
        {
            CachedFrame? frame = _index.Find(key);
            if (frame is not null)
            {
                frame.Pins++;
                _hits++;
                return new Lease(this, frame, isLoader: false);
            }
            _misses++;
            if (frameBytes > MaxFrameBytes || !TryTakeBlock(frameBytes, out NativeBlock block))
                return default;
            if (!_idleSlots.TryPop(out frame))
                frame = new CachedFrame();
            (frame.Key, frame.Block, frame.Length, frame.Pins, frame.State) =
                (key, block, frameBytes, 1, CachedFrameState.Loading);
            _index.Add(frame);
            return new Lease(this, frame, isLoader: true);
        }
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

    private Lease PinExisting(FrameKey key)
    {
        lock (_gate)
        {
            CachedFrame? frame = _index.Find(key);
            if (frame is null)
                return default;
            frame.Pins++;
            _hits++;
            return new Lease(this, frame, isLoader: false);
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

    private void DropFailed(CachedFrame frame)
    {
        lock (_gate)
        {
            if (frame.IsIndexed)
                Drop(frame);
        }
    }

    private static void EndLoading(CachedFrame frame, CachedFrameState state, Exception? failure)
    {
        lock (frame)
        {
            frame.State = state;
            frame.Failure = failure;
            Monitor.PulseAll(frame);
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

    /// <summary>
    /// A pinned slot, or none. The caller disposes of the lease exactly once, which unpins the slot. A loader calls
    /// <see cref="Publish"/> or <see cref="Fail"/> before that: other threads wait until it does.
    /// </summary>
    internal readonly ref struct Lease
    {
        private readonly FrameCache _cache;
        private readonly CachedFrame? _frame;

        internal Lease(FrameCache cache, CachedFrame frame, bool isLoader)
        {
            _cache = cache;
            _frame = frame;
            IsLoader = isLoader;
        }

        /// <summary>False where the cache does not take the frame: the caller decodes it elsewhere.</summary>
        internal bool HasSlot => _frame is not null;

        /// <summary>The caller must decode the frame into <see cref="Content"/>. No other thread does.</summary>
        internal bool IsLoader { get; }

        /// <summary>The frame's memory. Only the loader writes it, and only until it publishes the frame.</summary>
        internal Span<byte> Content => _frame!.Content;

        /// <summary>The loader has filled <see cref="Content"/>: wakes the readers that wait for it.</summary>
        internal void Publish() => EndLoading(_frame!, CachedFrameState.Ready, null);

        /// <summary>
        /// The loader could not decode the frame: every reader that waits for it throws this exception. The cache
        /// forgets the failure, and the next reader tries again.
        /// </summary>
        internal void Fail(Exception failure)
        {
            // The slot leaves the index first: a reader that wakes may try again at once and must not find it.
            _cache.DropFailed(_frame!);
            EndLoading(_frame!, CachedFrameState.Failed, failure);
        }

        /// <summary>Waits for the loader and copies from the frame. Throws what the loader failed with.</summary>
        internal void Read(int offset, Span<byte> destination)
        {
            WaitUntilLoaded(_frame!);
            Content.Slice(offset, destination.Length).CopyTo(destination);
        }

        public void Dispose()
        {
            if (_frame is not null)
                _cache.Unpin(_frame);
        }
    }
}
