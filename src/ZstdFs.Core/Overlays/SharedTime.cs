using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// A time of any year, written under a lock and read without one. A reader never sees half of a time.
/// </summary>
internal struct SharedTime
{
    private const long Far = -1; // packed; no time has so many nanoseconds

    private long _packed;
    private object? _far; // a Timestamp; written before the field above becomes Far, and never cleared

    internal Timestamp Value
    {
        readonly get => Volatile.Read(in _packed) is not Far and var packed
            ? PackedTime.Unpack(packed) : (Timestamp)Volatile.Read(in _far)!;
        set
        {
            long packed = PackedTime.Pack(value);
            if (PackedTime.Unpack(packed) != value)
            {
                Volatile.Write(ref _far, value);
                packed = Far;
            }
            Volatile.Write(ref _packed, packed);
        }
    }
}
