namespace ZstdFs.Fuse.Session;

/// <summary>
/// Tells when requests begin to follow each other closely, and when that is over: a program that waits for one answer after another is waited for by
/// the daemon in turn, so that what a wake-up takes is paid twice a request.
/// </summary>
internal sealed class BurstWatch(Action<bool> changed) : IDisposable
{
    // So many within one tick of the coarse clock (1 to 4 ms) are a burst; fewer than so many within a look later, it is over.
    private const int Beginning = 8, Continuing = 8;
    private const int LookMs = 10;

    // Not disposed of: after a stop a thread may come back from the device at any time.
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

    /// <summary>Nothing is told once this has returned.</summary>
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
