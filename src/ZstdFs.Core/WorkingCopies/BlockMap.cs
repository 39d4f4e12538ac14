using System.Numerics;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>
/// Which 4 KiB blocks of a working copy hold written content. It mirrors the file's own hole map, which survives the
/// daemon.
/// </summary>
internal sealed class BlockMap
{
    internal const int BlockBytes = 4096;

    private const int WordsInChunk = 512;
    private const long BlocksInChunk = WordsInChunk * 64L;

    private readonly List<ulong[]?> _chunks = [];

    /// <summary>How many blocks so many bytes from the beginning reach into.</summary>
    internal static long CountOf(long bytes) => (bytes + BlockBytes - 1) / BlockBytes;

    internal bool this[long block] =>
        block / BlocksInChunk < _chunks.Count && _chunks[(int)(block / BlocksInChunk)] is { } chunk
        && (chunk[block % BlocksInChunk / 64] >> (int)(block % 64) & 1) != 0;

    /// <summary>Marks blocks from <paramref name="first"/> up to but without <paramref name="end"/>.</summary>
    internal void Set(long first, long end)
    {
        for (long block = first; block < end; block++)
        {
            int index = (int)(block / BlocksInChunk);
            while (_chunks.Count <= index)
                _chunks.Add(null);
            ulong[] chunk = _chunks[index] ??= new ulong[WordsInChunk];
            if (block % 64 == 0 && block + 64 <= end)
            {
                chunk[block % BlocksInChunk / 64] = ulong.MaxValue;
                block += 63;
            }
            else
                chunk[block % BlocksInChunk / 64] |= 1UL << (int)(block % 64);
        }
    }

    /// <summary>Unmarks every block from <paramref name="first"/> on.</summary>
    internal void ClearFrom(long first)
    {
        int index = (int)(first / BlocksInChunk);
        if (index >= _chunks.Count)
            return;
        if (_chunks[index] is { } chunk)
        {
            long bit = first % BlocksInChunk;
            chunk[bit / 64] &= (1UL << (int)(bit % 64)) - 1;
            chunk.AsSpan((int)(bit / 64) + 1).Clear();
        }
        _chunks.RemoveRange(index + 1, _chunks.Count - index - 1);
    }

    /// <summary>Unmarks blocks from <paramref name="first"/> up to but without <paramref name="end"/>.</summary>
    internal void Clear(long first, long end)
    {
        for (long block = first; block < end; block++)
        {
            int index = (int)(block / BlocksInChunk);
            if (index >= _chunks.Count)
                return;
            if (_chunks[index] is not { } chunk)
            {
                block = (index + 1) * BlocksInChunk - 1;
                continue;
            }
            chunk[block % BlocksInChunk / 64] &= ~(1UL << (int)(block % 64));
        }
    }

    /// <summary>Whether every block of the range is marked.</summary>
    internal bool All(long first, long end) => first >= end || this[first] && RunEnd(first, end) == end;

    /// <summary>
    /// The end of the run of blocks that are like <paramref name="block"/>, marked or not; at most
    /// <paramref name="limit"/>.
    /// </summary>
    internal long RunEnd(long block, long limit)
    {
        bool marked = this[block];
        while (block < limit)
        {
            int index = (int)(block / BlocksInChunk);
            if (index >= _chunks.Count)
                return marked ? block : limit;
            if (_chunks[index] is not { } chunk)
            {
                if (marked)
                    return block;
                block = (index + 1) * BlocksInChunk;
                continue;
            }
            ulong word = chunk[block % BlocksInChunk / 64];
            ulong different = (marked ? ~word : word) >> (int)(block % 64);
            if (different != 0)
                return Math.Min(limit, block + BitOperations.TrailingZeroCount(different));
            block = (block / 64 + 1) * 64;
        }
        return limit;
    }

    /// <summary>Whether any block of the range is marked.</summary>
    internal bool Any(long first, long end) => first < end && (this[first] || RunEnd(first, end) < end);
}
