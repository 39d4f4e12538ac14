using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// What was written is in a working copy. What was not shows through from below. The content's lock guards it.
/// </summary>
internal sealed class WorkingCopyMedium(Overlay overlay, WorkingCopy copy) : OverlayMedium
{
    /// <summary>A shorter range is written as zeros.</summary>
    private const long PunchedBytes = 1024 * 1024;

    internal WorkingCopy Copy { get; } = copy;

    internal override bool HasHoles => true;

    internal override int Read(long offset, Span<byte> destination)
    {
        if (Copy.IsLent)
            return Copy.Read(offset, destination);
        while (!destination.IsEmpty)
        {
            long block = offset / BlockMap.BlockBytes;
            long lastBlock = (offset + destination.Length - 1) / BlockMap.BlockBytes;
            long runEnd = Copy.Blocks.RunEnd(block, lastBlock + 1) * BlockMap.BlockBytes;
            Span<byte> part = destination[..(int)Math.Min(destination.Length, runEnd - offset)];
            int result = 0;
            if (Copy.Blocks[block])
                result = Copy.Read(offset, part);
            else
                overlay.ReadBelow(offset, part);
            if (result < 0)
                return result;
            offset += part.Length;
            destination = destination[part.Length..];
        }
        return 0;
    }

    internal override int Write(long offset, ReadOnlySpan<byte> data)
    {
        int result = Copy.Write(offset, data, overlay.LogicalBytes, overlay.ReadBelow);
        return result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT && overlay.TryMakeRoom()
            ? Copy.Write(offset, data, overlay.LogicalBytes, overlay.ReadBelow)
            : result;
    }

    /// <summary>The whole blocks of the range, where they are many.</summary>
    internal override bool TryPunch(long offset, long end, out long first, out long last)
    {
        first = BlockMap.CountOf(offset) * BlockMap.BlockBytes;
        // A range that reaches the end of the file covers all of its last block.
        last = end == overlay.LogicalBytes
            ? BlockMap.CountOf(end) * BlockMap.BlockBytes
            : end / BlockMap.BlockBytes * BlockMap.BlockBytes;
        if (last - first >= PunchedBytes)
            return Copy.TryPunch(first, last, overlay.BaseLimit);
        first = last = offset;
        return false;
    }

    internal override int Resize(long size, bool replaces)
    {
        int result = 0;
        // The next mount must not take a file that was only emptied for the content that its writer wanted.
        if (replaces != Copy.Record.IsIncomplete)
            result = Copy.WriteRecord(Copy.Record with { IsIncomplete = replaces });
        if (result >= 0)
            result = Copy.Resize(overlay.LogicalBytes, size);
        // Until the limit is on disk, the working copy's length hides what is below. The blocks behind the new end are
        // gone: an error here must not refuse the change, for that would show what is below them.
        if (result >= 0 && size < overlay.BaseLimit)
            Copy.Limit(size);
        return result;
    }
}
