using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// The change time that users see of an open file's stored file, and by which of that file's own change times a change by another hand is told from a step of ours. Exact, where the record's
/// window (<see cref="ChangeWindow"/>) is not: a step of ours says when it begins and what it left. What was written since the last commit is not in it.
/// </summary>
internal sealed class ShownChange
{
    private const long StepBack = 1L << 30; // a second, packed: so much earlier is no look that came late, but a clock that was set back

    private readonly Lock _gate = new(); // guards all below; no I/O under it
    private readonly Node _node;
    private Timestamp _shown;
    private long _own;
    private long _windowEnd;
    private ChangeOrigin _origin;
    private long _steps;

    private ShownChange(Node node, Timestamp stored, Timestamp shown, long windowEnd, ChangeOrigin origin)
    {
        (_node, _own, _shown, _windowEnd, _origin) = (node, PackedTime.Pack(stored), shown, windowEnd, origin);
    }

    /// <summary>Of a file that was just opened, or made.</summary>
    internal static ShownChange Of(Node node, StoredBase opened)
    {
        Timestamp stored = opened.FoundChange;
        // Its creation has looked at it, and then written its record.
        if (opened is { IsFresh: true, IsWritable: true })
            return new ShownChange(node, stored, stored, ChangeWindow.Next(), ChangeOrigin.Ours);
        ushort own = node.OwnChange;
        bool isOurs = opened.Change.Time != default && (own == 0 || opened.Change.IsNew || own == Node.MarkOf(PackedTime.Pack(stored)));
        return new ShownChange(node, stored, isOurs ? opened.Change.Time : stored, opened.Change.WindowEnd, ChangeOrigin.Known);
    }

    /// <summary>To be asked for before the stored file's attributes are, for <see cref="Of(long, Timestamp)"/>.</summary>
    internal long Look()
    {
        lock (_gate)
            return _steps;
    }

    /// <summary>What users see where the stored file shows <paramref name="stored"/>, which was asked for after <see cref="Look"/>.</summary>
    internal Timestamp Of(long look, Timestamp stored)
    {
        lock (_gate)
        {
            // A step of ours came between: what was seen says nothing.
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

    /// <summary>Steps of ours begin: until they end, whatever the stored file shows, users see the same.</summary>
    internal void Begin()
    {
        lock (_gate)
        {
            _steps++;
            if (_origin == ChangeOrigin.Users)
                _shown = Timestamp.Now();
            _origin = ChangeOrigin.UnderWay;
        }
    }

    /// <summary>Steps of ours have ended, if they had begun, and nothing came of them.</summary>
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

    /// <summary>A user is about to change attributes of the stored file. Returns what <see cref="TakeBack"/> needs where that fails.</summary>
    internal ChangeOrigin NoteUsers()
    {
        lock (_gate)
        {
            ChangeOrigin before = _origin;
            _steps++;
            if (before == ChangeOrigin.UnderWay)
                _shown = Timestamp.Now();
            else
                _origin = ChangeOrigin.Users;
            return before;
        }
    }

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
    /// The record's window has this change time in it. A next mount would take it for that of a step of ours.
    /// </summary>
    internal bool Hides(Timestamp stored)
    {
        lock (_gate)
            return ChangeWindow.Covers(_windowEnd, stored);
    }

    /// <summary>The record has a window still, which a change by a user is in.</summary>
    internal bool IsInWindow
    {
        get
        {
            lock (_gate)
                return !ChangeWindow.IsOver(_windowEnd);
        }
    }
}

/// <summary>Whose a stored file's change time is.</summary>
internal enum ChangeOrigin : byte
{
    /// <summary>Known: a step of ours left it.</summary>
    Known,
    /// <summary>A step of ours left it, and the next look learns it.</summary>
    Ours,
    /// <summary>A user changed the attributes, and the next look learns the time.</summary>
    Users,
    /// <summary>Steps of ours are under way.</summary>
    UnderWay,
}
