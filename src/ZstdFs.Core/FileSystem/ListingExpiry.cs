using System.Diagnostics;
using ZstdFs.Core.Inodes;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// What the kernel keeps of a listing goes when it is as old as the cache timeout. Until then it answers unasked whoever opens the folder, or rewinds it; after that, a change in the source
/// would stay unseen, and the names would stand there without the attributes that came with them: a new listing, a request or two, is cheaper than a LOOKUP for each file.
/// </summary>
internal sealed class ListingExpiry : IDisposable
{
    /// <summary>A shorter timeout is no use to anybody, and would cost more than it saves.</summary>
    internal static readonly TimeSpan LeastAge = TimeSpan.FromMilliseconds(100);

    private readonly Volume _volume;
    private readonly long _age;
    private readonly Timer _timer;

    // Guards what is below: the folders whose listings may be kept, and when those must go, in that order. Each is there once.
    private readonly Lock _gate = new();
    private readonly Queue<(ulong Folder, long Due)> _kept = new();
    private readonly HashSet<ulong> _known = [];
    private bool _isAwaited;

    internal ListingExpiry(Volume volume)
    {
        _volume = volume;
        _age = (long)(volume.CacheTimeout.TotalSeconds * Stopwatch.Frequency);
        _timer = new Timer(static expiry => ((ListingExpiry)expiry!).DropOld(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A folder is about to be listed from its beginning.</summary>
    internal void NoteBegun(Node folder)
    {
        if (_age == 0)
            return;
        lock (_gate)
        {
            if (!_known.Add(folder.Id))
                return;
            _kept.Enqueue((folder.Id, Stopwatch.GetTimestamp() + _age));
            if (_isAwaited)
                return;
            _isAwaited = true;
            _timer.Change(_volume.CacheTimeout, Timeout.InfiniteTimeSpan);
        }
    }

    private void DropOld()
    {
        while (TakeOld(out ulong folder))
            _volume.InvalidatePages(folder, 0, 0);
    }

    /// <summary>The next one that is due. Where there is none, the timer goes off again when there will be.</summary>
    private bool TakeOld(out ulong folder)
    {
        lock (_gate)
        {
            (folder, long due) = _kept.TryPeek(out (ulong, long) next) ? next : default;
            long left = due - Stopwatch.GetTimestamp();
            if (folder != 0 && left <= 0)
            {
                _known.Remove(folder);
                _kept.Dequeue();
                return true;
            }
            _isAwaited = folder != 0;
            if (_isAwaited)
                _timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(left * 1000.0 / Stopwatch.Frequency)), Timeout.InfiniteTimeSpan);
            return false;
        }
    }

    public void Dispose()
    {
        using var ended = new ManualResetEvent(false);
        if (_timer.Dispose(ended))
            ended.WaitOne();
    }
}
