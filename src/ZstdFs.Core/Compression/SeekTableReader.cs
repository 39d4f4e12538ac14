namespace ZstdFs.Core.Compression;

/// <summary>Turns a file's seek table into its index, unless the table is at odds with the file.</summary>
internal static class SeekTableReader
{
    /// <summary>
    /// Null where there is no table or it must not be believed; the frames themselves then tell. The lengths must add up to the file's,
    /// and the frames' headers must state what the table says: the first and the last one where all frames are of one length, since
    /// moving one offset would then need several entries that are wrong in agreement; every one where they are not. A frame in between
    /// that decodes to another length is found out when it is read.
    /// </summary>
    internal static FrameMap? TryRead(StoredWindow window, long storedBytes)
    {
        ReadOnlySpan<byte> footer = window.Look(storedBytes - Math.Min(storedBytes, SeekTable.FooterBytes), SeekTable.FooterBytes, dense: false);
        if (!SeekTable.TryParseFooter(footer, storedBytes, out SeekTableLayout layout)
            || !SeekTable.IsHeaderOf(window.Look(layout.StoredOffset, FrameHeader.SkippableHeaderBytes, dense: true), layout))
        {
            return null;
        }

        var frames = new FrameMapBuilder(layout.Frames);
        for (int i = 0; i < layout.Frames; i++)
        {
            ReadOnlySpan<byte> entry = window.Look(layout.EntriesOffset + (long)i * layout.EntryBytes, layout.EntryBytes, dense: true);
            if (entry.Length < SeekTable.EntryBytes)
                return null;
            SeekTableEntry sizes = SeekTable.ReadEntry(entry);
            if (sizes.StoredBytes > layout.StoredOffset - frames.StoredEnd)
                return null;
            frames.Add(frames.StoredEnd, sizes.StoredBytes, sizes.LogicalBytes);
        }
        if (frames.StoredEnd != layout.StoredOffset)
            return null;
        FrameMap map = frames.Build(storedBytes, hasSeekTable: true);
        return AgreesWithFrames(map, window) ? map : null;
    }

    private static bool AgreesWithFrames(FrameMap map, StoredWindow window)
    {
        int count = map.FrameCount;
        if (count == 0)
            return true;
        int step = map.HasEqualFrames ? Math.Max(1, count - 1) : 1;
        for (int i = 0; i < count; i += step)
        {
            FrameExtent frame = map[i];
            FrameHeader header = FrameHeader.Parse(window.Look(frame.StoredOffset, FrameHeader.MaxBytes, dense: false));
            if (header.Kind != FrameKind.Zstd || header.ContentBytes != frame.LogicalBytes || header.DictionaryId != 0)
                return false;
        }
        return true;
    }
}
