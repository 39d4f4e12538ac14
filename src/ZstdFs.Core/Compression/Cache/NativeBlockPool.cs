using System.Runtime.InteropServices;

namespace ZstdFs.Core.Compression.Cache;

/// <summary>A piece of native memory: frames do not burden the garbage collector.</summary>
internal readonly unsafe struct NativeBlock(void* address, int bytes)
{
    private readonly void* _address = address;

    internal int Bytes { get; } = bytes;

    /// <summary>The block's first bytes. Valid until the block is given back.</summary>
    internal Span<byte> AsSpan(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)Bytes);
        return new Span<byte>(_address, length);
    }

    internal static NativeBlock Allocate(int bytes) => new(NativeMemory.Alloc((nuint)bytes), bytes);

    internal void Free() => NativeMemory.Free(_address);
}

/// <summary>
/// Blocks of a few sizes, used and idle, together never beyond the ceiling. Not thread-safe: its cache's lock guards
/// it.
/// </summary>
internal sealed class NativeBlockPool
{
    private readonly NativeBlockSizes _sizes;
    private readonly Stack<NativeBlock>[] _idle;
    private readonly long _ceilingBytes;

    internal NativeBlockPool(long ceilingBytes, int largestBytes)
    {
        _ceilingBytes = ceilingBytes;
        _sizes = new NativeBlockSizes(largestBytes);
        _idle = new Stack<NativeBlock>[_sizes.Count];
        for (int i = 0; i < _idle.Length; i++)
            _idle[i] = new Stack<NativeBlock>();
    }

    /// <summary>Bytes allocated from the system at this moment.</summary>
    internal long AllocatedBytes { get; private set; }

    /// <summary>
    /// A block of at least this many bytes. False where the ceiling forbids it: the caller must give back a used block
    /// first.
    /// </summary>
    internal bool TryTake(int bytes, out NativeBlock block)
    {
        int sizeClass = _sizes.ClassOf(bytes);
        if (_idle[sizeClass].TryPop(out block))
            return true;
        int size = _sizes[sizeClass];
        while (AllocatedBytes + size > _ceilingBytes)
        {
            if (!FreeOneIdle())
                return false;
        }
        block = NativeBlock.Allocate(size);
        AllocatedBytes += size;
        return true;
    }

    internal void Give(NativeBlock block) => _idle[_sizes.ClassOf(block.Bytes)].Push(block);

    /// <summary>Hands all idle blocks back to the system.</summary>
    internal void FreeIdle()
    {
        while (FreeOneIdle()) { }
    }

    private bool FreeOneIdle()
    {
        for (int i = _idle.Length - 1; i >= 0; i--)
        {
            if (!_idle[i].TryPop(out NativeBlock block))
                continue;
            AllocatedBytes -= block.Bytes;
            block.Free();
            return true;
        }
        return false;
    }
}
