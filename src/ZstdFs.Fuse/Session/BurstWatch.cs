namespace ZstdFs.Fuse.Session;

/// <summary>
/// Reports when a burst of requests begins and when it ends. In a burst a program waits for each answer, and the daemon
/// waits for each request, so that every request costs two wake-ups.
/// </summary>
internal sealed class BurstWatch(Action<bool> changed) : IDisposable
{
    // Beginning: so many requests within one tick of the coarse clock (1 to 4 ms) are a burst. Continuing: the burst
    // ends when fewer requests come between two looks.
    private const int Beginning = 8, Continuing = 8;
    private const int LookMs = 10;

    // Not disposed of: a session thread may return from the device at any time after a stop.
    private readonly AutoResetEvent _begun = new(false);

    // Counts are hints: threads that count at once may lose some.
    private long _tick;
    private int _inTick;
    private int _requests;
    private volatile bool _isBurst;
    private volatile bool _isOver;
    private Thread? _thread;

    internal void Start()
    {
        _thread = new Thread(Watch) { IsBackground = true, Name = "burst" };
        _thread.Start();
    }

    /// <summary>A request was taken. Costs a look at the coarse clock.</summary>
    internal void Note()
    {
        _requests++;
        if (_isBurst)
            return;
        long tick = Environment.TickCount64;
        if (tick != _tick)
            (_tick, _inTick) = (tick, 0);
        else if (++_inTick == Beginning)
        {
            _isBurst = true;
            _begun.Set();
        }
    }

    /// <summary>No callback runs after this has returned.</summary>
    public void Dispose()
    {
        _isOver = true;
        _begun.Set();
        _thread?.Join();
    }

    private void Watch()
    {
        while (true)
        {
            _begun.WaitOne();
            if (_isOver)
                return;
            changed(true);
            int before;
            do
            {
                before = _requests;
                Thread.Sleep(LookMs);
            }
            while (!_isOver && unchecked(Volatile.Read(ref _requests) - before) >= Continuing);
            changed(false);
            _isBurst = false;
        }
    }
}
