using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// Who keeps a folder open and reads it again from its beginning (rewinddir(3)) is answered by the kernel from what it kept, unasked. So while a folder is open it is looked at once in
/// the cache timeout, and what the kernel kept of one that has changed in the source goes.
/// </summary>
internal sealed class ListingExpiry : IDisposable
{
    private static readonly TimeSpan ShortestPeriod = TimeSpan.FromMilliseconds(100);

    private readonly Volume _volume;
    private readonly HandleTable<Listing> _listings;
    private readonly TimeSpan _period;
    private readonly Timer _timer;
    private int _isRunning;

    internal ListingExpiry(Volume volume, HandleTable<Listing> listings)
    {
        (_volume, _listings) = (volume, listings);
        _period = volume.CacheTimeout > ShortestPeriod ? volume.CacheTimeout : ShortestPeriod;
        _timer = new Timer(static expiry => ((ListingExpiry)expiry!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A listing that the kernel may keep was opened.</summary>
    internal void NoteOpened()
    {
        if (Volatile.Read(ref _isRunning) == 0 && Interlocked.Exchange(ref _isRunning, 1) == 0)
            Await();
    }

    private void Await() => _timer.Change(_period, Timeout.InfiniteTimeSpan);

    private void Look()
    {
        bool isAnyOpen = false;
        foreach (Listing listing in _listings.All())
        {
            isAnyOpen = true;
            if (_volume.Directories.Rent(listing.Folder, out DescriptorLease lease) < 0)
                continue;
            Timestamp changed;
            using (lease)
                changed = SystemCallsAt.Stat(lease.Descriptor, out Statx stat) >= 0 ? stat.ChangeTime.ToTimestamp() : default;
            if (changed == listing.KeptFrom)
                continue;
            listing.KeptFrom = changed;
            _volume.InvalidatePages(listing.Folder.Id, 0, 0);
        }
        if (isAnyOpen)
        {
            Await();
            return;
        }
        Volatile.Write(ref _isRunning, 0);
        // One that was opened meanwhile believed that it will be looked at.
        if (_listings.All().Any())
            NoteOpened();
    }

    public void Dispose()
    {
        using var ended = new ManualResetEvent(false);
        if (_timer.Dispose(ended))
            ended.WaitOne();
    }
}
