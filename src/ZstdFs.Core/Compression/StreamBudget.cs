namespace ZstdFs.Core.Compression;

/// <summary>
/// Limits the memory of decoders that are kept between reads in the middle of large frames. A decoder that begins is
/// never refused: where the sum exceeds the limit, the least recently used idle ones are freed for it. One with a
/// window beyond zstd's default, which may take gigabytes, is freed when it has rested for a while. Thread-safe.
/// </summary>
internal sealed class StreamBudget
{
    internal const long DefaultBytes = 32L << 20;

    // Long enough that a reader who goes on finds its decoder: a frame decodes from its beginning otherwise.
    private const int DefaultRestMs = 10_000;

    // A monitor, not a Lock: cursors with large windows wait on it for their turn. Guards all fields, and of the
    // cursors: IsBusy, IsCounted, Age, and the decoder while the cursor is not busy.
    private readonly object _gate = new();
    private readonly LinkedList<FrameCursor> _byAge = new();
    private readonly long _ceilingBytes;
    private long _usedBytes;
    private bool _isLargeBusy;
    private readonly int _restMs;
    private long _largeRestsSince;
    private bool _isRestWatched;

    internal StreamBudget(WindowLimit windows, long ceilingBytes = DefaultBytes, int restMs = DefaultRestMs)
    {
        Windows = windows;
        _ceilingBytes = ceilingBytes;
        _restMs = restMs;
    }

    /// <summary>The limit of a single window.</summary>
    internal WindowLimit Windows { get; }

    /// <summary>Windows of the decoders that are kept.</summary>
    internal long UsedBytes
    {
        get
        {
            lock (_gate)
                return _usedBytes;
        }
    }

    /// <summary>
    /// The cursor is about to decode. Of cursors with windows beyond zstd's default only one works at a time.
    /// </summary>
    internal void Enter(FrameCursor cursor)
    {
        lock (_gate)
        {
            while (_isLargeBusy && IsLarge(cursor))
                Monitor.Wait(_gate);
            _isLargeBusy |= IsLarge(cursor);
            cursor.IsBusy = true;
            if (cursor.IsCounted)
            {
                _byAge.Remove(cursor.Age!);
            }
            else
            {
                MakeRoom(cursor.WindowBytes);
                cursor.IsCounted = true;
                cursor.Age ??= new LinkedListNode<FrameCursor>(cursor);
                _usedBytes += cursor.WindowBytes;
            }
            _byAge.AddLast(cursor.Age!);
        }
    }

    /// <summary>The cursor rests; from here on the budget may free its decoder.</summary>
    internal void Leave(FrameCursor cursor)
    {
        lock (_gate)
        {
            cursor.IsBusy = false;
            if (!IsLarge(cursor))
                return;
            _isLargeBusy = false;
            _largeRestsSince = Environment.TickCount64;
            Monitor.PulseAll(_gate);
            if (!_isRestWatched)
                WatchRest(_restMs);
            _isRestWatched = true;
        }
    }

    private void WatchRest(long ms) =>
        _ = Task.Delay((int)ms).ContinueWith(_ => FreeRested(), TaskScheduler.Default);

    private void FreeRested()
    {
        lock (_gate)
        {
            long left = _isLargeBusy ? _restMs : _largeRestsSince + _restMs - Environment.TickCount64;
            if (left > 0)
            {
                WatchRest(left);
                return;
            }
            _isRestWatched = false;
            LinkedListNode<FrameCursor>? node = _byAge.First;
            while (node is not null)
            {
                LinkedListNode<FrameCursor>? next = node.Next;
                if (!node.Value.IsBusy && IsLarge(node.Value))
                    TakeDecoder(node.Value);
                node = next;
            }
        }
    }

    private static bool IsLarge(FrameCursor cursor) => cursor.WindowBytes > WindowLimit.DefaultBytes;

    /// <summary>Frees the decoder of a cursor that nothing reads from.</summary>
    internal void Remove(FrameCursor cursor)
    {
        lock (_gate)
            TakeDecoder(cursor);
    }

    private void MakeRoom(long bytes)
    {
        LinkedListNode<FrameCursor>? node = _byAge.First;
        while (node is not null && _usedBytes + bytes > _ceilingBytes)
        {
            LinkedListNode<FrameCursor>? next = node.Next;
            if (!node.Value.IsBusy)
                TakeDecoder(node.Value);
            node = next;
        }
    }

    private void TakeDecoder(FrameCursor cursor)
    {
        cursor.ReleaseDecoder();
        if (!cursor.IsCounted)
            return;
        cursor.IsCounted = false;
        _usedBytes -= cursor.WindowBytes;
        _byAge.Remove(cursor.Age!);
    }
}
