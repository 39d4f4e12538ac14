namespace ZstdFs.Core.Overlays;

/// <summary>
/// Where an overlay keeps what was written: in memory, or in a working copy. Before the first write it has neither. The
/// content's lock guards it.
/// </summary>
internal abstract class OverlayMedium
{
    /// <summary>Fills a destination that lies within the file. 0 or −errno.</summary>
    internal abstract int Read(long offset, Span<byte> destination);

    /// <summary>Writes. 0 or −errno; after an error a part of the range may be written.</summary>
    internal abstract int Write(long offset, ReadOnlySpan<byte> data);

    /// <summary>
    /// Makes as much of a range as it can read as zeros without writing them: from <paramref name="first"/> to
    /// <paramref name="last"/>. False where it cannot: the caller must write zeros.
    /// </summary>
    internal abstract bool TryPunch(long offset, long end, out long first, out long last);

    /// <summary>A range that it punched is a hole.</summary>
    internal abstract bool HasHoles { get; }

    /// <summary>
    /// Sets the length. 0 or −errno. Where <paramref name="replaces"/> is true, the file was emptied to be written
    /// anew.
    /// </summary>
    internal abstract int Resize(long size, bool replaces);
}
