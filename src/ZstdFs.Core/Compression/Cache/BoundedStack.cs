namespace ZstdFs.Core.Compression.Cache;

/// <summary>Idle objects, the warmest on top. Thread-safe; allocates nothing after it was made.</summary>
internal sealed class BoundedStack<T>(int bound) where T : class
{
    // Guards _items and _count.
    private readonly Lock _gate = new();
    private readonly T?[] _items = new T?[bound];
    private int _count;

    internal T? TryPop()
    {
        lock (_gate)
        {
            if (_count == 0)
                return null;
            T? item = _items[--_count];
            _items[_count] = null;
            return item;
        }
    }

    internal bool TryPush(T item)
    {
        lock (_gate)
        {
            if (_count == _items.Length)
                return false;
            _items[_count++] = item;
            return true;
        }
    }
}
