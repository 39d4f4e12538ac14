using ZstdFs.Core.WorkingCopies;

namespace ZstdFs.Core.Overlays;

/// <summary>Reads what an overlay and its base hold together. The caller holds the content's lock.</summary>
internal sealed class OverlayReader(Overlay overlay)
{
    /// <summary>Fills a destination that lies within the file. 0 or −errno.</summary>
    internal int Read(long offset, Span<byte> destination)
    {
        if (overlay.IsBuffered)
        {
            overlay.BufferedContent.Slice((int)offset, destination.Length).CopyTo(destination);
            return 0;
        }
        if (overlay.Working is not { } working)
        {
            ReadBelow(offset, destination);
            return 0;
        }
        if (working.IsLent)
            return working.Read(offset, destination);
        while (!destination.IsEmpty)
        {
            long block = offset / BlockMap.BlockBytes;
            long lastBlock = (offset + destination.Length - 1) / BlockMap.BlockBytes;
            long runEnd = working.Blocks.RunEnd(block, lastBlock + 1) * BlockMap.BlockBytes;
            Span<byte> part = destination[..(int)Math.Min(destination.Length, runEnd - offset)];
            int result = 0;
            if (working.Blocks[block])
                result = working.Read(offset, part);
            else
                ReadBelow(offset, part);
            if (result < 0)
                return result;
            offset += part.Length;
            destination = destination[part.Length..];
        }
        return 0;
    }

    /// <summary>What shows through where nothing was written.</summary>
    internal void ReadBelow(long offset, Span<byte> destination)
    {
        int count = (int)Math.Clamp(overlay.BaseLimit - offset, 0, destination.Length);
        destination[count..].Clear();
        for (destination = destination[..count]; !destination.IsEmpty;)
        {
            long end = long.MaxValue;
            bool isPunched = overlay.Working is not null && overlay.Working.Zeros.Find(offset, out end);
            Span<byte> part = destination[..(int)Math.Min(destination.Length, end - offset)];
            if (isPunched)
                part.Clear();
            else
                overlay.Lower.Read(offset, part);
            offset += part.Length;
            destination = destination[part.Length..];
        }
    }
}
