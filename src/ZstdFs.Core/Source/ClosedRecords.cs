using System.Buffers.Binary;
using System.Collections.Concurrent;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// Records of the daemon's own files that their mode does not let their owner read. Linux then refuses the attribute
/// too, so an ordinary user's daemon keeps a copy of the record in <c>.zstdfs/closed</c> (layout in
/// docs/file-format.md): a slot for each file, written into the page cache, which outlives the daemon. A copy counts as
/// the record itself does. Root's daemon reads every file and keeps none. Thread-safe.
/// </summary>
internal sealed class ClosedRecords : IDisposable
{
    private const int RecordOffset = 16, SlotBytes = RecordOffset + SizeRecord.Bytes, MostSlots = 65_536;
    private const uint OwnerReads = 0b100_000_000;

    private readonly Lock _gate = new(); // guards the file and the slots; a write to the page cache happens under it
    private readonly SourceTree _source;
    private readonly FileDescriptor? _folder;
    private readonly ConcurrentDictionary<ulong, (int Slot, SizeRecord Record)> _records = new();
    private readonly List<ulong> _numbers = []; // by slot
    private FileDescriptor? _file;
    private int _nextVictim;

    /// <param name="source">The source.</param>
    /// <param name="stateFolder">The folder <c>.zstdfs</c>, open; null where nothing may be written.</param>
    internal ClosedRecords(SourceTree source, FileDescriptor? stateFolder)
    {
        (_source, _folder) = (source, stateFolder);
        if (Credentials.IsRoot)
            return;
        if (stateFolder is not null && source.OpenWrite(stateFolder, FileName, out FileDescriptor kept) >= 0)
            Load(_file = kept);
        else if (stateFolder is null
            && source.OpenDirectory(source.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder) >= 0)
        {
            using (folder)
            {
                if (source.OpenRead(folder, FileName, out FileDescriptor file) >= 0)
                {
                    using (file)
                        Load(file);
                }
            }
        }
    }

    /// <summary>Name of the file in <c>.zstdfs</c>.</summary>
    internal static NativeName FileName => new("closed\0"u8);

    private void Load(FileDescriptor file)
    {
        if (SystemCallsAt.Stat(file, out Statx stat) < 0 || !stat.IsRegular)
            return;
        byte[] slots = new byte[Math.Min(stat.Size, MostSlots * SlotBytes)];
        int length = Math.Max(0, SystemCallsFile.Read(file, 0, slots));
        for (int at = 0; at + SlotBytes <= length; at += SlotBytes)
        {
            ReadOnlySpan<byte> slot = slots.AsSpan(at, SlotBytes);
            SizeRecord record = default;
            // Torn, or never written: another file gets the slot when its turn comes.
            bool isWhole = BinaryPrimitives.ReadUInt32LittleEndian(slot[4..]) == Checksum.OfRecord(slot)
                && SizeRecord.TryRead(slot[RecordOffset..], out record);
            ulong number = isWhole ? BinaryPrimitives.ReadUInt64LittleEndian(slot[8..]) : 0;
            if (isWhole)
                _records[number] = (_numbers.Count, record);
            _numbers.Add(number);
        }
    }

    /// <summary>
    /// The record of a file that the daemon may not read. The caller asks whether it describes the file.
    /// </summary>
    internal bool TryFind(in Statx stat, out SizeRecord record)
    {
        bool isFound = _records.TryGetValue(_source.Devices.IdentityOf(stat), out (int Slot, SizeRecord Record) kept);
        record = kept.Record;
        return isFound;
    }

    /// <summary>
    /// The stored file that <paramref name="stat"/> shows has this record, and is about to lose the right for its owner
    /// to read it.
    /// </summary>
    internal void Keep(in Statx stat, in SizeRecord record)
    {
        if (Credentials.IsRoot || _folder is null || stat.UserId != Credentials.UserId)
            return;
        ulong number = _source.Devices.IdentityOf(stat);
        lock (_gate)
        {
            int slot = _records.TryGetValue(number, out (int Slot, SizeRecord) before) ? before.Slot : NewSlot(number);
            _records[number] = (slot, record);
            Write(number, slot, record);
        }
    }

    /// <summary>The same where the file's owner may not read it already.</summary>
    internal void KeepIfClosed(in Statx stat, in SizeRecord record)
    {
        if ((stat.Mode & OwnerReads) == 0)
            Keep(stat, record);
    }

    /// <summary>The caller holds the gate.</summary>
    private int NewSlot(ulong number)
    {
        if (_numbers.Count < MostSlots)
        {
            _numbers.Add(number);
            return _numbers.Count - 1;
        }
        int victim = _nextVictim++ % MostSlots;
        _ = _records.TryRemove(_numbers[victim], out _);
        _numbers[victim] = number;
        return victim;
    }

    private void Write(ulong number, int slotNumber, in SizeRecord record)
    {
        if (_file is null && !TryCreate())
            return;
        Span<byte> slot = stackalloc byte[SlotBytes];
        slot.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(slot[8..], number);
        record.Write(slot[RecordOffset..]);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[4..], Checksum.OfRecord(slot));
        // Where the disk is full, the next mount does not know the file's length while its owner may not read it.
        _ = SystemCallsFile.Write(_file!, (long)slotNumber * SlotBytes, slot);
    }

    private bool TryCreate()
    {
        const uint OwnerOnly = 0b110_000_000;
        bool isMade = _source.CreateFile(_folder!, FileName, OwnerOnly, out FileDescriptor file) >= 0;
        if (isMade)
        {
            // The thread may have the umask of its caller, which must not take the owner's rights.
            _ = SystemCallsFile.ChangeMode(file, OwnerOnly);
            _file = file;
        }
        return isMade;
    }

    public void Dispose() => _file?.Dispose();
}
