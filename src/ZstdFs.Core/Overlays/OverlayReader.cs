namespace ZstdFs.Core.Overlays;

/// <summary>Reads what an overlay and its base hold together. The caller holds the content's lock.</summary>
internal sealed class OverlayReader(Overlay overlay)
{
    /// <summary>Fills a destination that lies within the file. 0 or −errno.</summary>
    internal int Read(long offset, Span<byte> destination)
    {
        if (overlay.Media.Current is { } medium)
            return medium.Read(offset, destination);
        ReadBelow(offset, destination);
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
            bool isPunched = overlay.Working is { } working && working.Zeros.Find(offset, out end);
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
