namespace ZstdFs.Core.Inodes;

/// <summary>
/// Bytes on their way to the database, oldest first, in blocks. The collector takes blocks back soon. One array that
/// grows with what waits would stay, with all that it grew out of, until the oldest objects are collected. Not
/// synchronised.
/// </summary>
internal sealed class WaitingRecords
{
    private const int BlockBytes = 64 * 1024;

    private readonly Queue<ArraySegment<byte>> _full = new();
    private byte[] _newest = new byte[BlockBytes];
    private byte[]? _spare;
    private int _newestBytes;

    /// <summary>All that waits.</summary>
    internal int Bytes { get; private set; }

    /// <summary>Room for one more record, to be filled before the next call. It is far shorter than a block.</summary>
    internal Span<byte> Add(int bytes)
    {
        if (_newest.Length - _newestBytes < bytes)
            EndBlock();
        Span<byte> record = _newest.AsSpan(_newestBytes, bytes);
        _newestBytes += bytes;
        Bytes += bytes;
        return record;
    }

    /// <summary>The oldest block of whole records, which no longer waits; empty where nothing does.</summary>
    internal ArraySegment<byte> Take()
    {
        if (_full.Count == 0)
        {
            if (_newestBytes == 0)
                return ArraySegment<byte>.Empty;
            EndBlock();
        }
        ArraySegment<byte> block = _full.Dequeue();
        Bytes -= block.Count;
        return block;
    }

    /// <summary>A block that was taken may be used again.</summary>
    internal void GiveBack(ArraySegment<byte> block) => _spare = block.Array;

    private void EndBlock()
    {
        _full.Enqueue(new ArraySegment<byte>(_newest, 0, _newestBytes));
        (_newest, _newestBytes, _spare) = (_spare ?? new byte[BlockBytes], 0, null);
    }
}
