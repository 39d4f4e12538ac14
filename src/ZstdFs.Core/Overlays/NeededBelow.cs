using ZstdFs.Core.Compression;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// Finds what a commit will have to decode of the version below. A change is refused with the error that reading gives,
/// where the commit would need a frame that cannot be decoded: no commit could succeed, so the version below would be
/// lost, or the change would stay queued for ever. The caller holds the content's lock for writing.
/// </summary>
internal sealed class NeededBelow(StorageServices services, Overlay overlay)
{
    private readonly int _frameBytes = services.Options.FrameBytes;

    /// <summary>
    /// The change gives the file this length, and writes or drops what is between these offsets. Throws where it must
    /// be refused.
    /// </summary>
    internal void Require(long size, long from, long end)
    {
        long kept = Math.Min(overlay.BaseLimit, size);
        if (kept == 0)
            return;
        FrameMap map = overlay.Lower.Map;
        // Where the end of the version below is damaged, the limit is a guess.
        if (kept > map.LogicalBytes && map.Damage is { } damage)
            throw damage.ToException();
        if (kept <= _frameBytes || !map.IsUniform(_frameBytes))
        {
            overlay.Lower.Prove(kept);
            return;
        }
        RequireFrame(from, from, end, kept);
        RequireFrame(end - 1, from, end, kept);
        // The last kept frame may be a short one, and grow with the file.
        if (size > overlay.LogicalBytes)
            RequireFrame(kept - 1, from, end, kept);
    }

    /// <summary>
    /// Unless writes cover all of the frame, the commit completes it from below, and must be able to decode it.
    /// </summary>
    private void RequireFrame(long at, long from, long end, long kept)
    {
        long start = at / _frameBytes * _frameBytes, frameEnd = Math.Min(start + _frameBytes, kept);
        bool isNeeded = start < frameEnd && (from > start || end < frameEnd)
            && overlay.Working?.Blocks.All(start / BlockMap.BlockBytes, BlockMap.CountOf(frameEnd)) != true;
        if (isNeeded)
            overlay.Lower.ProveFrame((int)(start / _frameBytes));
    }
}
