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
/// <param name="Birth">When the logical file was made.</param>
internal readonly record struct Resolved(NodeKind Kind, ulong Id, Statx Stat, long LogicalBytes, Timestamp Birth)
{
    /// <summary>A stored file that is known to have holes.</summary>
    internal bool HasHoles { get; init; }
}

/// <summary>Finds what a logical name stands for, and its size and inode number.</summary>
internal sealed class Resolver(ContentServices services, FolderGates folderGates)
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
        int result = TryStored(parent, name, out resolved);
        if (result != -(int)Errno.ENOENT)
            return result;
        result = ResolveNative(parent, name, out resolved);
        // A plain file that was converted between the two looks.
        if (result == -(int)Errno.ENOENT && _plainFiles == PlainFiles.Convert)
            result = TryStored(parent, name, out resolved);
        // What is stored as itself may have a longer name than a file here can have.
        return result == -(int)Errno.ENOENT && name.Length > StoredName.MaxLogicalBytes ? -(int)Errno.ENAMETOOLONG : result;
    }

    /// <summary>−ENOENT where there is no stored file of this logical name.</summary>
    private int TryStored(FileDescriptor parent, ReadOnlySpan<byte> name, out Resolved resolved)
    {
        resolved = default;
        if (name.Length > StoredName.MaxLogicalBytes)
            return -(int)Errno.ENOENT;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        NativeName stored = StoredName.Of(name, buffer);
        int result = SystemCallsAt.Stat(parent, stored, out Statx stat);
        if (result < 0)
            return result;
        return stat.IsRegular ? ResolveStored(parent, stored, ref stat, out resolved) : -(int)Errno.ENOENT;
    }

    private int ResolveNative(FileDescriptor parent, ReadOnlySpan<byte> name, out Resolved resolved)
    {
        resolved = default;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        name.CopyTo(buffer);
        buffer[name.Length] = 0;
        var native = new NativeName(buffer[..(name.Length + 1)]);
        int result;
        ulong number;
        Statx stat;
        long look;
        do
        {
            look = folderGates.Look();
            result = SystemCallsAt.Stat(parent, native, out stat);
            if (result < 0)
                return result;
            services.Source.Devices.Learn(parent, native, stat);
            number = services.Source.Devices.NumberOf(stat);
        }
        while (stat.IsDirectory && !folderGates.TryShow(look, number, ref stat));
        // A regular file here is plain, unless its name makes it a stored file, which has another logical name.
        if (stat.IsRegular && (_plainFiles == PlainFiles.Ignore || StoredName.TryToLogical(name, out _)))
            return -(int)Errno.ENOENT;
        if (stat.IsRegular)
            result = services.Inspector.PlainNumber(parent, native, stat, out number);
        NodeKind kind = stat.IsDirectory ? NodeKind.Directory : stat.IsRegular ? NodeKind.Plain : NodeKind.Special;
        resolved = new Resolved(kind, number, stat, stat.Size, stat.Birth.ToTimestamp());
        return Math.Min(result, 0);
    }

    private int ResolveStored(FileDescriptor parent, NativeName stored, ref Statx stat, out Resolved resolved)
    {
        services.Source.Devices.Learn(parent, stored, stat);
        int result = services.Inspector.Inspect(parent, stored, ref stat, out StoredFacts facts);
        // A file that an ordinary user's daemon may not read still has a name, an owner and a mode, and its owner may change them.
        resolved = result == -(int)Errno.EACCES
            ? new Resolved(NodeKind.Stored, services.Source.Devices.NumberOf(stat), stat, -1, stat.Birth.ToTimestamp())
            : new Resolved(NodeKind.Stored, facts.InodeNumber, stat, facts.LogicalBytes, facts.Birth) { HasHoles = facts.HasHoles };
        return result == -(int)Errno.EACCES ? 0 : result;
    }
}
