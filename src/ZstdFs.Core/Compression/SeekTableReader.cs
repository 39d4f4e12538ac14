using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Turns a file's seek table into its index, unless the table is at odds with the file. Nothing protects a table's
/// bytes. So the reader believes it only where a second witness agrees: the frames' headers, or the table's regularity.
/// </summary>
internal sealed class SeekTableReader(FileDescriptor stored, StoredWindow window, long storedBytes, WindowLimit windows)
{
    // Whether the frames lead from the file's beginning to its end; null before the first dispute.
    private bool? _isWhole;

    // How far the look for disputed frames has come.
    private FrameWalker? _walker;
    private WalkedFrame _reached;

    /// <summary>
    /// Null where there is no table or it must not be believed; the caller then asks the frames themselves. The table's
    /// lengths must add up to the file's, and the frames' headers must state what the table says. Where all frames are
    /// of one length, the reader checks the first and the last one: to move an offset, several entries would have to be
    /// wrong in agreement. Otherwise it checks every frame. A frame in between that decodes to another length is found
    /// out when it is read. A frame that is damaged itself is no witness against the table.
    /// </summary>
    internal FrameMap? TryRead()
    {
        ReadOnlySpan<byte> footer = window.Look(
            storedBytes - Math.Min(storedBytes, SeekTable.FooterBytes), SeekTable.FooterBytes, dense: false);
        if (!SeekTable.TryParseFooter(footer, storedBytes, out SeekTableLayout layout)
            || !SeekTable.IsHeaderOf(
                window.Look(layout.StoredOffset, FrameHeader.SkippableHeaderBytes, dense: true), layout))
        {
            return null;
        }
        FrameMap? map = ReadEntries(layout);
        return map is not null && AgreesWithFrames(map) ? map : null;
    }

    private FrameMap? ReadEntries(SeekTableLayout layout)
    {
        // Writers that stream their frames (zstd's own example among them) state no content sizes.
        bool stateSizes =
            FrameHeader.Parse(window.Look(0, FrameHeader.MaxBytes, dense: false)).ContentBytes is not null;
        var frames = new FrameMapBuilder(layout.Frames);
        long at = 0;
        for (int i = 0; i < layout.Frames; i++)
        {
            ReadOnlySpan<byte> entry = window.Look(
                layout.EntriesOffset + (long)i * layout.EntryBytes, layout.EntryBytes, dense: true);
            if (entry.Length < SeekTable.EntryBytes)
                return null;
            SeekTableEntry sizes = SeekTable.ReadEntry(entry);
            if (sizes.StoredBytes > layout.StoredOffset - at)
                return null;
            // The format lists skippable frames in the table too, as frames without content.
            bool isSkippable = sizes.LogicalBytes == 0 && IsSkippable(at, sizes.StoredBytes);
            if (!isSkippable && !CanBeFrame(sizes))
                return null;
            if (!isSkippable)
                frames.Add(at, sizes.StoredBytes, sizes.LogicalBytes, stateSizes);
            at += sizes.StoredBytes;
        }
        return at == layout.StoredOffset ? frames.Build(storedBytes, hasSeekTable: true) : null;
    }

    /// <summary>
    /// Whether a frame can have these lengths. Where all frames are of one length, the reader looks at two of them: an
    /// entry for a frame that is not there must not lengthen the file.
    /// </summary>
    private static bool CanBeFrame(SeekTableEntry entry)
    {
        // The shortest header; a block's header; and the longest content of the shortest block, which repeats one byte.
        const int HeaderBytes = 6, BlockHeaderBytes = 3, LongestRun = 1 << 21;
        long blockBytes = (long)entry.StoredBytes - HeaderBytes;
        return blockBytes >= BlockHeaderBytes && entry.LogicalBytes <= blockBytes / (BlockHeaderBytes + 1) * LongestRun;
    }

    /// <summary>
    /// True where the range holds skippable frames and nothing else. An entry that hid frames with content would
    /// shorten the file.
    /// </summary>
    private bool IsSkippable(long offset, long bytes)
    {
        long end = offset + bytes;
        while (offset < end)
        {
            FrameHeader header = FrameHeader.Parse(window.Look(offset, FrameHeader.MaxBytes, dense: true));
            if (header.Kind != FrameKind.Skippable)
                return false;
            offset += header.HeaderBytes + header.SkippableBytes;
        }
        return offset == end && bytes > 0;
    }

    private bool AgreesWithFrames(FrameMap map)
    {
        int count = map.FrameCount;
        // Among three entries or more, one wrong entry makes the lengths unequal.
        bool isRegular = map.HasEqualFrames && count > 2;
        int step = isRegular ? count - 1 : 1;
        // The disk reads the last header while this thread waits for the first.
        if (isRegular)
            FileAdvice.WillNeed(stored, map[count - 1].StoredOffset, FrameHeader.MaxBytes);
        for (int i = 0; i < count; i += step)
        {
            FrameExtent frame = map[i];
            FrameHeader header = FrameHeader.Parse(window.Look(frame.StoredOffset, FrameHeader.MaxBytes, dense: false));
            if (header.Kind == FrameKind.Zstd && header.ContentBytes is null && !isRegular)
                return false;
            bool agrees = header.Kind == FrameKind.Zstd
                && (header.ContentBytes is null || header.ContentBytes == frame.LogicalBytes);
            if (!agrees && FramesAreInOrder(frame))
                return false;
        }
        return true;
    }

    /// <summary>
    /// Settles a dispute between the table and a frame. The table is wrong where the frames follow one another without
    /// a fault and the disputed one decodes. Otherwise a frame is damaged, and only the table still tells where the
    /// others are.
    /// </summary>
    private bool FramesAreInOrder(FrameExtent disputed)
    {
        if (!FramesFollowOneAnother())
            return false;
        try
        {
            if (TryFind(disputed.StoredOffset, out WalkedFrame found))
                FrameStream.MeasureContent(stored, found.StoredOffset, found.StoredBytes, windows);
            return true;
        }
        catch (DamagedFrameException)
        {
            return false;
        }
        catch (UndecodableException error) when (error.IsIntact)
        {
            return true;
        }
    }

    /// <summary>Walks through the whole file, once for all disputes.</summary>
    private bool FramesFollowOneAnother()
    {
        if (_isWhole is { } known)
            return known;
        var walker = new FrameWalker(window, storedBytes);
        while (walker.Next(out _))
        {
        }
        bool isWhole = walker.Damage is null;
        _isWhole = isWhole;
        return isWhole;
    }

    /// <summary>
    /// The frame that begins there; false where none does. Disputes come in the order of the file, so that one walk
    /// serves all.
    /// </summary>
    private bool TryFind(long storedOffset, out WalkedFrame found)
    {
        _walker ??= new FrameWalker(window, storedBytes);
        while (_reached.StoredBytes == 0 || _reached.StoredOffset < storedOffset)
        {
            if (!_walker.Next(out _reached))
                break;
        }
        found = _reached;
        return found.StoredBytes > 0 && found.StoredOffset == storedOffset;
    }
}
