using System.Diagnostics;
using ZstdFs.Core.Inodes;

namespace ZstdFs.Core.KernelCache;

/// <summary>
/// Has the kernel drop a kept listing that is as old as the cache timeout. Until then the kernel answers programs that
/// open or rewind the folder by itself. Kept for longer, it would hide changes in the source, and its names would
/// outlive the attributes that came with them: a new listing, a request or two, is cheaper than a LOOKUP for each file.
/// </summary>
internal sealed class ListingExpiry : IDisposable
{
    private readonly TimeSpan _timeout;
    private readonly Action<ulong> _drop;
    private readonly BoundedLog _log;
    private readonly long _age;
    private readonly long _deliveryTime = Stopwatch.Frequency / 10;
    private readonly Timer _timer;

    // Guards what is below: the folders whose listings the kernel may keep, when each was begun last, and in which
    // order they are due. Each folder is queued once.
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, long> _begun = [];
    private readonly Queue<(ulong Folder, long Due)> _queue = new();
    private bool _isAwaited;

    /// <param name="timeout">How long the kernel may keep a listing; zero where it keeps none.</param>
    /// <param name="drop">Has the kernel drop the listing of the folder with this id.</param>
    /// <param name="log">Told where that fails.</param>
    internal ListingExpiry(TimeSpan timeout, Action<ulong> drop, BoundedLog log)
    {
        (_timeout, _drop, _log) = (timeout, drop, log);
        _age = (long)(timeout.TotalSeconds * Stopwatch.Frequency);
        _timer = new Timer(
            static expiry => ((ListingExpiry)expiry!).DropOld(), this, Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
    }

    /// <summary>The beginning of a folder's listing is about to be answered.</summary>
    internal void NoteBegun(Node folder)
    {
        if (_age == 0)
            return;
        long now = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            // The kernel may keep this answer after it has dropped what it kept before.
            bool isQueued = _begun.ContainsKey(folder.Id);
            _begun[folder.Id] = now;
            if (isQueued)
                return;
            _queue.Enqueue((folder.Id, now + _age));
            if (_isAwaited)
                return;
            _isAwaited = true;
            _timer.Change(_timeout, Timeout.InfiniteTimeSpan);
        }
    }

    private void DropOld()
    {
        try
        {
            while (TakeOld(out ulong folder))
                Drop(folder);
        }
        catch (Exception e)
        {
            _log.Unexpected("dropping old listings", e);
        }
    }

    /// <summary>
    /// One failure must not end the dropping: the kernel may still keep this listing, and the folder is queued again.
    /// </summary>
    private void Drop(ulong folder)
    {
        try
        {
            _drop(folder);
        }
        catch (Exception e)
        {
            _log.Unexpected("dropping an old listing", e);
            long now = Stopwatch.GetTimestamp();
            lock (_gate)
            {
                if (_begun.TryAdd(folder, now))
                    _queue.Enqueue((folder, now + Math.Max(_age, _deliveryTime)));
            }
        }
    }

    /// <summary>
    /// Takes the next folder that is due. Where none is due, the timer goes off again when one will be.
    /// </summary>
    private bool TakeOld(out ulong folder)
    {
        lock (_gate)
        {
            _isAwaited = _queue.TryPeek(out (ulong Folder, long Due) next);
            folder = next.Folder;
            if (!_isAwaited)
                return false;
            long now = Stopwatch.GetTimestamp();
            if (next.Due > now)
            {
                _timer.Change(
                    TimeSpan.FromMilliseconds(Math.Ceiling((next.Due - now) * 1000.0 / Stopwatch.Frequency)),
                    Timeout.InfiniteTimeSpan);
                return false;
            }
            _queue.Dequeue();
            // The kernel may keep a listing that was begun just now after this drop: the folder is queued again.
            if (_begun[folder] + _deliveryTime > now)
                _queue.Enqueue((folder, now + Math.Max(_age, _deliveryTime)));
            else
                _begun.Remove(folder);
            return true;
        }
    }

    public void Dispose()
    {
        using var ended = new ManualResetEvent(false);
        if (_timer.Dispose(ended))
            ended.WaitOne();
    }
}
