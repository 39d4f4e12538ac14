using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>
/// Looks through <c>.zstdfs</c> for what a newer zstdfs has left there: its state, its journals, its working copies.
/// </summary>
internal static class NewerRemains
{
    private static ReadOnlySpan<byte> NamesFile => "names"u8;

    private static ReadOnlySpan<byte> ConversionPrefix => "conversion-"u8;

    private static NativeName StateFile => new("state\0"u8);

    private static NativeName WorkingFolder => new("working\0"u8);

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
        uint journal = name.Bytes.SequenceEqual(NamesFile) ? NewerFormat.NameJournal
            : IsSlot(name) ? NewerFormat.ConversionJournal : 0;
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
        return (isState ? StateRecord.IsNewer(head) : NewerFormat.IsJournal(head, journal)) ? 1 : 0;
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
