using System.Buffers.Binary;
using System.Collections.Concurrent;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// The change times that users see of folders in which a commit or a conversion renamed something, which is no change
/// to users. Linux has no call that sets a change time. So each folder's own one, as our step left it, is kept with the
/// one to show for it. Any other own one comes from a change by another hand, and is shown. Kept in
/// <c>.zstdfs/folders</c> (layout in HOW_IT_WORKS.md), a slot for each folder: one write into the page cache, which
/// outlives the daemon. Thread-safe.
/// </summary>
internal sealed class FolderChanges : IDisposable
{
    private const int SlotBytes = 40, MostSlots = 65_536;

    private readonly Lock _gate = new(); // guards the slots; a write to the page cache happens under it
    private readonly ConcurrentDictionary<ulong, Change> _changes = new();
    private readonly FileDescriptor? _file;
    private readonly bool _isReadOnly;
    private readonly List<ulong> _numbers = []; // by slot; 0 where the slot holds nothing
    private int _nextVictim;

    private readonly record struct Change(int Slot, long Own, long Modify, long Shown);

    /// <param name="folder">The folder <c>.zstdfs</c>; null where the source has none.</param>
    /// <param name="source">The source.</param>
    /// <param name="readOnly">Nothing may be written.</param>
    internal FolderChanges(SourceTree source, FileDescriptor? folder, bool readOnly)
    {
        _isReadOnly = readOnly;
        if (folder is null || Open(source, folder, readOnly, out FileDescriptor file) < 0)
            return;
        _file = file;
        Load();
    }

    /// <summary>The change times that a mount notes. A read-only mount reads what an earlier one noted.</summary>
    /// <param name="source">The source.</param>
    /// <param name="stateFolder">The folder <c>.zstdfs</c>, open; null for a read-only mount.</param>
    internal static FolderChanges Of(SourceTree source, FileDescriptor? stateFolder)
    {
        if (stateFolder is not null)
            return new FolderChanges(source, stateFolder, readOnly: false);
        if (source.OpenDirectory(source.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder) < 0)
            return new FolderChanges(source, folder: null, readOnly: true);
        using (folder)
            return new FolderChanges(source, folder, readOnly: true);
    }

    /// <summary>Name of the file in <c>.zstdfs</c>.</summary>
    internal static NativeName FileName => new("folders\0"u8);

    private static int Open(SourceTree source, FileDescriptor folder, bool readOnly, out FileDescriptor file)
    {
        int result = readOnly
            ? source.OpenRead(folder, FileName, out file)
            : source.OpenWrite(folder, FileName, out file);
        return result == -(int)Errno.ENOENT && !readOnly
            ? source.CreateFile(folder, FileName, 0b110_000_000, out file)
            : result;
    }

    private void Load()
    {
        if (SystemCallsAt.Stat(_file!, out Statx stat) < 0 || stat.Size < SlotBytes)
            return;
        byte[] slots = new byte[Math.Min(stat.Size, MostSlots * SlotBytes)];
        int length = Math.Max(0, SystemCallsFile.Read(_file!, 0, slots));
        for (int at = 0; at + SlotBytes <= length; at += SlotBytes)
        {
            ReadOnlySpan<byte> slot = slots.AsSpan(at, SlotBytes);
            // Torn, or never written: another folder gets the slot when its turn comes.
            bool isWhole = BinaryPrimitives.ReadUInt32LittleEndian(slot[4..]) == Checksum.OfRecord(slot);
            ulong number = isWhole ? BinaryPrimitives.ReadUInt64LittleEndian(slot[8..]) : 0;
            if (isWhole)
                _changes[number] = new Change(_numbers.Count, BinaryPrimitives.ReadInt64LittleEndian(slot[16..]),
                    BinaryPrimitives.ReadInt64LittleEndian(slot[24..]),
                    BinaryPrimitives.ReadInt64LittleEndian(slot[32..]));
            _numbers.Add(number);
        }
    }

    /// <summary>
    /// The change time that users see of the folder with this number, which <paramref name="stat"/> shows.
    /// </summary>
    internal Timestamp Of(ulong number, in Statx stat) =>
        _changes.TryGetValue(number, out Change change)
            && change.Own == PackedTime.Pack(stat.ChangeTime.ToTimestamp())
            && change.Modify == PackedTime.Pack(stat.ModifyTime.ToTimestamp())
            ? PackedTime.Unpack(change.Shown) : stat.ChangeTime.ToTimestamp();

    /// <summary>
    /// A step of ours has left the folder as <paramref name="stat"/> shows; users go on seeing
    /// <paramref name="shown"/>.
    /// </summary>
    internal void Note(ulong number, in Statx stat, Timestamp shown)
    {
        if (_isReadOnly)
            return;
        lock (_gate)
        {
            int slot = _changes.TryGetValue(number, out Change before) ? before.Slot : NewSlot(number);
            var change = new Change(slot, PackedTime.Pack(stat.ChangeTime.ToTimestamp()),
                PackedTime.Pack(stat.ModifyTime.ToTimestamp()), PackedTime.Pack(shown));
            _changes[number] = change;
            if (_file is not null)
                Write(number, change);
        }
    }

    /// <summary>The caller holds the gate.</summary>
    private int NewSlot(ulong number)
    {
        if (_numbers.Count < MostSlots)
        {
            _numbers.Add(number);
            return _numbers.Count - 1;
        }
        // The folder that had the slot shows its own change time from here on: users see one change.
        int victim = _nextVictim++ % MostSlots;
        _changes.TryRemove(_numbers[victim], out _);
        _numbers[victim] = number;
        return victim;
    }

    private void Write(ulong number, in Change change)
    {
        Span<byte> slot = stackalloc byte[SlotBytes];
        slot.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(slot[8..], number);
        BinaryPrimitives.WriteInt64LittleEndian(slot[16..], change.Own);
        BinaryPrimitives.WriteInt64LittleEndian(slot[24..], change.Modify);
        BinaryPrimitives.WriteInt64LittleEndian(slot[32..], change.Shown);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[4..], Checksum.OfRecord(slot));
        // Where the disk is full, the next mount shows the folder's own change time.
        _ = SystemCallsFile.Write(_file!, (long)change.Slot * SlotBytes, slot);
    }

    public void Dispose() => _file?.Dispose();
}
