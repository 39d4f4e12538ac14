using System.Buffers.Binary;
using System.Text;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// What a newer zstdfs has left. This program knows neither what it says nor how its checksum is made. Taken for torn
/// or damaged, it would be removed or ignored. So a caller that meets it names it, and changes nothing.
/// </summary>
internal static class NewerFormat
{
    /// <summary>Magic of the journal of a rename that takes two steps: "zNJ", version 1.</summary>
    internal const uint NameJournal = 0x314A4E7A;

    /// <summary>Magic of a conversion's journal: "zCJ", version 1.</summary>
    internal const uint ConversionJournal = 0x314A437A;

    private const int VersionBits = 24;

    private static ReadOnlySpan<byte> NamesFile => "names"u8;

    private static ReadOnlySpan<byte> ConversionPrefix => "conversion-"u8;

    private static NativeName StateFile => new("state\0"u8);

    private static NativeName WorkingFolder => new("working\0"u8);

    /// <summary>The message about a file in the source, or about what is in it.</summary>
    internal static string Text(string what) => $"{what} was written by a newer zstdfs; use that version";

    /// <summary>The message about a path.</summary>
    internal static string Text(ReadOnlySpan<byte> path) => Text(Encoding.UTF8.GetString(path));

    internal static SourceException Refusal(ReadOnlySpan<byte> path) => new(SourceProblem.DamagedState, Text(path));

    /// <summary>
    /// Whether these bytes begin with the magic of this kind of journal, but with a later version's character. A torn
    /// journal of ours has zeros there, or ends before.
    /// </summary>
    internal static bool IsJournal(ReadOnlySpan<byte> journal, uint ours)
    {
        const uint Kind = (1U << VersionBits) - 1;
        if (journal.Length < sizeof(uint))
            return false;
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(journal);
        return (magic & Kind) == (ours & Kind) && magic >> VersionBits > ours >> VersionBits;
    }

    /// <summary>Whether these bytes begin as a record of this kind does, and with a later version than ours.</summary>
    internal static bool IsRecord(ReadOnlySpan<byte> record, ushort magic, byte ours) =>
        record.Length > sizeof(ushort) && BinaryPrimitives.ReadUInt16LittleEndian(record) == magic
            && record[sizeof(ushort)] > ours;

    /// <summary>
    /// Finds what a newer version has left in <c>.zstdfs</c>; the paths are from the root. Returns 0, or −errno where
    /// a fault hid something.
    /// </summary>
    internal static int Find(SourceTree source, FileDescriptor folder, out List<byte[]> found)
    {
        found = [];
        int result = DirectoryListing.Read(folder, null, out DirectoryListing entries);
        entries.SortByName();
        for (int i = 0; i < entries.Count && result >= 0; i++)
        {
            result = IsNewer(source, folder, entries.Name(i));
            if (result > 0)
                found.Add([.. ".zstdfs/"u8, .. entries.Name(i).Bytes]);
        }
        if (result < 0)
            return PassingFault.Is(result) ? result : 0;
        result = source.OpenListing(folder, WorkingFolder, out FileDescriptor working);
        if (result < 0)
            return PassingFault.Is(result) ? result : 0;
        using (working)
            return FindWorkingCopies(working, found);
    }

    private static int FindWorkingCopies(FileDescriptor working, List<byte[]> found)
    {
        int result = DirectoryListing.Read(working, null, out DirectoryListing copies);
        copies.SortByName();
        for (int i = 0; i < copies.Count && result >= 0; i++)
        {
            result = IsNewerCopy(working, copies.Name(i));
            if (result > 0)
                found.Add([.. ".zstdfs/working/"u8, .. copies.Name(i).Bytes]);
        }
        return PassingFault.Is(result) ? result : 0;
    }

    /// <summary>1 or 0, or −errno where a fault hid it.</summary>
    private static int IsNewer(SourceTree source, FileDescriptor folder, NativeName name)
    {
        bool isState = name.Bytes.SequenceEqual(StateFile.Bytes);
        uint journal = name.Bytes.SequenceEqual(NamesFile) ? NameJournal : IsSlot(name) ? ConversionJournal : 0;
        if (!isState && journal == 0)
            return 0;
        Span<byte> head = stackalloc byte[StateRecord.HeadBytes];
        int result = source.OpenRead(folder, name, out FileDescriptor file);
        if (result >= 0)
        {
            using (file)
                result = SystemCallsFile.Read(file, 0, head);
        }
        if (result < 0)
            return PassingFault.Is(result) ? result : 0;
        head = head[..result];
        return (isState ? StateRecord.IsNewer(head) : IsJournal(head, journal)) ? 1 : 0;
    }

    /// <summary>A conversion's journal, of whichever slot: a newer version may have more of them.</summary>
    private static bool IsSlot(NativeName name) =>
        name.Bytes.StartsWith(ConversionPrefix) && name.Bytes.Length > ConversionPrefix.Length
            && !name.Bytes[ConversionPrefix.Length..].ContainsAnyExceptInRange((byte)'0', (byte)'9');

    private static int IsNewerCopy(FileDescriptor working, NativeName name)
    {
        Span<byte> record = stackalloc byte[WorkingCopyRecord.Bytes];
        int length = ExtendedAttributes.Get(working, name, WorkingCopyRecord.AttributeName, record);
        if (length == -(int)Errno.ERANGE)
        {
            record = new byte[ExtendedAttributes.LongestBytes];
            length = ExtendedAttributes.Get(working, name, WorkingCopyRecord.AttributeName, record);
        }
        if (length < 0)
            return PassingFault.Is(length) ? length : 0;
        return WorkingCopyRecord.IsNewer(record[..length]) ? 1 : 0;
    }
}
