namespace ZstdFs.Core.Compression;

/// <summary>
/// Collects a stored file's frames in order and makes the smallest <see cref="FrameMap"/> that holds them.
/// </summary>
internal sealed class FrameMapBuilder
{
    private long[] _storedStarts;
    private long[]? _storedEnds;
    private long[]? _logicalStarts;
    private int _count;
    private long _uniformBytes;
    private long _logicalBytes;
    private long _storedEnd;
    private bool _hasContentSizes = true;

    internal FrameMapBuilder(int capacity = 4) => _storedStarts = new long[capacity + 1];

    internal int Count => _count;

    internal long LogicalBytes => _logicalBytes;

    /// <summary>Stored offset behind the last frame added.</summary>
    internal long StoredEnd => _storedEnd;

    /// <summary>
    /// Adds the next frame. Throws <see cref="DamagedFrameException"/> where there are more than
    /// <see cref="FrameMap.MaxFrames"/>, or where the sizes add up to more than a file can have.
    /// </summary>
    internal void Add(long storedOffset, long storedBytes, long logicalBytes, bool hasContentSize = true)
    {
        if (_count == FrameMap.MaxFrames)
            throw new DamagedFrameException($"more than {FrameMap.MaxFrames} frames", storedOffset);
        if (logicalBytes > long.MaxValue - _logicalBytes)
            throw new DamagedFrameException("the frames' sizes add up to more than a file can have", storedOffset);
        Reserve(_count + 2);
        NoteGap(storedOffset);
        NoteLogicalStart(logicalBytes);
        _storedStarts[_count] = storedOffset;
        if (_storedEnds is not null)
            _storedEnds[_count] = storedOffset + storedBytes;
        _count++;
        _storedEnd = storedOffset + storedBytes;
        _logicalBytes += logicalBytes;
        _hasContentSizes &= hasContentSize;
    }

    internal FrameMap Build(long storedBytes, bool hasSeekTable = false, FrameDamage? damage = null)
    {
        Array.Resize(ref _storedStarts, _count + 1);
        _storedStarts[_count] = _storedEnd;
        if (_logicalStarts is not null)
        {
            Array.Resize(ref _logicalStarts, _count + 1);
            _logicalStarts[_count] = _logicalBytes;
        }
        if (_storedEnds is not null)
            Array.Resize(ref _storedEnds, _count);
        return new FrameMap(_storedStarts, _storedEnds, _logicalStarts, _uniformBytes, _logicalBytes,
            new FrameMapFacts(storedBytes, hasSeekTable, _hasContentSizes, damage));
    }

    private void NoteGap(long storedOffset)
    {
        if (_count == 0 || _storedEnds is not null || storedOffset == _storedEnd)
            return;
        _storedEnds = new long[_storedStarts.Length];
        Array.Copy(_storedStarts, 1, _storedEnds, 0, _count - 1);
        _storedEnds[_count - 1] = _storedEnd;
    }

    private void NoteLogicalStart(long logicalBytes)
    {
        if (_count == 0)
            _uniformBytes = logicalBytes;
        // Frames stay uniform while all frames before this one have the first one's length, and this one no more.
        else if (_logicalStarts is null && (_logicalBytes != _count * _uniformBytes || logicalBytes > _uniformBytes))
            BecomeIrregular();
        if (_logicalStarts is not null)
            _logicalStarts[_count] = _logicalBytes;
    }

    private void BecomeIrregular()
    {
        _logicalStarts = new long[_storedStarts.Length];
        for (int i = 0; i < _count; i++)
            _logicalStarts[i] = Math.Min(i * _uniformBytes, _logicalBytes);
    }

    private void Reserve(int entries)
    {
        if (entries <= _storedStarts.Length)
            return;
        int length = Math.Max(entries, _storedStarts.Length * 2);
        Array.Resize(ref _storedStarts, length);
        if (_storedEnds is not null)
            Array.Resize(ref _storedEnds, length);
        if (_logicalStarts is not null)
            Array.Resize(ref _logicalStarts, length);
    }
}
