using System.Collections.Concurrent;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// The file systems of a source that has others mounted in it, or btrfs subvolumes. Each numbers its inodes for itself,
/// so numbers alone do not tell files apart. What is on the root's own file system keeps its numbers as they are.
/// </summary>
internal sealed class SourceDevices(in Statx root) : IDisposable
{
    // The number that users see of something on another file system: bit 51, which file system (14 bits), its number
    // there (37 bits: 70 TB of inodes on xfs).
    private const int NumberBits = 37, SlotBits = 14;
    private const ulong Elsewhere = 1UL << (NumberBits + SlotBits), Slots = 1UL << SlotBits;

    /// <summary>In place of the one number that belongs to the root's node.</summary>
    private const ulong InPlaceOfOne = (1UL << 52) - 1;

    private readonly ulong _root = root.Device;

    // By device number. A file system may have another one at the next mount, so slot and salt are derived from the
    // file system's own id.
    private readonly ConcurrentDictionary<ulong, Device> _others = new();
    private readonly Lock _gate = new(); // held while a device is added

    private sealed record Device(ulong Salt, ulong Slot, FileDescriptor? Folder);

    /// <summary>Whether the file is on the file system of the source's root.</summary>
    internal bool IsRoots(in Statx stat) => stat.Device == _root;

    /// <summary>The caller tells what it found under a name before it asks about it.</summary>
    internal void Learn(FileDescriptor parent, NativeName name, in Statx stat)
    {
        if (stat.Device == _root || _others.ContainsKey(stat.Device))
            return;
        if (SystemCallsAt.Open(parent, name, OpenFlags.PathOnly | OpenFlags.NoFollow, 0, ResolveFlags.Beneath,
            out FileDescriptor place) < 0)
            return;
        using (place)
            Learn(place, stat);
    }

    /// <summary>The same for something that is open.</summary>
    internal void Learn(FileDescriptor place, in Statx stat)
    {
        if (stat.Device == _root || _others.ContainsKey(stat.Device)
            || SystemCallsFile.StatFileSystem(place, out StatFs statistics) < 0)
            return;
        lock (_gate)
        {
            ulong salt = Mix(statistics.Id);
            // Two file systems of one id: an image and its copy.
            while (_others.Values.Any(other => other.Slot == salt % Slots))
                salt = Mix(salt + 1);
            FileDescriptor? folder = null;
            if (stat.IsDirectory
                && SystemCallsAt.Open(place, new NativeName(".\0"u8), OpenFlags.ReadOnly | OpenFlags.Directory, 0,
                    ResolveFlags.Beneath, out FileDescriptor opened) >= 0)
                folder = opened;
            if (!_others.TryAdd(stat.Device, new Device(salt, salt % Slots, folder)))
                folder?.Dispose();
        }
    }

    /// <summary>The inode number that users see of what has no record: folders, special files.</summary>
    internal ulong NumberOf(in Statx stat)
    {
        if (stat.Device == _root)
            return stat.InodeNumber == 1 ? InPlaceOfOne : stat.InodeNumber;
        ulong slot = _others.TryGetValue(stat.Device, out Device? device) ? device.Slot : Mix(stat.Device) % Slots;
        return Elsewhere | slot << NumberBits
            | (stat.InodeNumber ^ stat.InodeNumber >> NumberBits) & ((1UL << NumberBits) - 1);
    }

    /// <summary>A number that tells a stored file from every other of the source: what its record calls it.</summary>
    internal ulong IdentityOf(in Statx stat) =>
        stat.Device == _root
            ? stat.InodeNumber
            : stat.InodeNumber
                ^ (_others.TryGetValue(stat.Device, out Device? device) ? device.Salt : Mix(stat.Device));

    /// <summary>
    /// The record was written for this stored file: the inode number in it is this file's own, and not that of a file
    /// that it was copied from.
    /// </summary>
    internal bool IsOf(in SizeRecord record, in Statx stat) => record.IsOfStored(IdentityOf(stat));

    /// <summary>A record for the stored file that <paramref name="stat"/> shows.</summary>
    internal SizeRecord RecordFor(in Statx stat, ulong inodeNumber, long logicalBytes, Timestamp birth) =>
        SizeRecord.For(stat, inodeNumber, logicalBytes, birth).OfStored(IdentityOf(stat));

    /// <summary>A record that keeps a file's number while its size is not known for certain.</summary>
    internal SizeRecord NumberRecordFor(in Statx stat, ulong inodeNumber, Timestamp birth) =>
        RecordFor(stat, inodeNumber, 0, birth).WithoutSize();

    /// <summary>syncfs(2) of all but the root's. Returns 0 or the first −errno.</summary>
    internal int Synchronize()
    {
        int first = 0;
        foreach (Device device in _others.Values)
        {
            if (device.Folder is { } folder && SystemCallsFile.SynchronizeFileSystem(folder) is < 0 and var failed
                && first == 0)
                first = failed;
        }
        return first;
    }

    private static ulong Mix(ulong value)
    {
        value = (value ^ value >> 30) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ value >> 27) * 0x94D0_49BB_1331_11EB;
        return value ^ value >> 31 | 1UL << 63;
    }

    public void Dispose()
    {
        foreach (Device device in _others.Values)
            device.Folder?.Dispose();
    }
}
