using ZstdFs.Core.Compression;
using ZstdFs.Core.WorkingCopies;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// What an overlay and its base hold, range by range: data, holes, untouched frames. The caller holds the content's
/// lock, and has found out the length.
/// </summary>
internal readonly struct OverlayExtents(Overlay overlay)
{
    private long Size => overlay.LogicalBytes;

    /// <summary>
    /// The first offset from this one on that may hold something else than zeros; −1 where only a hole follows.
    /// </summary>
    internal long FindData(long offset)
    {
        while (offset < Size && IsHole(offset, out long end))
            offset = end;
        return offset < Size ? offset : -1;
    }

    /// <summary>The first offset from this one on that is in a hole; the end of the file is one.</summary>
    internal long FindHole(long offset)
    {
        while (offset < Size && !IsHole(offset, out long end))
            offset = end;
        return Math.Min(offset, Size);
    }

    private bool IsHole(long offset, out long end)
    {
        end = Size;
        if (overlay.IsBuffered)
            return false;
        if (overlay.Working is { IsLent: true } lent)
            return lent.IsHole(offset, out end);
        if (overlay.Working is { } working)
        {
            long block = offset / BlockMap.BlockBytes;
            end = Math.Min(
                end,
                working.Blocks.RunEnd(block, (Size + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes)
                    * BlockMap.BlockBytes);
            if (working.Blocks[block])
                return false;
            bool isPunched = working.Zeros.Find(offset, out long zerosEnd);
            end = Math.Min(end, zerosEnd);
            if (isPunched)
                return true;
        }
        if (offset >= overlay.BaseLimit)
            return true;
        return overlay.Lower.IsHole(offset, Math.Min(end, overlay.BaseLimit), out end);
    }

    /// <summary>How many bytes from this offset on are a hole of the overlay itself, whatever the base holds.</summary>
    internal long HoleBytes(long offset)
    {
        if (overlay.Working is not { } working)
            return 0;
        if (working.IsLent)
            return working.IsHole(offset, out long lentEnd) ? Math.Min(lentEnd, Size) - offset : 0;
        long at = offset;
        while (at < Size && !working.Blocks[at / BlockMap.BlockBytes])
        {
            bool isPunched = working.Zeros.Find(at, out long zerosEnd);
            if (!isPunched && at < overlay.BaseLimit)
                break;
            long end = working.Blocks.RunEnd(
                at / BlockMap.BlockBytes, (Size + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes) * BlockMap.BlockBytes;
            at = Math.Min(Math.Min(end, Size), isPunched ? zerosEnd : Size);
        }
        return at - offset;
    }

    /// <summary>Frames of the version below can be taken over: they are cut at the same places as ours.</summary>
    internal bool HasReusableFrames(int frameBytes) =>
        !overlay.IsBuffered && overlay.BaseLimit > 0 && overlay.Lower.Map.IsUniform(frameBytes);

    /// <summary>
    /// How many frames from this offset on are the lower version's own, whole and not written to. A last, shorter one
    /// counts only where it ends at <paramref name="fileEnd"/>.
    /// </summary>
    internal int CountUntouchedFrames(long offset, long fileEnd, int frameBytes, int most)
    {
        FrameMap map = overlay.Lower.Map;
        int count = 0;
        for (int i = (int)(offset / frameBytes); i < map.FrameCount && count < most; i++, count++)
        {
            FrameExtent frame = map[i];
            long end = frame.LogicalOffset + frame.LogicalBytes;
            bool isLastShort = frame.LogicalBytes < frameBytes;
            if (end > overlay.BaseLimit
                || isLastShort && end != fileEnd
                || overlay.Working is { } working && IsTouched(working, frame.LogicalOffset, end))
                break;
        }
        return count;
    }

    private static bool IsTouched(WorkingCopy working, long start, long end) =>
        working.Blocks.Any(start / BlockMap.BlockBytes, (end + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes)
            || working.Zeros.Any(start, end);
}
