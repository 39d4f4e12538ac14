namespace ZstdFs.Core.Compression.Cache;

/// <summary>
/// The cache's slots by key, by file, and by how recently they were used. Not thread-safe: the cache's lock guards it.
/// Slots and table entries are used again, so that a full cache allocates nothing.
/// </summary>
internal sealed class CachedFrameIndex
{
    private readonly Dictionary<FrameKey, CachedFrame> _frames = [];
    private readonly Dictionary<ulong, CachedFrame> _firstOfFile = [];
    private readonly AgeList<CachedFrame> _ages = new();

    internal int Count => _frames.Count;

    internal CachedFrame? Find(FrameKey key)
    {
        if (!_frames.TryGetValue(key, out CachedFrame? frame))
            return null;
        _ages.Touch(frame);
        return frame;
    }

    internal void Add(CachedFrame frame)
    {
        _frames.Add(frame.Key, frame);
        frame.NextOfFile = _firstOfFile.GetValueOrDefault(frame.Key.FileId);
        if (frame.NextOfFile is not null)
            frame.NextOfFile.PreviousOfFile = frame;
        _firstOfFile[frame.Key.FileId] = frame;
        _ages.Add(frame);
        frame.IsIndexed = true;
    }

    internal void Remove(CachedFrame frame)
    {
        _frames.Remove(frame.Key);
        if (frame.NextOfFile is not null)
            frame.NextOfFile.PreviousOfFile = frame.PreviousOfFile;
        if (frame.PreviousOfFile is not null)
            frame.PreviousOfFile.NextOfFile = frame.NextOfFile;
        else if (frame.NextOfFile is not null)
            _firstOfFile[frame.Key.FileId] = frame.NextOfFile;
        else
            _firstOfFile.Remove(frame.Key.FileId);
        frame.NextOfFile = frame.PreviousOfFile = null;
        _ages.Remove(frame);
        frame.IsIndexed = false;
    }

    internal CachedFrame? FirstOfFile(ulong fileId) => _firstOfFile.GetValueOrDefault(fileId);

    internal CachedFrame? Oldest => _ages.Oldest;

    /// <summary>The least recently used slot that no thread has pinned.</summary>
    internal CachedFrame? OldestUnpinned()
    {
        CachedFrame? frame = _ages.Oldest;
        while (frame is { Pins: > 0 })
            frame = frame.Newer;
        return frame;
    }
}
