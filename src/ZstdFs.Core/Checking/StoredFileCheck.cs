using System.Buffers.Binary;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>What is wrong with one open stored file's structure and record, without decoding it.</summary>
internal sealed class StoredFileCheck(SourceTree source, WindowLimit windows, StateCheck stateCheck, bool repair)
{
    internal readonly record struct Finding(FaultKind Kind, string Detail, bool IsMended);

    /// <summary>Looks at the file and adds what it finds. The map is null where there is nothing to decode.</summary>
    internal FrameMap? Look(FileDescriptor file, in Statx stat, List<Finding> findings)
    {
        RecordState state = ReadRecord(file, stat, out SizeRecord record);
        // A mount created the file and died before it committed anything: the file is empty, whatever is in it.
        if (state == RecordState.Current && record.IsFresh)
            return null;
        ScanResult scan = FrameScanner.ScanIntact(file, stat.Size, windows);
        FrameMap map = scan.Map;
        if (map.Damage is { } damage)
            findings.Add(Of(damage, map));
        else if (!TryCompareTable(file, stat, map, out bool contradicts, findings))
            return null;
        else if (contradicts)
            findings.Add(new Finding(FaultKind.SeekTable,
                "the seek table is at odds with the frames; 'zstdfs recompress' writes a new one", false));
        else
            CheckRecord(file, stat, map, state, record, findings);
        if (scan.DictionaryId != 0 && map.Damage is null)
            findings.Add(new Finding(
                FaultKind.Unsupported, UnsupportedContentException.OfDictionary(scan.DictionaryId).Message, false));
        return map;
    }

    private static Finding Of(FrameDamage damage, FrameMap map) => damage.Cause switch
    {
        DamagedFrameException => new Finding(FaultKind.Structure,
            $"{damage.Reason} at stored byte {damage.StoredOffset}; what follows content byte {map.LogicalBytes} may "
                + "be lost",
            false),
        _ => new Finding(KindOf(damage.Cause), damage.Reason, false),
    };

    /// <summary>The kind of fault that this cause is.</summary>
    internal static FaultKind KindOf(UndecodableException cause) => cause switch
    {
        WindowTooLargeException or DecoderMemoryException => FaultKind.WindowTooLarge,
        UnsupportedContentException => FaultKind.Unsupported,
        StorageException => FaultKind.Unreadable,
        _ => FaultKind.Data,
    };

    private enum RecordState
    {
        None,
        Damaged,
        Newer,
        Stale,
        Current,
    }

    private RecordState ReadRecord(FileDescriptor file, in Statx stat, out SizeRecord record)
    {
        record = default;
        if (ExtendedAttributes.Get(file, SizeRecord.AttributeName, default) < 0)
            return RecordState.None;
        if (!SourceTree.TryReadRecord(file, out record))
            return record.IsNewer ? RecordState.Newer : RecordState.Damaged;
        // Files that were copied with their attributes have the records of their originals, which say nothing here and
        // do no harm.
        if (!source.Devices.IsOf(record, stat) || record.HasNoSize)
            return RecordState.None;
        return record.Describes(stat) ? RecordState.Current : RecordState.Stale;
    }

    private void CheckRecord(
        FileDescriptor file, in Statx stat, FrameMap map, RecordState state, in SizeRecord record,
        List<Finding> findings)
    {
        (FaultKind Kind, string Detail)? fault = state switch
        {
            RecordState.Damaged => (FaultKind.RecordDamaged, "its record (user.zstdfs) cannot be read"),
            RecordState.Newer => (FaultKind.Newer, NewerFormat.Text("its record (user.zstdfs)")),
            // utimensat(2) on an empty file makes its record stale, and the file is still empty.
            RecordState.Stale when record.IsFresh && map.LogicalBytes == 0 => null,
            RecordState.Stale =>
                (FaultKind.RecordStale, "its record is about another version: it was written or touched in the source"),
            RecordState.Current when record.LogicalBytes != map.LogicalBytes =>
                (FaultKind.RecordWrong,
                    $"its record says {record.LogicalBytes} bytes, its frames hold {map.LogicalBytes}"),
            RecordState.None when ForeignSize(file) is { } size && size != map.LogicalBytes =>
                (FaultKind.ForeignSizeWrong,
                    $"user.real_size says {size} bytes, its frames hold {map.LogicalBytes}"),
            _ => null,
        };
        if (fault is not { } found)
            return;
        // A new record would count as proof of the content. A mount would then show what a power cut may have left.
        if (state is RecordState.Stale or RecordState.Current
            && (record.IsFresh || stateCheck.WillBeSuspect(record.Epoch)))
        {
            string detail = $"{found.Detail}; the next mount decodes the file and sees to it";
            findings.Add(new Finding(found.Kind, detail, false));
            return;
        }
        bool mends = repair && !source.ReadOnly && state != RecordState.Newer;
        findings.Add(new Finding(found.Kind, found.Detail, mends && Mend(file, stat, map, state, record) >= 0));
    }

    /// <summary>
    /// Writes the file's own record again; removes any other. A mount then gives the file a record at first sight.
    /// </summary>
    private int Mend(
        FileDescriptor file, in Statx stat, FrameMap map, RecordState state, in SizeRecord record) => state switch
    {
        RecordState.None => ExtendedAttributes.Remove(file, SizeRecord.ForeignAttributeName),
        RecordState.Stale or RecordState.Current => SourceTree.WriteRecord(file,
            source.Devices.RecordFor(stat, record.InodeNumber, map.LogicalBytes, record.Birth) with
            {
                ChangeTime = record.ChangeTimeOf(stat),
                Epoch = record.Epoch,
            }),
        _ => ExtendedAttributes.Remove(file, SizeRecord.AttributeName),
    };

    private static long? ForeignSize(FileDescriptor file)
    {
        Span<byte> size = stackalloc byte[sizeof(long)];
        return ExtendedAttributes.Get(file, SizeRecord.ForeignAttributeName, size) == sizeof(long)
            ? BinaryPrimitives.ReadInt64BigEndian(size)
            : null;
    }

    /// <summary>False where a block that must be read cannot be read; it adds a finding then.</summary>
    private static bool TryCompareTable(
        FileDescriptor file, in Statx stat, FrameMap map, out bool contradicts, List<Finding> findings)
    {
        contradicts = false;
        try
        {
            contradicts = ContradictsTable(file, stat, map);
            return true;
        }
        catch (UndecodableException e)
        {
            findings.Add(new Finding(KindOf(e), e.Message, false));
            return false;
        }
    }

    /// <summary>True where the file has a table that was not believed, or that some frame disagrees with.</summary>
    private static bool ContradictsTable(FileDescriptor file, in Statx stat, FrameMap map)
    {
        using var window = new StoredWindow(file, stat.Size);
        if (!map.HasSeekTable)
            return map.FrameCount > 0 && HasTable(window, map.EndOfFrames);
        var walker = new FrameWalker(window, stat.Size);
        for (int i = 0; i < map.FrameCount; i++)
        {
            if (!walker.Next(out WalkedFrame frame)
                || frame.StoredOffset != map[i].StoredOffset || frame.StoredBytes != map[i].StoredBytes
                || frame.ContentBytes is { } content && content != map[i].LogicalBytes)
            {
                return true;
            }
        }
        return walker.Next(out _) || walker.Damage is not null;
    }

    /// <summary>A table may lie behind the mark or padding, which are skippable frames too.</summary>
    private static bool HasTable(StoredWindow window, long at)
    {
        while (true)
        {
            ReadOnlySpan<byte> bytes = window.Look(at, FrameHeader.MaxBytes, dense: true);
            FrameHeader header = FrameHeader.Parse(bytes);
            if (header.Kind != FrameKind.Skippable)
                return false;
            if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) == SeekTable.SkippableMagic)
                return true;
            at += header.HeaderBytes + header.SkippableBytes;
        }
    }
}
