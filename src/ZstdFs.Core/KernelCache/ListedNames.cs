namespace ZstdFs.Core.KernelCache;

/// <summary>How a logical name lies in the source.</summary>
[Flags]
internal enum ListedForm : byte
{
    /// <summary>A stored file, or what is stored as itself.</summary>
    Shown = 1,
    /// <summary>A plain file.</summary>
    Plain = 2,
}

/// <summary>
/// The logical names of a folder in the order of their positions: all behind one position, or as many as there is room
/// for. Names that do not fit are read when it is their turn, so that a folder of millions takes no more memory than
/// one of some hundred thousand. Not thread-safe.
/// </summary>
internal sealed class ListedNames
{
    /// <summary>What the names may take, in bytes; while they are read it is twice as much.</summary>
    internal const int RoomBytes = 16 * 1024 * 1024;

    private const int FewEntries = 64, FewBytes = 2048;
    private const int EntryBytes = sizeof(ulong) + sizeof(int);
    private const int HeaderBytes = 2; // form and type; length of the name
    private const int FormBits = 3, TypeShift = 4;

    private readonly int _roomBytes;
    private ulong[] _positions = new ulong[FewEntries];
    private int[] _starts = new int[FewEntries];
    private byte[] _bytes = new byte[FewBytes];
    private int _used;
    private ulong _after;

    /// <param name="roomBytes">For a test.</param>
    internal ListedNames(int roomBytes = RoomBytes) => _roomBytes = roomBytes;

    internal int Count { get; private set; }

    /// <summary>The names reach up to this position; <see cref="ulong.MaxValue"/> where no more follow.</summary>
    internal ulong UpTo { get; private set; }

    /// <summary>Memory that this takes.</summary>
    internal int Bytes => _positions.Length * EntryBytes + _bytes.Length;

    /// <summary>Small enough to be kept for the next folder.</summary>
    internal bool IsSmall => Bytes <= 16 * (FewEntries * EntryBytes + FewBytes);

    /// <summary>Whether a listing can go on here behind this position.</summary>
    internal bool Covers(ulong position) => position >= _after && position < UpTo;

    internal ulong PositionOf(int index) => _positions[index];

    internal ListedForm FormOf(int index) => (ListedForm)(_bytes[_starts[index]] & FormBits);

    /// <summary>DT_* of the entry, or of one of the entries with this name.</summary>
    internal byte TypeOf(int index) => (byte)(_bytes[_starts[index]] >> TypeShift);

    /// <summary>Valid until the next name is added.</summary>
    internal ReadOnlySpan<byte> NameOf(int index) => NameAt(_starts[index]);

    private ReadOnlySpan<byte> NameAt(int start) => _bytes.AsSpan(start + HeaderBytes, _bytes[start + 1]);

    /// <summary>Forgets what it has; the next names are those behind this position.</summary>
    internal void Begin(ulong after)
    {
        (Count, _used, _after, UpTo) = (0, 0, after, ulong.MaxValue);
    }

    /// <summary>A name in the folder. The caller may add it twice.</summary>
    internal void Add(ulong position, ReadOnlySpan<byte> name, ListedForm form, byte type)
    {
        if (position <= _after || position > UpTo)
            return;
        if (_used + Count * EntryBytes > 2 * _roomBytes)
        {
            Shrink();
            // The names reach less far now. The listing goes on behind the last one that is here: a name from further
            // on would have it pass over all that were dropped.
            if (position > UpTo)
                return;
        }
        if (Count == _positions.Length)
        {
            Array.Resize(ref _positions, Count * 2);
            Array.Resize(ref _starts, Count * 2);
        }
        int length = HeaderBytes + name.Length;
        if (_used + length > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _used + length));
        (_positions[Count], _starts[Count]) = (position, _used);
        Count++;
        _bytes[_used] = (byte)((byte)form | type << TypeShift);
        _bytes[_used + 1] = (byte)name.Length;
        name.CopyTo(_bytes.AsSpan(_used + HeaderBytes));
        _used += length;
    }

    /// <summary>All names were added.</summary>
    internal void Complete()
    {
        if (_used + Count * EntryBytes > _roomBytes)
            Shrink();
        else
            Order();
        // Names whose hashes meet, which is next to impossible, stand one behind the other.
        for (int i = 1; i < Count; i++)
            _positions[i] = Math.Max(_positions[i], _positions[i - 1] + 1);
    }

    /// <summary>The first one behind a position.</summary>
    internal int IndexBehind(ulong position)
    {
        int index = _positions.AsSpan(0, Count).BinarySearch(position);
        return index >= 0 ? index + 1 : ~index;
    }

    private void Order()
    {
        _positions.AsSpan(0, Count).Sort(_starts.AsSpan(0, Count));
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            if (TryKeep(kept, _positions[i], _starts[i]))
                kept++;
        }
        Count = kept;
    }

    /// <summary>
    /// Adds an entry to those that are kept. False where one of them has the same name: that one gets this entry's
    /// form, too. Names whose hashes meet stand in the order of their bytes.
    /// </summary>
    private bool TryKeep(int kept, ulong position, int start)
    {
        int place = kept;
        for (int i = kept - 1; i >= 0 && _positions[i] == position; i--)
        {
            int order = NameAt(_starts[i]).SequenceCompareTo(NameAt(start));
            if (order == 0)
            {
                _bytes[_starts[i]] |= (byte)(_bytes[start] & FormBits);
                return false;
            }
            if (order > 0)
                place = i;
        }
        _starts.AsSpan(place, kept - place).CopyTo(_starts.AsSpan(place + 1));
        (_positions[kept], _starts[place]) = (position, start);
        return true;
    }

    /// <summary>Keeps the first ones, as many as there is room for.</summary>
    private void Shrink()
    {
        Order();
        int fitting = 0, bytes = 0;
        // Keep one at least, or a listing would not get on.
        while (fitting < Count
            && (fitting == 0 || bytes + EntryBytes + HeaderBytes + NameAt(_starts[fitting]).Length <= _roomBytes))
            bytes += EntryBytes + HeaderBytes + NameAt(_starts[fitting++]).Length;
        byte[] kept = new byte[_bytes.Length];
        _used = 0;
        for (int i = 0; i < fitting; i++)
        {
            ReadOnlySpan<byte> entry = _bytes.AsSpan(_starts[i], HeaderBytes + NameAt(_starts[i]).Length);
            entry.CopyTo(kept.AsSpan(_used));
            _starts[i] = _used;
            _used += entry.Length;
        }
        _bytes = kept;
        if (fitting < Count)
            UpTo = _positions[fitting - 1];
        Count = fitting;
    }
}
