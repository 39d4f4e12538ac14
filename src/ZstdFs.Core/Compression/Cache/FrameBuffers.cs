namespace ZstdFs.Core.Compression.Cache;

/// <summary>
/// Memory for frames on their way: content that is edited or compressed, its compressed form, the copy that it is
/// compared with. It is outside the managed heap: the collector would free buffers of this size only together with the
/// oldest objects, and a shared pool would keep some for each thread. Idle memory is bounded; what exceeds the bound
/// goes back to the system at once. Thread-safe.
/// </summary>
internal sealed class FrameBuffers(long idleBytes = FrameBuffers.DefaultIdleBytes) : IDisposable
{
    private const long DefaultIdleBytes = 8 * 1024 * 1024;
    private const int LargestIdleBytes = 4 * 1024 * 1024;

    // Guards the stacks and the counts.
    private readonly Lock _gate = new();
    private readonly NativeBlockSizes _sizes = new(LargestIdleBytes);
    private Stack<NativeBlock>[]? _idle;
    private long _idleBytes;
    private long _rentedBytes;

    /// <summary>Bytes that are rented at this moment.</summary>
    internal long RentedBytes => Interlocked.Read(ref _rentedBytes);

    /// <summary>Bytes kept for the next caller.</summary>
    internal long IdleBytes => Interlocked.Read(ref _idleBytes);

    /// <summary>At least this many bytes, of any content. Never waits.</summary>
    internal FrameBuffer Rent(int bytes)
    {
        int sizeClass = _sizes.ClassOf(bytes);
        NativeBlock block = default;
        lock (_gate)
        {
            if (sizeClass < _sizes.Count && Idle[sizeClass].TryPop(out block))
                _idleBytes -= block.Bytes;
        }
        if (block.Bytes == 0)
            block = NativeBlock.Allocate(sizeClass < _sizes.Count ? _sizes[sizeClass] : bytes);
        Interlocked.Add(ref _rentedBytes, block.Bytes);
        return new FrameBuffer(this, block);
    }

    private Stack<NativeBlock>[] Idle =>
        _idle ??= [.. Enumerable.Range(0, _sizes.Count).Select(static _ => new Stack<NativeBlock>())];

    internal void Return(NativeBlock block)
    {
        Interlocked.Add(ref _rentedBytes, -block.Bytes);
        int sizeClass = _sizes.ClassOf(block.Bytes);
        lock (_gate)
        {
            if (sizeClass < _sizes.Count && _idleBytes + block.Bytes <= idleBytes)
            {
                _idleBytes += block.Bytes;
                Idle[sizeClass].Push(block);
                return;
            }
        }
        block.Free();
    }

    /// <summary>Frees idle buffers. Rented ones become idle when they come back.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach (Stack<NativeBlock> blocks in Idle)
            {
                while (blocks.TryPop(out NativeBlock block))
                    block.Free();
            }
            _idleBytes = 0;
        }
    }
}

/// <summary>A rented buffer. The caller that rented it disposes of it exactly once.</summary>
internal readonly struct FrameBuffer(FrameBuffers buffers, NativeBlock block) : IDisposable
{
    internal int Bytes => block.Bytes;

    /// <summary>The first bytes of it.</summary>
    internal Span<byte> AsSpan(int length) => block.AsSpan(length);

    public void Dispose() => buffers.Return(block);
}
