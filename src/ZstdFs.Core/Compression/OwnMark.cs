using System.Buffers.Binary;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// A skippable frame behind the last one of a stored file, before the seek table. It says that this program wrote the
/// file. A record says so otherwise; the writer adds the mark where the attributes leave no room for a record. The mark
/// names the stored file's inode number, so that it says nothing on a copy. The layout is in HOW_IT_WORKS.md.
/// </summary>
internal static class OwnMark
{
    internal const int Bytes = 24;

    private const uint Magic = 0x184D2A5B;
    private const ulong Text = 0x0100_7346_6474_735A; // "ZstdFs", 0, version 1

    /// <summary>
    /// Adds the mark to a file that no reader has yet, or that a commit rewrites. Does nothing where the file has it
    /// already. Returns 0 or −errno.
    /// </summary>
    /// <param name="file">A stored file as this program writes it.</param>
    /// <param name="inodeNumber">Its number in the source.</param>
    internal static int Add(FileDescriptor file, ulong inodeNumber)
    {
        int result = SystemCallsAt.Stat(file, out Statx stat);
        if (result < 0)
            return result;
        result = Look(file, stat.Size, inodeNumber);
        if (result != 0)
            return Math.Min(result, 0);
        byte[] end = new byte[Bytes];
        BinaryPrimitives.WriteUInt32LittleEndian(end, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(4), Bytes - FrameHeader.SkippableHeaderBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(end.AsSpan(8), Text);
        BinaryPrimitives.WriteUInt64LittleEndian(end.AsSpan(16), inodeNumber);
        result = FindTable(file, stat.Size, out SeekTableLayout layout);
        if (result <= 0)
            return result < 0 ? result : SystemCallsFile.Write(file, stat.Size, end);
        byte[] old = new byte[layout.TableBytes];
        result = SystemCallsFile.Read(file, layout.StoredOffset, old);
        if (result < old.Length)
            return result < 0 ? result : -(int)Errno.EIO;
        var entries = new SeekTableEntry[layout.Frames + 1];
        for (int i = 0; i < layout.Frames; i++)
            entries[i] = SeekTable.ReadEntry(
                old.AsSpan((int)(layout.EntriesOffset - layout.StoredOffset) + i * layout.EntryBytes));
        entries[^1] = new SeekTableEntry(Bytes, 0);
        byte[] table = new byte[SeekTable.BytesFor(entries.Length)];
        _ = SeekTable.Write(entries, table);
        return SystemCallsFile.Write(file, layout.StoredOffset, (byte[])[.. end, .. table]);
    }

    /// <summary>1 where a stored file has a mark that names this inode number, 0 where not, or −errno.</summary>
    internal static int Look(FileDescriptor file, long storedBytes, ulong inodeNumber)
    {
        int result = FindTable(file, storedBytes, out SeekTableLayout layout);
        long offset = (result > 0 ? layout.StoredOffset : storedBytes) - Bytes;
        if (result < 0 || offset < 0)
            return Math.Min(result, 0);
        Span<byte> found = stackalloc byte[Bytes];
        result = SystemCallsFile.Read(file, offset, found);
        if (result < 0)
            return result;
        return result == Bytes
            && BinaryPrimitives.ReadUInt32LittleEndian(found) == Magic
            && BinaryPrimitives.ReadUInt64LittleEndian(found[8..]) == Text
            && BinaryPrimitives.ReadUInt64LittleEndian(found[16..]) == inodeNumber ? 1 : 0;
    }

    private static int FindTable(FileDescriptor file, long storedBytes, out SeekTableLayout layout)
    {
        Span<byte> footer = stackalloc byte[SeekTable.FooterBytes],
            header = stackalloc byte[FrameHeader.SkippableHeaderBytes];
        layout = default;
        if (storedBytes < footer.Length)
            return 0;
        int result = SystemCallsFile.Read(file, storedBytes - footer.Length, footer);
        if (result < footer.Length || !SeekTable.TryParseFooter(footer, storedBytes, out layout))
            return Math.Min(result, 0);
        result = SystemCallsFile.Read(file, layout.StoredOffset, header);
        return result < 0 ? result : result == header.Length && SeekTable.IsHeaderOf(header, layout) ? 1 : 0;
    }
}
