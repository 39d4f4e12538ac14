
namespace ZstdFs.Core.Inodes;

/// <summary>
/// The places of the files forgotten last, in memory: at most <paramref name="capacity"/> of them, the least recently
/// used go first. It is not a MemoryCache, because FORGET puts into it: Microsoft.Extensions.Caching.Memory 10.0 with
/// the same number as its SizeLimit took at a million entries 219 bytes an entry in place of 71, 0.9 to 1.2 µs a put
/// in place of 0.25 to 0.3, and 24 allocated bytes a find. A full MemoryCache also refuses what is put: of the last
/// 200,000 places it had none.
/// </summary>
internal sealed class RecentInodes(int capacity) : IInodeStore
{
    private const int None = -1;

    private struct Slot
    {
        internal ulong Id;
        internal InodePlace Place;
        internal int Newer;
        internal int Older;
    }

    // Guards everything below. The slots in use are a list from the newest to the oldest; those not in use are a list
    // by Older.
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, int> _slotOf = [];
    private Slot[] _slots = [];
    private int _used;
    private int _newest = None;
    private int _oldest = None;
    private int _free = None;

    public bool KeepsAll => false;

    public void Put(ulong id, in InodePlace place)
    {
        if (capacity == 0)
            return;
        lock (_gate)
        {
            if (_slotOf.TryGetValue(id, out int slot))
                Unlist(slot);
            else
            {
                slot = TakeSlot();
                _slotOf.Add(id, slot);
            }
            _slots[slot].Id = id;
            _slots[slot].Place = place;
            ListNewest(slot);
        }
    }

    public void Remove(ulong id)
    {
        lock (_gate)
        {
            if (!_slotOf.Remove(id, out int slot))
                return;
            Unlist(slot);
            _slots[slot] = new Slot { Older = _free };
            _free = slot;
        }
    }

    public bool TryFind(ulong id, out InodePlace place)
    {
        lock (_gate)
        {
            place = default;
            if (!_slotOf.TryGetValue(id, out int slot))
                return false;
            Unlist(slot);
            ListNewest(slot);
            place = _slots[slot].Place;
            return true;
        }
    }

    private int TakeSlot()
    {
        int slot = _free;
        if (slot != None)
        {
            _free = _slots[slot].Older;
            return slot;
        }
        if (_used == capacity)
        {
            slot = _oldest;
            Unlist(slot);
            _slotOf.Remove(_slots[slot].Id);
            return slot;
        }
        if (_used == _slots.Length)
            Array.Resize(ref _slots, (int)Math.Min(capacity, Math.Max(64L, 2L * _used)));
        return _used++;
    }

    private void ListNewest(int slot)
    {
        _slots[slot].Older = _newest;
        _slots[slot].Newer = None;
        if (_newest != None)
            _slots[_newest].Newer = slot;
        _newest = slot;
        if (_oldest == None)
            _oldest = slot;
    }

    private void Unlist(int slot)
    {
        (int newer, int older) = (_slots[slot].Newer, _slots[slot].Older);
        if (newer != None)
            _slots[newer].Older = older;
        else
            _newest = older;
        if (older != None)
            _slots[older].Newer = newer;
        else
            _oldest = newer;
    }

    public void Dispose() { }
}
