using System.Diagnostics;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.Inodes;

namespace ZstdFs.Core.KernelCache;

/// <summary>
/// The names that open listings hold: together no more than a bound, because a listing can read again what it lost.
/// When a listing is closed before its end, its names wait a while for an open of the folder that goes on there: the
/// kernel's NFS server opens a folder anew for each request.
/// </summary>
/// <param name="boundBytes">What they may take.</param>
internal sealed class ListingMemory(long boundBytes = 4L * ListedNames.RoomBytes)
{
    private const int MostIdle = 16, MostLeft = 16;

    private static readonly TimeSpan LeftFor = TimeSpan.FromMinutes(1);

    private sealed record Left(Node Folder, ListedNames Names, long Begun, long Since);

    // Guards what follows, and what listings say that it guards. No thread waits for a listing's gate under it.
    private readonly Lock _gate = new();
    private readonly AgeList<Listing> _holding = new();
    private readonly List<Left> _left = new(MostLeft);
    private long _bytes;

    private readonly BoundedStack<ListedNames> _idle = new(MostIdle);

    /// <summary>
    /// A listing begins, and reads its names after this. Names that earlier listings left are of no use to it, nor to
    /// one that begins later.
    /// </summary>
    internal void NoteBegun(Listing listing)
    {
        lock (_gate)
        {
            listing.Begun = ++listing.Folder.ListingsBegun;
            RemoveLeft(listing.Folder, Stopwatch.GetTimestamp());
        }
    }

    /// <summary>
    /// Gives a listing the names that another open of its folder has left, where it can go on with them.
    /// </summary>
    internal bool TryTakeLeft(Listing listing, ulong position)
    {
        lock (_gate)
        {
            int index = _left.FindIndex(left => left.Folder == listing.Folder);
            if (index < 0 || !_left[index].Names.Covers(position))
            {
                listing.Begun = listing.Folder.ListingsBegun;
                return false;
            }
            Drop(listing);
            (listing.Names, listing.Begun, listing.Error) = (_left[index].Names, _left[index].Begun, 0);
            _bytes -= listing.Names.Bytes;
            _left.RemoveAt(index);
            Hold(listing);
            return true;
        }
    }

    /// <summary>Empty names for a listing, which is about to read its folder.</summary>
    internal ListedNames Renew(Listing listing, ulong after)
    {
        listing.Names ??= _idle.TryPop() ?? new ListedNames();
        listing.Names.Begin(after);
        return listing.Names;
    }

    /// <summary>
    /// A listing has read its folder. Where all listings hold too much, those that read theirs longest ago lose their
    /// names.
    /// </summary>
    internal void NoteRead(Listing listing)
    {
        lock (_gate)
        {
            Hold(listing);
            while (_bytes > boundBytes && _left.Count > 0)
                RemoveLeft(0);
            // A listing that is being read from is in use: its names stay.
            while (_bytes > boundBytes && _holding.Oldest is { } oldest && oldest != listing && oldest.Gate.TryEnter())
            {
                Drop(oldest);
                oldest.Gate.Exit();
            }
        }
    }

    /// <summary>A listing has come to its end. The caller holds its gate.</summary>
    internal void NoteEnd(Listing listing)
    {
        lock (_gate)
            Drop(listing);
    }

    /// <summary>A listing is closed.</summary>
    internal void NoteClosed(Listing listing)
    {
        lock (_gate)
        {
            long now = Stopwatch.GetTimestamp();
            RemoveLeft(listing.Folder, now);
            // Names of a folder that was not read whole are not left: an open that took them would end without the
            // error.
            if (listing is { Names: { IsSmall: false } names, Error: 0 }
                && listing.Begun == listing.Folder.ListingsBegun)
            {
                Release(listing);
                listing.Names = null;
                if (_left.Count == MostLeft)
                    RemoveLeft(0);
                _left.Add(new Left(listing.Folder, names, listing.Begun, now));
                _bytes += names.Bytes;
            }
            else
                Drop(listing);
        }
    }

    private void Hold(Listing listing)
    {
        Release(listing);
        listing.HeldBytes = listing.Names!.Bytes;
        _bytes += listing.HeldBytes;
        _holding.Add(listing);
    }

    private void Release(Listing listing)
    {
        if (listing.HeldBytes == 0)
            return;
        _bytes -= listing.HeldBytes;
        listing.HeldBytes = 0;
        _holding.Remove(listing);
    }

    private void Drop(Listing listing)
    {
        Release(listing);
        if (listing.Names is { IsSmall: true } names)
            _ = _idle.TryPush(names);
        listing.Names = null;
    }

    private void RemoveLeft(Node folder, long now)
    {
        for (int i = _left.Count - 1; i >= 0; i--)
        {
            if (_left[i].Folder == folder || Stopwatch.GetElapsedTime(_left[i].Since, now) > LeftFor)
                RemoveLeft(i);
        }
    }

    private void RemoveLeft(int index)
    {
        _bytes -= _left[index].Names.Bytes;
        _left.RemoveAt(index);
    }
}
