using ZstdFs.Fuse.Transport;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>
/// Serves one mount. Its threads read requests from the device, have the file system handle them, and write the
/// replies. The device may be any descriptor that carries one message a read: a test can play the kernel over a socket
/// pair.
/// </summary>
public sealed class FuseSession : IDisposable
{
    private const int StackBytes = 4 * 1024 * 1024;
    private const int BusyPollMs = 1;
    private const int SpareRetryMs = 100;

    // Guards the loops, the one start, and the one call of Destroyed: each Join returns after that call.
    private readonly Lock _gate = new();

    // Neither is disposed of: after Stop a thread may return from the device at any time.
    private readonly ManualResetEventSlim _initAnswered = new();
    private readonly ManualResetEventSlim _endedOrStopped = new();

    private readonly FuseNotifier _notifier;
    private readonly BurstWatch? _bursts;
    private DeviceLoop[] _loops = [];
    private int _running;
    private int _idle;
    private int _notifying;
    private int _isInitClaimed;
    private int _endedBy;
    private volatile bool _isInitialized;
    private volatile bool _isServing;
    private volatile bool _isStopping;
    private bool _isDestroyed;

    /// <summary>Makes a session that does not run yet. The caller closes the device.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its bounds.</exception>
    public FuseSession(FileDescriptor device, FuseFileSystem fileSystem, SessionOptions options)
        : this(new FuseDevice(device ?? throw new ArgumentNullException(nameof(device))), fileSystem, options) { }

    internal FuseSession(IFuseDevice device, FuseFileSystem fileSystem, SessionOptions options)
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (Device, FileSystem, Options) = (device, fileSystem, options);
        _notifier = new FuseNotifier(device, this);
        _bursts = options.OnBurst is { } changed ? new BurstWatch(changed) : null;
    }

    /// <summary>
    /// Why the session ended: ENODEV after an unmount, ECONNABORTED when the connection was aborted, None after
    /// <see cref="Stop"/> or while it runs; anything else is a fault of the device.
    /// </summary>
    public Errno EndedBy => (Errno)Volatile.Read(ref _endedBy);

    internal IFuseDevice Device { get; }
    internal FuseFileSystem FileSystem { get; }
    internal SessionOptions Options { get; }
    internal InitFlags Negotiated { get; private set; }
    internal bool IsInitialized => _isInitialized;
    internal bool IsStopping => _isStopping;

    /// <summary>Starts the threads.</summary>
    /// <exception cref="InvalidOperationException">It was started before.</exception>
    public void Start()
    {
        lock (_gate)
        {
            if (_loops.Length > 0)
                throw new InvalidOperationException("A session starts once.");
            var loops = new DeviceLoop[Options.Threads];
            for (int i = 0; i < loops.Length; i++)
                loops[i] = new DeviceLoop(this, isSpare: false);
            Volatile.Write(ref _running, loops.Length);
            Volatile.Write(ref _idle, loops.Length);
            Volatile.Write(ref _loops, loops);
            foreach (DeviceLoop loop in loops)
                StartThread(loop);
            _bursts?.Start();
        }
    }

    /// <summary>For a test: called before a thread starts, and may throw what the start may throw.</summary>
    internal Action? ThreadStarts { get; set; }

    private void StartThread(DeviceLoop loop)
    {
        ThreadStarts?.Invoke();
        new Thread(RunLoop, StackBytes) { IsBackground = true, Name = "fuse" }.Start(loop);
    }

    /// <summary>
    /// A thread has taken a request. If no thread is left that waits for one, a spare thread takes its place at the
    /// device.
    /// </summary>
    internal void NoteTaken()
    {
        _bursts?.Note();
        if (Interlocked.Decrement(ref _idle) <= 0)
            AddSpare();
    }

    /// <summary>
    /// A thread is about to wait for the kernel. The kernel may wait for the answer to another request, so another
    /// thread must be there to give it, however many threads wait.
    /// </summary>
    internal void NoteNotifying()
    {
        Interlocked.Increment(ref _notifying);
        if (Volatile.Read(ref _idle) <= 0)
            AddSpare();
    }

    internal void NoteNotified() => Interlocked.Decrement(ref _notifying);

    private void AddSpareIfNeeded()
    {
        if (Volatile.Read(ref _idle) <= 0)
            AddSpare();
    }

    private void AddSpare()
    {
        if (!_isInitialized || Options.Threads == 1)
            return;
        lock (_gate)
        {
            if (_loops.Length >= Options.MaxThreads + Volatile.Read(ref _notifying)
                || _isStopping || _isDestroyed || Volatile.Read(ref _idle) > 0)
                return;
            DeviceLoop[] before = _loops;
            DeviceLoop? spare = null;
            try
            {
                spare = new DeviceLoop(this, isSpare: true);
                Interlocked.Increment(ref _running);
                Interlocked.Increment(ref _idle);
                Volatile.Write(ref _loops, [.. before, spare]);
                StartThread(spare);
            }
            catch (Exception exception) when (exception is OutOfMemoryException or ThreadStartException)
            {
                // The process may have no more threads or memory for now. Its threads go on, and one may wait for an
                // answer that only a thread at the device gives: so this is tried again.
                if (spare is not null)
                {
                    Volatile.Write(ref _loops, before);
                    Interlocked.Decrement(ref _idle);
                    Interlocked.Decrement(ref _running);
                    spare.Dispose();
                }
                _ = Task.Delay(SpareRetryMs).ContinueWith(_ => AddSpareIfNeeded(), TaskScheduler.Default);
            }
        }
    }

    /// <summary>A thread has handled its request. True where the thread is to end.</summary>
    internal bool NoteDone(bool isSpare)
    {
        if (Interlocked.Increment(ref _idle) <= Options.Threads || !isSpare)
            return false;
        Interlocked.Decrement(ref _idle);
        return true;
    }

    /// <summary>
    /// Waits until INIT has been answered. False after the timeout, after a refusal, or when the session ends first.
    /// </summary>
    public bool WaitUntilServing(TimeSpan timeout)
    {
        _initAnswered.Wait(timeout);
        return _isServing;
    }

    /// <summary>Serves until the mount is gone.</summary>
    public void Run()
    {
        Start();
        Join();
    }

    /// <summary>
    /// Ends the session while the mount stays. From here on the session answers requests with ENOTCONN, and they do not
    /// reach the file system. Returns at once; <see cref="Join"/> waits for the ops under way.
    /// </summary>
    /// <remarks>
    /// Only an unmount or an abort ends a blocking read of the device. Until then the threads stay and give that
    /// answer: a caller is refused at once and does not wait for this process to end.
    /// </remarks>
    public void Stop()
    {
        _isStopping = true;
        // With the one in DeviceLoop.Run: either the loop sees the stop, or Join sees the loop busy.
        Interlocked.MemoryBarrier();
        _initAnswered.Set();
        _endedOrStopped.Set();
    }

    /// <summary>
    /// Waits until the mount is gone and every thread has ended, or after <see cref="Stop"/> until no op runs any more.
    /// </summary>
    public void Join()
    {
        _endedOrStopped.Wait();
        while (Volatile.Read(ref _running) > 0 && Array.Exists(Volatile.Read(ref _loops), loop => loop.IsBusy))
            Thread.Sleep(BusyPollMs);
        lock (_gate)
        {
            if (_isDestroyed)
                return;
            _isDestroyed = true;
            _bursts?.Dispose();
            FileSystem.Destroyed();
        }
    }

    /// <summary>Stops, and waits for the ops under way. The device stays the caller's.</summary>
    public void Dispose()
    {
        Stop();
        Join();
    }

    /// <summary>Answers INIT, and tells the file system what was settled.</summary>
    internal int Initialize(ref Request request)
    {
        int result = Negotiation.Decode(ref request, out FuseInitIn init, out InitFlags offered);
        if (result < 0)
            return result;
        // The kernel has a newer major version. Name ours, and it asks again in ours.
        if (init.Major > Negotiation.Major)
            return request.Answer(0, new FuseInitOut { Major = Negotiation.Major, Minor = Negotiation.NewestMinor });
        if (init.Major < Negotiation.Major || init.Minor < Negotiation.OldestMinor)
        {
            Report(FuseOpcode.Init, 0, new NotSupportedException(
                $"The kernel speaks FUSE {init.Major}.{init.Minor}; {Negotiation.Major}.{Negotiation.OldestMinor} "
                    + "(Linux 5.4) is needed."));
            return -(int)Errno.EPROTO;
        }
        if (Interlocked.Exchange(ref _isInitClaimed, 1) != 0)
            return Request.Malformed;
        FuseInitOut settled = Negotiation.Settle(init, offered & ~Options.Withheld, Options);
        Negotiated = settled.AllFlags;
        _notifier.CanExpire = (Negotiated & InitFlags.HasExpireOnly) != 0;
        FileSystem.Initialized(Connection(settled));
        _isInitialized = true;
        return request.Answer(0, settled);
    }

    private NegotiatedConnection Connection(in FuseInitOut settled)
    {
        InitFlags flags = settled.AllFlags;
        return new NegotiatedConnection(settled.Major, settled.Minor, settled.MaxWrite, (ulong)flags,
            KeepsPages: (flags & InitFlags.ExplicitInvalidateData) != 0,
            MapsDirectFiles: (flags & InitFlags.DirectIoAllowMmap) != 0,
            SaysWhoKeepsPrivileges: (flags & InitFlags.HandleKillPrivV2) != 0,
            NamesOwnersOnly: (flags & InitFlags.AllowIdmap) != 0,
            _notifier,
            (flags & InitFlags.Passthrough) != 0 ? new BackingFiles(Device) : null);
    }

    /// <summary>An answer to INIT was sent. If it named another version, the kernel asks again.</summary>
    internal void NoteInitAnswered(int result, int sent)
    {
        if (result >= 0 && !_isInitialized)
            return;
        if (result >= 0 && sent >= 0)
            _isServing = true;
        _initAnswered.Set();
    }

    /// <summary>
    /// Reports a failure. An exception of the report itself is dropped: the request must still be answered.
    /// </summary>
    internal void Report(FuseOpcode opcode, ulong node, Exception exception)
    {
        try
        {
            Options.OnFailure?.Invoke(opcode, node, exception);
        }
        catch (Exception)
        {
            // There is no other place to report to.
        }
    }

    private void RunLoop(object? state)
    {
        using (var loop = (DeviceLoop)state!)
        {
            int result = loop.Run();
            if (result != DeviceLoop.NotNeeded)
                Interlocked.CompareExchange(ref _endedBy, -result, 0);
            lock (_gate)
            {
                if (result == DeviceLoop.NotNeeded)
                    Volatile.Write(ref _loops, [.. _loops.Where(other => other != loop)]);
            }
        }
        if (Interlocked.Decrement(ref _running) > 0)
            return;
        // No INIT will come: end the waits for it.
        _initAnswered.Set();
        _endedOrStopped.Set();
    }
}
