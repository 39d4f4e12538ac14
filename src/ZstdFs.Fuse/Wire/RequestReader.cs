using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Wire;

/// <summary>
/// Reads a request's body. Every length is hostile: what does not fit makes <see cref="IsMalformed"/> true. From then
/// on each read yields nothing, so that an op reads all that it needs and asks once.
/// </summary>
internal ref struct RequestReader(ReadOnlySpan<byte> body)
{
    private ReadOnlySpan<byte> _rest = body;

    internal bool IsMalformed { get; private set; }

    internal readonly int Remaining => _rest.Length;

    internal T Read<T>() where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = Bytes((uint)Unsafe.SizeOf<T>());
        return IsMalformed ? default : MemoryMarshal.Read<T>(bytes);
    }

    internal ReadOnlySpan<byte> Bytes(uint count)
    {
        if (IsMalformed || count > (uint)_rest.Length)
        {
            IsMalformed = true;
            return default;
        }
        ReadOnlySpan<byte> bytes = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return bytes;
    }

    /// <summary>Bytes up to a NUL: a symlink's target, an attribute's name. Not empty.</summary>
    internal NativeName Text()
    {
        int end = IsMalformed ? -1 : _rest.IndexOf((byte)0);
        if (end <= 0)
        {
            IsMalformed = true;
            return default;
        }
        return new NativeName(Bytes((uint)end + 1));
    }

    /// <summary>The name of an entry of a folder: one component of a path, never "." or "..".</summary>
    internal NativeName Name()
    {
        NativeName name = NameOrDots();
        IsMalformed |= name.Bytes.SequenceEqual("."u8) || name.Bytes.SequenceEqual(".."u8);
        return IsMalformed ? default : name;
    }

    /// <summary>The same for LOOKUP, which with EXPORT_SUPPORT also asks for "." and "..".</summary>
    internal NativeName NameOrDots()
    {
        NativeName name = Text();
        IsMalformed |= name.Bytes.Contains((byte)'/');
        return IsMalformed ? default : name;
    }

    /// <summary>An offset or length: the kernel's loff_t, which is never below zero.</summary>
    internal long Offset(ulong value)
    {
        IsMalformed |= value > long.MaxValue;
        return (long)value;
    }
}
