using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>What a logical name is in the source.</summary>
/// <param name="Kind">How it is stored.</param>
/// <param name="Id">Node id and inode number.</param>
/// <param name="Stat">Attributes of what is stored.</param>
/// <param name="LogicalBytes">Length that users see; −1 where only somebody with more rights than the daemon could tell.</param>
internal readonly record struct Resolved(NodeKind Kind, ulong Id, Statx Stat, long LogicalBytes);

/// <summary>Finds what a logical name stands for, and its size and inode number.</summary>
internal sealed class Resolver(ContentServices services)
{
    private readonly PlainFiles _plainFiles = services.Options.PlainFiles;

    /// <summary>Returns 0, −ENOENT, or another error.</summary>
    internal int Resolve(FileDescriptor parent, bool parentIsRoot, ReadOnlySpan<byte> name, out Resolved resolved)
    {
        resolved = default;
        if (name.Length > StoredName.MaxStoredBytes)
            return -(int)Errno.ENAMETOOLONG;
        if (parentIsRoot && name.SequenceEqual(StoredName.ReservedFolder))
            return -(int)Errno.ENOENT;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        if (name.Length <= StoredName.MaxLogicalBytes)
        {
            NativeName stored = StoredName.Of(name, buffer);
            int found = SystemCallsAt.Stat(parent, stored, out Statx storedStat);
            if (found < 0 && found != -(int)Errno.ENOENT)
                return found;
            if (found >= 0 && storedStat.IsRegular)
                return ResolveStored(parent, stored, storedStat, out resolved);
        }
        name.CopyTo(buffer);
        buffer[name.Length] = 0;
        int result = SystemCallsAt.Stat(parent, new NativeName(buffer[..(name.Length + 1)]), out Statx stat);
        if (result < 0)
            return result;
        // A regular file here is plain, unless its name makes it a stored file, which has another logical name.
        if (stat.IsRegular && (_plainFiles == PlainFiles.Ignore || StoredName.TryToLogical(name, out _)))
            return -(int)Errno.ENOENT;
        NodeKind kind = stat.IsDirectory ? NodeKind.Directory : stat.IsRegular ? NodeKind.Plain : NodeKind.Special;
        resolved = new Resolved(kind, SourceNumber(stat), stat, stat.Size);
        return 0;
    }

    /// <summary>The inode number of what is stored as itself. The root's node id is 1, so a file with that number in the source gets another.</summary>
    internal static ulong SourceNumber(in Statx stat) => stat.InodeNumber == NodeTable.RootId ? (1UL << 52) - 1 : stat.InodeNumber;

    private int ResolveStored(FileDescriptor parent, NativeName stored, in Statx stat, out Resolved resolved)
    {
        bool hasRecord = SourceTree.TryReadRecord(parent, stored, out SizeRecord record);
        ulong id = hasRecord ? record.InodeNumber : SourceNumber(stat);
        if (hasRecord && record.Describes(stat))
        {
            resolved = new Resolved(NodeKind.Stored, id, stat, record.LogicalBytes);
            return 0;
        }
        resolved = default;
        int result = FindSize(parent, stored, stat, id, out long size);
        if (result >= 0)
            resolved = new Resolved(NodeKind.Stored, id, stat, size);
        return Math.Min(result, 0);
    }

    /// <summary>The size from the frames, and a new record where one can be written.</summary>
    private int FindSize(FileDescriptor parent, NativeName stored, in Statx stat, ulong id, out long size)
    {
        size = 0;
        int result = services.Source.OpenRead(parent, stored, out FileDescriptor file);
        // A file that an ordinary user's daemon may not read still has a name, an owner and a mode, and its owner may change them.
        if (result == -(int)Errno.EACCES)
        {
            size = -1;
            return 0;
        }
        if (result < 0)
            return result;
        using (file)
        {
            FrameMap? map = null;
            if (FrameScanner.QuickSize(file, stat.Size) is { } quick)
                size = quick;
            else
            {
                map = FrameScanner.ScanIntact(file, stat.Size).Map;
                size = StoredBase.SizeOf(map);
            }
            if (map?.Damage is { } damage)
                services.Log.Error($"{stored.ToString()}: damaged at stored byte {damage.StoredOffset}: {damage.Reason}");
            else if (services.State is not null)
                _ = SourceTree.WriteRecord(parent, stored, new SizeRecord(size, id, stat.Size, stat.ModifyTime.ToTimestamp(), IsFresh: false));
        }
        return 0;
    }
}
