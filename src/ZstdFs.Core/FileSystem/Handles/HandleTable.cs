namespace ZstdFs.Core.FileSystem.Handles;

/// <summary>Open handles by number. Looking one up takes no lock.</summary>
internal sealed class HandleTable<T> where T : class
{
    // Guards growing, adding and removing.
    private readonly Lock _gate = new();
    private readonly Stack<int> _free = new();
    private T?[] _slots = new T?[64];
    private int _used;

    internal ulong Add(T value)
    {
        lock (_gate)
        {
            if (!_free.TryPop(out int index))
            {
                index = _used++;
                if (index == _slots.Length)
                {
                    var grown = new T?[_slots.Length * 2];
                    _slots.CopyTo(grown, 0);
                    Volatile.Write(ref _slots, grown);
                }
            }
            Volatile.Write(ref _slots[index], value);
            return (ulong)index;
        }
    }

    /// <summary>The handle's file, or null where there is no such handle.</summary>
    internal T? Find(ulong handle)
    {
        T?[] slots = Volatile.Read(ref _slots);
        return handle < (ulong)slots.Length ? Volatile.Read(ref slots[handle]) : null;
    }

    internal T? Remove(ulong handle)
    {
        lock (_gate)
        {
            if (handle >= (ulong)_used || _slots[handle] is not { } value)
                return null;
            _slots[handle] = null;
            _free.Push((int)handle);
            return value;
        }
    }
}
