using System.Diagnostics;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// Commits that no caller waits for, on a thread of their own: large files after their last writer closed, files that
/// an earlier mount left, and commits that failed. The queue keeps a file open until it is committed, so that all
/// readers use its working copy.
/// </summary>
internal sealed class CommitQueue : IDisposable
{
    /// <summary>A file that is closed again and again is committed about this often.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);

    // A file that is written to all the time must be committed at last. Then its writer waits as long as one commit
    // takes.
    private const int MostGivingWay = 5;

    /// <summary>
    /// Time between two looks at whether the kernel has forgotten a file without a name, or whether the last mapping of
    /// a lent file is gone.
    /// </summary>
    private static readonly TimeSpan ForgetPace = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestForgetPace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private readonly ContentTable _contents;
    private readonly Committer _committer;
    private readonly Keeping _keeping;
    private readonly Func<FileContent, int, bool> _revert;
    private readonly Action<Node> _forgotten;
    private readonly BoundedLog _log;
    private readonly Lock _startGate = new();

    // Guards the queue, the contents' IsQueued and the backlog. Nothing waits for I/O under it.
    private readonly object _gate = new();
    private readonly PriorityQueue<Waiting, long> _queue = new();
    private long _backlogBytes;
    private bool _isStopping;
    private Thread? _thread;

    private sealed record Waiting(FileContent Content, long Bytes, TimeSpan Delay, int Error);

    /// <param name="contents">Open files.</param>
    /// <param name="committer">Makes the versions.</param>
    /// <param name="keeping">Says what outlives this process.</param>
    /// <param name="log">The log of failures.</param>
    /// <param name="revert">Takes the old version of a file back, for this −errno.</param>
    /// <param name="forgotten">Called with nodes that nothing refers to any more.</param>
    internal CommitQueue(
        ContentTable contents, Committer committer, Keeping keeping, BoundedLog log,
        Func<FileContent, int, bool> revert, Action<Node> forgotten)
    {
        (_contents, _committer, _keeping) = (contents, committer, keeping);
        (_log, _revert, _forgotten) = (log, revert, forgotten);
    }

    /// <summary>Logical bytes of what waits.</summary>
    internal long BacklogBytes => Interlocked.Read(ref _backlogBytes);

    /// <summary>Queues a file that is open at this moment. Does nothing where it waits already.</summary>
    internal void Add(FileContent content, bool atOnce)
    {
        Start();
        lock (_gate)
        {
            if (_isStopping || content.IsQueued)
                return;
            content.IsQueued = true;
            _contents.Hold(content);
            Put(
                new Waiting(content, content.UncommittedBytes, TimeSpan.Zero, 0),
                atOnce ? TimeSpan.Zero : Due(content));
        }
    }

    private TimeSpan Due(FileContent content)
    {
        TimeSpan delay = _committer.Pace.Delay(content), since = Stopwatch.GetElapsedTime(content.Outcome.TriedAt);
        return content.Outcome.TriedAt == 0 || since + delay >= Pace ? delay : Pace - since;
    }

    private void Put(Waiting waiting, TimeSpan delay)
    {
        _queue.Enqueue(waiting, Stopwatch.GetTimestamp() + (long)(delay.TotalSeconds * Stopwatch.Frequency));
        Interlocked.Add(ref _backlogBytes, waiting.Bytes);
        Monitor.PulseAll(_gate);
    }

    private void Start()
    {
        lock (_startGate)
        {
            if (_thread is not null)
                return;
            _thread = new Thread(Run) { IsBackground = true, Name = "commit" };
            _thread.Start();
        }
    }

    private void Run()
    {
        Scheduling.LowerThread();
        while (TakeNext() is { } waiting)
            Commit(waiting);
    }

    /// <summary>The next one that is due; null when it is time to stop.</summary>
    private Waiting? TakeNext()
    {
        lock (_gate)
        {
            while (!_isStopping)
            {
                if (!_queue.TryPeek(out Waiting? waiting, out long due))
                {
                    Monitor.Wait(_gate);
                    continue;
                }
                TimeSpan left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
                if (left <= TimeSpan.Zero)
                {
                    _queue.Dequeue();
                    Interlocked.Add(ref _backlogBytes, -waiting.Bytes);
                    waiting.Content.IsQueued = false;
                    return waiting;
                }
                Monitor.Wait(_gate, left);
            }
            return null;
        }
    }

    private void Commit(Waiting waiting)
    {
        FileContent content = waiting.Content;
        if (!_contents.TryTakeBack(content, out bool isOpen))
        {
            AwaitReturn(waiting, isOpen);
            return;
        }
        // Programs went on writing to it while it waited.
        if (_committer.Pace.Delay(content) is var delay && delay > TimeSpan.Zero && content.IsDirty)
        {
            PutBack(waiting, delay);
            return;
        }
        // An overdue file gives way only once: the commit of a file that never rests would begin again and again.
        int mostGivingWay = RewritePace.IsOverdue(content) ? 1 : MostGivingWay;
        int result = _committer.Commit(content, yields: content.Outcome.GaveWay < mostGivingWay, isBackground: true);
        if (result >= 0 && IsAwaited(content))
        {
            PutBack(waiting, ForgetPace);
            return;
        }
        // ESTALE: the commit has kept the content elsewhere. Content that is in memory alone was promised to no
        // program: it leaves the queue. A program that still writes to it is told at the last close, which queues it
        // again.
        if (result is >= 0 or -(int)Errno.ESTALE || result != -(int)Errno.EAGAIN && IsGivenUp(content))
        {
            Release(waiting.Content);
            return;
        }
        delay = Pace;
        if (result != -(int)Errno.EAGAIN)
        {
            delay = waiting.Delay == TimeSpan.Zero
                ? Pace
                : TimeSpan.FromTicks(Math.Min(LongestWait.Ticks, waiting.Delay.Ticks * 2));
            // Where a folder cannot be synchronised, the committer has logged that already.
            if (result != waiting.Error && content.IsDirty)
                _log.Error(
                    $"{CommitNotes.NameOf(content)}: what was written is not committed yet ({(Errno)(-result)}); "
                        + "it is kept, and tried again",
                    $"commit {(Errno)(-result)}",
                    content.Published.Version);
        }
        PutBack(result == -(int)Errno.EAGAIN
            ? waiting with { Delay = TimeSpan.Zero, Error = 0 }
            : waiting with { Delay = delay, Error = result, Bytes = content.IsDirty ? waiting.Bytes : 0 }, delay);
    }

    private bool IsGivenUp(FileContent content)
    {
        if (!content.Node.HasName || _keeping.IsKept(content))
            return false;
        if (content.Handles.Writable == 0 && _keeping.Keep(content) is < 0 and var reason)
            _ = _revert(content, reason);
        return !_keeping.IsKept(content) || !content.IsDirty;
    }

    /// <summary>
    /// The kernel still serves the file by itself. If a program has it open, the last close queues it again. The kernel
    /// does not report the last munmap: look again later.
    /// </summary>
    private void AwaitReturn(Waiting waiting, bool isOpen)
    {
        if (isOpen)
        {
            Release(waiting.Content);
            return;
        }
        TimeSpan delay = TimeSpan.FromTicks(
            Math.Clamp(waiting.Delay.Ticks * 2, ForgetPace.Ticks, LongestForgetPace.Ticks));
        // Its bytes leave the backlog: other closes must not wait until the mapping is gone.
        PutBack(waiting with { Bytes = 0, Delay = delay }, delay);
    }

    /// <summary>
    /// The file lost its last name before its content was committed. A program that looked the name up before may be
    /// about to open the file, and must not meet the old version.
    /// </summary>
    internal static bool IsAwaited(FileContent content) =>
        content.IsDirty && !content.Node.HasName && content.Node.Lookups > 0;

    private void PutBack(Waiting waiting, TimeSpan delay)
    {
        bool isTaken;
        lock (_gate)
        {
            isTaken = _isStopping || waiting.Content.IsQueued;
            if (!isTaken)
            {
                waiting.Content.IsQueued = true;
                Put(waiting, delay);
            }
        }
        if (isTaken)
            Release(waiting.Content);
    }

    private void Release(FileContent content)
    {
        if (_contents.Release(content) is { } forgotten)
            _forgotten(forgotten);
    }

    /// <summary>
    /// Stops after the commit under way. Lets go of the files that wait: their working copies stay for the next mount.
    /// </summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.PulseAll(_gate);
        }
        _thread?.Join();
        while (_queue.TryDequeue(out Waiting? waiting, out _))
            Release(waiting.Content);
    }
}
