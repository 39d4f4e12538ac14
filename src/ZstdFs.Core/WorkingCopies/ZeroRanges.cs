using System.Buffers.Binary;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>
/// Ranges of a working copy that read as zeros although the base below holds something else there: fallocate punched
/// them out. They are kept in order, and no two of them touch. A written block hides them.
/// </summary>
internal sealed class ZeroRanges
{
    /// <summary>More are not kept: they must fit beside the other attributes of the working copy.</summary>
    internal const int Most = 32;

    internal const int LongestBytes = Most * 2 * sizeof(long);

    private readonly List<(long Start, long End)> _ranges = [];

    internal bool IsEmpty => _ranges.Count == 0;

    internal int Bytes => _ranges.Count * 2 * sizeof(long);

    /// <summary>
    /// Adds a range, merged with those that it touches. False where there would be too many; then nothing is changed.
    /// </summary>
    internal bool TryAdd(long start, long end)
    {
        int first = _ranges.FindIndex(r => r.End >= start);
        if (first < 0)
            first = _ranges.Count;
        int behind = first;
        for (; behind < _ranges.Count && _ranges[behind].Start <= end; behind++)
            (start, end) = (Math.Min(start, _ranges[behind].Start), Math.Max(end, _ranges[behind].End));
        if (behind == first && _ranges.Count == Most)
            return false;
        _ranges.RemoveRange(first, behind - first);
        _ranges.Insert(first, (start, end));
        return true;
    }

    /// <summary>The ranges of this moment.</summary>
    internal ZeroRanges Copy()
    {
        var copy = new ZeroRanges();
        copy._ranges.AddRange(_ranges);
        return copy;
    }

    /// <summary>Takes over the ranges of another moment.</summary>
    internal void Become(ZeroRanges other)
    {
        _ranges.Clear();
        _ranges.AddRange(other._ranges);
    }

    /// <summary>Forgets what is behind this offset. False where there was nothing.</summary>
    internal bool Clip(long limit)
    {
        if (IsEmpty || _ranges[^1].End <= limit)
            return false;
        _ranges.RemoveAll(r => r.Start >= limit);
        if (!IsEmpty && _ranges[^1].End > limit)
            _ranges[^1] = (_ranges[^1].Start, limit);
        return true;
    }

    /// <summary>
    /// Whether this offset lies in a range. <paramref name="end"/> is where that range ends, or else where the next one
    /// begins; long.MaxValue where there is none.
    /// </summary>
    internal bool Find(long offset, out long end)
    {
        foreach ((long start, long rangeEnd) in _ranges)
        {
            if (rangeEnd <= offset)
                continue;
            end = start <= offset ? rangeEnd : start;
            return start <= offset;
        }
        end = long.MaxValue;
        return false;
    }

    /// <summary>Whether any range overlaps this one.</summary>
    internal bool Any(long start, long end) => Find(start, out long next) || next < end;

    internal void Write(Span<byte> bytes)
    {
        foreach ((long start, long end) in _ranges)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes, start);
            BinaryPrimitives.WriteInt64LittleEndian(bytes[sizeof(long)..], end);
            bytes = bytes[(2 * sizeof(long))..];
        }
    }

    /// <summary>False where these bytes are no such ranges.</summary>
    internal bool TryRead(ReadOnlySpan<byte> bytes)
    {
        _ranges.Clear();
        if (bytes.Length % (2 * sizeof(long)) != 0 || bytes.Length > LongestBytes)
            return false;
        long last = -1;
        for (; !bytes.IsEmpty; bytes = bytes[(2 * sizeof(long))..])
        {
            long start = BinaryPrimitives.ReadInt64LittleEndian(bytes),
                end = BinaryPrimitives.ReadInt64LittleEndian(bytes[sizeof(long)..]);
            if (start <= last || end <= start || start % BlockMap.BlockBytes != 0)
                return false;
            _ranges.Add((start, end));
            last = end;
        }
        return true;
    }
}
