using System.Buffers.Binary;

namespace ZstdFs.Core.Compression;

/// <summary>One frame's two lengths, as the seek table tells them.</summary>
internal readonly record struct SeekTableEntry(uint StoredBytes, uint LogicalBytes)
{
    /// <summary>In a file of more frames: this entry is not a frame with content, but lies between two.</summary>
    internal bool IsPadding => LogicalBytes == 0;
}

/// <summary>
/// The seek table of the zstd seekable format v0.1.0: a skippable frame at the file's end with an eight-byte entry for
/// each frame and a nine-byte footer. It is written without the optional checksum for each frame, because the frames
/// carry their own.
/// </summary>
internal static class SeekTable
{
    internal const uint SkippableMagic = 0x184D2A5E;
    /// <summary>Begins the skippable frames that move the next frame to its place within a block.</summary>
    internal const uint PaddingMagic = 0x184D2A50;
    internal const uint FooterMagic = 0x8F92EAB1;
    internal const int FooterBytes = 9;
    internal const int EntryBytes = 8;

    private const byte ChecksumFlag = 0x80;
    private const byte ReservedBits = 0x7C;

    /// <summary>Length of the table of this many frames.</summary>
    internal static int BytesFor(int frames) =>
        checked(FrameHeader.SkippableHeaderBytes + frames * EntryBytes + FooterBytes);

    /// <summary>Writes the header of a skippable frame that fills all of this.</summary>
    internal static void WritePadding(Span<byte> frame)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(frame, PaddingMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], (uint)(frame.Length - FrameHeader.SkippableHeaderBytes));
    }

    /// <summary>Writes the table of these frames and returns its length.</summary>
    internal static int Write(ReadOnlySpan<SeekTableEntry> frames, Span<byte> table)
    {
        Span<byte> rest = WriteHeader(frames.Length, table);
        foreach (SeekTableEntry frame in frames)
            rest = WriteEntry(frame, rest);
        WriteFooter(frames.Length, rest);
        return BytesFor(frames.Length);
    }

    /// <summary>
    /// Writes the table of these frames, which must be contiguous from offset 0, and returns its length.
    /// </summary>
    internal static int Write(FrameMap frames, Span<byte> table)
    {
        if (!frames.IsContiguous || (frames.FrameCount > 0 && frames[0].StoredOffset != 0))
            throw new ArgumentException(
                "A seek table cannot describe frames with something else between them.", nameof(frames));
        Span<byte> rest = WriteHeader(frames.FrameCount, table);
        for (int i = 0; i < frames.FrameCount; i++)
            rest = WriteEntry(
                new SeekTableEntry(checked((uint)frames[i].StoredBytes), checked((uint)frames[i].LogicalBytes)), rest);
        WriteFooter(frames.FrameCount, rest);
        return BytesFor(frames.FrameCount);
    }

    /// <summary>
    /// Reads the footer, the file's last <see cref="FooterBytes"/> bytes. False where they are no footer, and where the
    /// table would be longer than the file.
    /// </summary>
    internal static bool TryParseFooter(ReadOnlySpan<byte> footer, long storedBytes, out SeekTableLayout layout)
    {
        layout = default;
        if (footer.Length != FooterBytes
            || BinaryPrimitives.ReadUInt32LittleEndian(footer[5..]) != FooterMagic
            || (footer[4] & ReservedBits) != 0)
            return false;
        uint frames = BinaryPrimitives.ReadUInt32LittleEndian(footer);
        if (frames > FrameMap.MaxFrames)
            return false;
        int entryBytes = EntryBytes + ((footer[4] & ChecksumFlag) != 0 ? sizeof(uint) : 0);
        long tableBytes = FrameHeader.SkippableHeaderBytes + (long)frames * entryBytes + FooterBytes;
        layout = new SeekTableLayout((int)frames, entryBytes, storedBytes - tableBytes, tableBytes);
        return layout.StoredOffset >= 0;
    }

    /// <summary>True where <paramref name="header"/> begins the skippable frame that this layout needs.</summary>
    internal static bool IsHeaderOf(ReadOnlySpan<byte> header, SeekTableLayout layout) =>
        header.Length >= FrameHeader.SkippableHeaderBytes
        && BinaryPrimitives.ReadUInt32LittleEndian(header) == SkippableMagic
        && BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) == layout.TableBytes - FrameHeader.SkippableHeaderBytes;

    internal static SeekTableEntry ReadEntry(ReadOnlySpan<byte> entry) =>
        new(BinaryPrimitives.ReadUInt32LittleEndian(entry), BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]));

    private static Span<byte> WriteHeader(int frames, Span<byte> table)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(table, SkippableMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(
            table[4..], (uint)(BytesFor(frames) - FrameHeader.SkippableHeaderBytes));
        return table[FrameHeader.SkippableHeaderBytes..];
    }

    private static Span<byte> WriteEntry(SeekTableEntry entry, Span<byte> rest)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(rest, entry.StoredBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(rest[4..], entry.LogicalBytes);
        return rest[EntryBytes..];
    }

    private static void WriteFooter(int frames, Span<byte> rest)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(rest, (uint)frames);
        rest[4] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(rest[5..], FooterMagic);
    }
}

/// <summary>Where a seek table lies, as its footer says.</summary>
internal readonly record struct SeekTableLayout(int Frames, int EntryBytes, long StoredOffset, long TableBytes)
{
    /// <summary>Stored offset of the first entry.</summary>
    internal long EntriesOffset => StoredOffset + FrameHeader.SkippableHeaderBytes;
}
