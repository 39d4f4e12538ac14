using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Session;

/// <summary>Reads a request's body. Every length is hostile: what does not fit makes <see cref="IsMalformed"/> true and yields nothing.</summary>
internal ref struct RequestReader(ReadOnlySpan<byte> body)
{
    private ReadOnlySpan<byte> _rest = body;

    internal bool IsMalformed { get; private set; }

    internal readonly int Remaining => _rest.Length;

    internal T Read<T>() where T : unmanaged
    {
        if (_rest.Length < Unsafe.SizeOf<T>())
        {
            IsMalformed = true;
            return default;
        }
        T value = MemoryMarshal.Read<T>(_rest);
        _rest = _rest[Unsafe.SizeOf<T>()..];
        return value;
    }

    internal void Skip(int bytes) => _ = Bytes(bytes);

    internal ReadOnlySpan<byte> Bytes(long count)
    {
        if (count < 0 || count > _rest.Length)
        {
            IsMalformed = true;
            return default;
        }
        ReadOnlySpan<byte> bytes = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return bytes;
    }

    internal NativeName Name()
    {
        int end = _rest.IndexOf((byte)0);
        if (end < 0)
        {
            IsMalformed = true;
            return default;
        }
        var name = new NativeName(_rest[..(end + 1)]);
        _rest = _rest[(end + 1)..];
        return name;
    }
}
