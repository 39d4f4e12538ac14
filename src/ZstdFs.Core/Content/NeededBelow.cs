using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Content;

/// <summary>
/// What a commit will have to decode of what is below. A change that needs something of it that cannot be decoded is
/// refused as reading is: no commit could make a version of it, and what is below would be lost or the change be
/// queued for ever. The caller holds the content's lock for writing.
/// </summary>
internal sealed class NeededBelow(ContentServices services, Overlay overlay)
{
    private readonly int _frameBytes = services.Options.FrameBytes;

    /// <summary>
    /// The file is to be this long, and what is written or dropped is between these offsets. Throws where that is to be
    /// refused.
    /// </summary>
    internal void Require(long size, long from, long end)
    {
        long kept = Math.Min(overlay.BaseLimit, size);
        if (kept == 0)
            return;
        FrameMap map = overlay.Lower.Map;
        // The limit is a guess then.
        if (kept > map.LogicalBytes && map.Damage is { } damage)
            throw damage.ToException();
        if (kept <= _frameBytes || !map.IsUniform(_frameBytes))
        {
            overlay.Lower.Prove(kept);
            return;
        }
        RequireFrame(from, from, end, kept);
        RequireFrame(end - 1, from, end, kept);
        // It may be a short one, and get longer.
        if (size > overlay.LogicalBytes)
            RequireFrame(kept - 1, from, end, kept);
    }

    /// <summary>A frame that no write covers as a whole is completed from below.</summary>
    private void RequireFrame(long at, long from, long end, long kept)
    {
        long start = at / _frameBytes * _frameBytes, frameEnd = Math.Min(start + _frameBytes, kept);
        bool isNeeded = start < frameEnd && (from > start || end < frameEnd)
            && overlay.Working?.Blocks.All(start / BlockMap.BlockBytes, BlockMap.CountOf(frameEnd)) != true;
        if (isNeeded)
            overlay.Lower.ProveFrame((int)(start / _frameBytes));
    }
}
