namespace ZstdFs.Core.Compression;

/// <summary>One data frame: where it is stored, and which part of the logical file it holds.</summary>
internal readonly record struct FrameExtent(long StoredOffset, long StoredBytes, long LogicalOffset, long LogicalBytes);

/// <summary>Where and why a stored file stops making sense, or cannot be followed any further here.</summary>
/// <param name="StoredOffset">Where in the stored file.</param>
/// <param name="Cause">Why.</param>
internal sealed record FrameDamage(long StoredOffset, UndecodableException Cause)
{
    internal FrameDamage(long storedOffset, string reason)
        : this(storedOffset, new DamagedFrameException(reason, storedOffset))
    {
    }

    /// <summary>Why, without the place.</summary>
    internal string Reason => Cause is DamagedFrameException damage ? damage.Reason : Cause.Message;

    internal UndecodableException ToException() => Cause.Again();
}

/// <summary>
/// The index of one stored file: its data frames in order. Immutable. A frame takes eight bytes where all frames but
/// the last are of one length, as in every file that this program wrote. It takes eight more where they are not, and
/// eight more where skippable frames lie between them.
/// </summary>
internal sealed class FrameMap
{
    /// <summary>A file with more frames is refused: the index must fit into memory whatever the file says.</summary>
    internal const int MaxFrames = 1 << 24;

    // INVARIANT: count + 1 entries, ascending; the last one is the end of the last frame.
    private readonly long[] _storedStarts;
    // Null where every frame ends where the next one starts.
    private readonly long[]? _storedEnds;
    // Null where the frames are uniform; else like _storedStarts.
    private readonly long[]? _logicalStarts;
    private readonly long _uniformBytes;
    private readonly bool _hasContentSizes;

    internal FrameMap(
        long[] storedStarts, long[]? storedEnds, long[]? logicalStarts, long uniformBytes, long logicalBytes,
        FrameMapFacts facts)
    {
        _storedStarts = storedStarts;
        _storedEnds = storedEnds;
        _logicalStarts = logicalStarts;
        _uniformBytes = uniformBytes;
        _hasContentSizes = facts.HasContentSizes;
        LogicalBytes = logicalBytes;
        StoredBytes = facts.StoredBytes;
        HasSeekTable = facts.HasSeekTable;
        Damage = facts.Damage;
    }

    internal long LogicalBytes { get; }

    /// <summary>The stored file's whole length.</summary>
    internal long StoredBytes { get; }

    internal int FrameCount => _storedStarts.Length - 1;

    internal bool HasSeekTable { get; }

    /// <summary>
    /// Not null where the map ends early. The file does not end at <see cref="LogicalBytes"/> then: what lies behind is
    /// unknown.
    /// </summary>
    internal FrameDamage? Damage { get; }

    /// <summary>
    /// Stored offset behind the last data frame. A seek table begins here, or behind skippable frames that begin here.
    /// </summary>
    internal long EndOfFrames => _storedStarts[^1];

    /// <summary>No skippable frame lies between data frames: a range of frames is one range of stored bytes.</summary>
    internal bool IsContiguous => _storedEnds is null;

    internal FrameExtent this[int frame]
    {
        get
        {
            long stored = _storedStarts[frame];
            long storedEnd = _storedEnds is null ? _storedStarts[frame + 1] : _storedEnds[frame];
            long logical = LogicalStart(frame);
            return new FrameExtent(stored, storedEnd - stored, logical, LogicalStart(frame + 1) - logical);
        }
    }

    /// <summary>The stored file is one frame from its first byte to its last.</summary>
    internal bool IsOneFrame =>
        FrameCount == 1 && _storedStarts[0] == 0 && EndOfFrames == StoredBytes && Damage is null;

    /// <summary>
    /// The index of a file that is known to be one frame. It does not look whether the header states the content's
    /// length.
    /// </summary>
    internal static FrameMap OfOneFrame(long storedBytes, long logicalBytes)
    {
        var frames = new FrameMapBuilder(1);
        frames.Add(0, storedBytes, logicalBytes, hasContentSize: false);
        return frames.Build(storedBytes);
    }

    /// <summary>
    /// Whether some frame is short enough to hold zeros alone. It proves nothing: a frame of short content is as short.
    /// </summary>
    internal bool MayHaveHoles
    {
        get
        {
            for (int i = 0; i < FrameCount; i++)
            {
                if (ZeroFrames.CanBeZeros(this[i]))
                    return true;
            }
            return false;
        }
    }

    /// <summary>Every frame but the last is of the first one's length, and the last one is no longer.</summary>
    internal bool HasEqualFrames => _logicalStarts is null;

    /// <summary>
    /// The frame that holds the byte at this offset; <see cref="FrameCount"/> where the file has no such byte.
    /// </summary>
    internal int FindFrame(long logicalOffset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(logicalOffset);
        if (logicalOffset >= LogicalBytes)
            return FrameCount;
        if (_logicalStarts is null)
            return (int)(logicalOffset / _uniformBytes);
        // The last frame that starts at or before the offset: an empty frame has the same start as the frame behind it.
        int low = 0, high = FrameCount;
        while (high - low > 1)
        {
            int middle = (low + high) >>> 1;
            if (_logicalStarts[middle] <= logicalOffset)
                low = middle;
            else
                high = middle;
        }
        return low;
    }

    /// <summary>
    /// Every frame but the last holds exactly this many bytes, the last one no more, and each says so in its header. So
    /// a commit can copy untouched frames into a new stored file as they are.
    /// </summary>
    internal bool IsUniform(int frameBytes)
    {
        if (!_hasContentSizes || Damage is not null)
            return false;
        if (FrameCount <= 1)
            return LogicalBytes <= frameBytes;
        return _logicalStarts is null && _uniformBytes == frameBytes;
    }

    private long LogicalStart(int frame) =>
        _logicalStarts is not null ? _logicalStarts[frame] : Math.Min(frame * _uniformBytes, LogicalBytes);
}

/// <summary>What a <see cref="FrameMap"/> knows besides its frames.</summary>
internal readonly record struct FrameMapFacts(
    long StoredBytes, bool HasSeekTable, bool HasContentSizes, FrameDamage? Damage);
