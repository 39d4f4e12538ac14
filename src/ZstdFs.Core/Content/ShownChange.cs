using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// The change time that users see of an open file's stored file. It knows which of the stored file's own change times a
/// step of ours left: another one means that a user or another program changed the file. It is exact, and the record's
/// window (<see cref="ChangeWindow"/>) is not: a step of ours says when it begins and what it left. What was written
/// since the last commit does not count.
/// </summary>
internal sealed class ShownChange
{
    // A second, packed. A change time that is earlier by less may have been read late; by more, the clock was set back.
    private const long StepBack = 1L << 30;

    private readonly Lock _gate = new(); // guards all below; no disk is waited for under it
    private readonly FileClock _clock;
    private readonly Node _node;
    private Timestamp _shown;
    private long _own;
    private long _windowEnd;
    private ChangeOrigin _origin;
    private long _steps;

    private ShownChange(
        FileClock clock, Node node, Timestamp stored, Timestamp shown, long windowEnd, ChangeOrigin origin)
    {
        (_clock, _node) = (clock, node);
        (_own, _shown, _windowEnd, _origin) = (PackedTime.Pack(stored), shown, windowEnd, origin);
    }

    /// <summary>For a file that was just opened, or made.</summary>
    internal static ShownChange Of(FileClock clock, Node node, StoredBase opened)
    {
        Timestamp stored = opened.FoundChange;
        // CREATE has looked at the file first, and then written its record.
        if (opened is { IsFresh: true, IsWritable: true })
            return new ShownChange(clock, node, stored, stored, ChangeWindow.Next(), ChangeOrigin.Ours);
        ushort own = node.OwnChange;
        bool isOurs = opened.Change.Time != default
            && (own == 0 || opened.Change.IsNew || own == Node.MarkOf(PackedTime.Pack(stored)));
        return new ShownChange(
            clock, node, stored, isOurs ? opened.Change.Time : stored, opened.Change.WindowEnd, ChangeOrigin.Known);
    }

    /// <summary>
    /// To be called before the stored file's attributes are read, for <see cref="Of(long, Timestamp)"/>.
    /// </summary>
    internal long Look()
    {
        lock (_gate)
            return _steps;
    }

    /// <summary>
    /// What users see where the stored file shows <paramref name="stored"/>, which was read after <see cref="Look"/>.
    /// </summary>
    internal Timestamp Of(long look, Timestamp stored)
    {
        lock (_gate)
        {
            // A step of ours came between: what was read says nothing.
            if (look != _steps || _origin == ChangeOrigin.UnderWay)
                return _shown;
            long seen = PackedTime.Pack(stored);
            if (_origin == ChangeOrigin.Ours)
                _node.OwnChange = Node.MarkOf(seen);
            else if (_origin == ChangeOrigin.Users || seen > _own || seen < _own - StepBack)
                (_shown, _node.OwnChange) = (stored, Node.ForeignChange);
            else
                return _shown;
            (_own, _origin) = (seen, ChangeOrigin.Known);
            return _shown;
        }
    }

    /// <summary>What users see.</summary>
    internal Timestamp Shown
    {
        get
        {
            lock (_gate)
                return _shown;
        }
    }

    /// <summary>Steps of ours begin. Until they end users see the same time, whatever the stored file shows.</summary>
    internal void Begin()
    {
        lock (_gate)
        {
            _steps++;
            if (_origin == ChangeOrigin.Users)
                _shown = Now();
            _origin = ChangeOrigin.UnderWay;
        }
    }

    /// <summary>Steps of ours have ended without success. Does nothing where none had begun.</summary>
    internal void Abandon()
    {
        lock (_gate)
        {
            if (_origin != ChangeOrigin.UnderWay)
                return;
            _steps++;
            (_origin, _node.OwnChange) = (ChangeOrigin.Ours, 0);
        }
    }

    /// <summary>Steps of ours have ended, the last of which left the stored file with this change time.</summary>
    internal void End(Timestamp shown, Timestamp stored, long windowEnd)
    {
        lock (_gate)
        {
            _steps++;
            (_shown, _own, _windowEnd, _origin) = (shown, PackedTime.Pack(stored), windowEnd, ChangeOrigin.Known);
            _node.OwnChange = Node.MarkOf(_own);
        }
    }

    /// <summary>
    /// A user is about to change attributes of the stored file. Returns what <see cref="TakeBack"/> needs where that
    /// fails.
    /// </summary>
    internal ChangeOrigin NoteUsers()
    {
        lock (_gate)
        {
            ChangeOrigin before = _origin;
            _steps++;
            if (before != ChangeOrigin.UnderWay)
                _origin = ChangeOrigin.Users;
            return before;
        }
    }

    /// <summary>
    /// A user has changed attributes; <paramref name="before"/> is what <see cref="NoteUsers"/> gave. Where steps of
    /// ours are under way, no look can learn the time, and users see this moment's.
    /// </summary>
    internal void NoteDone(ChangeOrigin before)
    {
        lock (_gate)
        {
            if (before == ChangeOrigin.UnderWay)
                _shown = Now();
        }
    }

    private Timestamp Now() => _clock.Now(PackedTime.Unpack(_own));

    /// <summary>What a user was about to do has failed.</summary>
    internal void TakeBack(ChangeOrigin before)
    {
        lock (_gate)
        {
            if (_origin == ChangeOrigin.Users)
                _origin = before;
        }
    }

    /// <summary>
    /// The record's window covers this change time: the next mount would take it for that of a step of ours.
    /// </summary>
    internal bool Hides(Timestamp stored)
    {
        lock (_gate)
            return ChangeWindow.Covers(_windowEnd, stored);
    }

    /// <summary>The record's window is not over: a user's change would fall into it.</summary>
    internal bool IsInWindow
    {
        get
        {
            lock (_gate)
                return ChangeWindow.MayCoverNow(_windowEnd);
        }
    }
}

/// <summary>Where a stored file's change time comes from.</summary>
internal enum ChangeOrigin : byte
{
    /// <summary>Known: a step of ours has reported it, or a look has learned it.</summary>
    Known,
    /// <summary>A step of ours left it, and the next look learns it.</summary>
    Ours,
    /// <summary>A user changed the attributes, and the next look learns the time.</summary>
    Users,
    /// <summary>Steps of ours are under way.</summary>
    UnderWay,
}
