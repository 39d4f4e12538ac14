using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Conversion;

/// <summary>Counts work under way, for a thread that waits until all of it is done.</summary>
internal sealed class WorkGroup
{
    private readonly object _gate = new(); // guards _open; a monitor, because it is waited on
    private int _open;

    /// <summary>One more job is under way.</summary>
    internal void Add()
    {
        lock (_gate)
            _open++;
    }

    /// <summary>A job has ended.</summary>
    internal void Done()
    {
        lock (_gate)
        {
            if (--_open == 0)
                Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits until no job is under way.</summary>
    internal void Wait()
    {
        lock (_gate)
        {
            while (_open > 0)
                Monitor.Wait(_gate);
        }
    }
}

/// <summary>
/// Threads with codecs of their own. Work that ends a batch goes before work that begins the next one, because it frees
/// descriptors and disk space.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    private readonly object _gate = new(); // guards the queues and _closed; a monitor, because the threads wait on it
    private readonly Queue<Action<Worker>> _urgent = new(), _ordinary = new();
    private readonly Thread[] _threads;
    private bool _closed;

    internal WorkerPool(Codec codec, int threads, int level)
    {
        _threads = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            _threads[i] = new Thread(() => Run(codec, level)) { IsBackground = true, Name = $"convert-{i}" };
            _threads[i].Start();
        }
    }

    /// <summary>How many threads it has.</summary>
    internal int Threads => _threads.Length;

    /// <summary>Runs the work on some thread; it must not throw.</summary>
    internal void Post(Action<Worker> work, bool urgent = false)
    {
        lock (_gate)
        {
            (urgent ? _urgent : _ordinary).Enqueue(work);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Runs the work for every item and returns when all of it is done.</summary>
    internal void ForEach<T>(IReadOnlyList<T> items, Action<Worker, T> work)
    {
        var group = new WorkGroup();
        int next = -1;
        for (int i = 0; i < Math.Min(_threads.Length, items.Count); i++)
        {
            group.Add();
            Post(worker =>
            {
                for (int item; (item = Interlocked.Increment(ref next)) < items.Count;)
                    work(worker, items[item]);
                group.Done();
            }, urgent: true);
        }
        group.Wait();
    }

    private void Run(Codec codec, int level)
    {
        using var worker = new Worker(codec, level);
        while (Take() is { } work)
            work(worker);
    }

    private Action<Worker>? Take()
    {
        lock (_gate)
        {
            while (true)
            {
                if (_urgent.TryDequeue(out Action<Worker>? work) || _ordinary.TryDequeue(out work))
                    return work;
                if (_closed)
                    return null;
                Monitor.Wait(_gate);
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }
        foreach (Thread thread in _threads)
            thread.Join();
    }
}
