using System.Buffers.Binary;
using System.Text;

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

    /// <summary>The message about a file in the source, or about what is in it.</summary>
    internal static string Text(string what) => $"{what} was written by a newer zstdfs; use that version";

    /// <summary>The message about a path.</summary>
    internal static string Text(ReadOnlySpan<byte> path) => Text(Encoding.UTF8.GetString(path));

    /// <summary>What ends a program that meets such a thing at this path.</summary>
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
}
