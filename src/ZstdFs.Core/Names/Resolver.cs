using ZstdFs.Core.Inodes;
using ZstdFs.Core.Overlays;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Names;

/// <summary>What a logical name leads to in the source.</summary>
/// <param name="Kind">How it is stored.</param>
/// <param name="Id">Node id and inode number.</param>
/// <param name="Stat">Attributes of what is stored.</param>
/// <param name="LogicalBytes">Length that users see; −1 where the stored file cannot be opened.</param>
/// <param name="Birth">When the logical file was made.</param>
internal readonly record struct Resolved(NodeKind Kind, ulong Id, Statx Stat, long LogicalBytes, Timestamp Birth)
{
    /// <summary>A stored file that is known to have holes.</summary>
    internal bool HasHoles { get; init; }

    /// <summary>What its open content showed when <see cref="Stat"/> was taken; null where no handle is open.</summary>
    internal ShownContent? Content { get; init; }

    /// <summary>What the record says of the change time that users see.</summary>
    internal RecordedChange Change { get; init; }

    /// <summary>The change time in <see cref="Stat"/> is already the one that users see.</summary>
    internal bool ShowsChange { get; init; }
}

/// <summary>Finds what a logical name leads to, and its size and inode number.</summary>
internal sealed class Resolver(StorageServices services, FolderGates folderGates)
{
    private readonly PlainFiles _plainFiles = services.Options.PlainFiles;

    /// <summary>Returns 0, −ENOENT, or another error.</summary>
    internal int Resolve(FileDescriptor parent, bool parentIsRoot, ReadOnlySpan<byte> name, out Resolved resolved)
    {
        resolved = default;
        if (name.Length > StoredName.MaxStoredBytes)
            return -(int)Errno.ENAMETOOLONG;
        if (StoredName.IsReserved(name, parentIsRoot))
            return -(int)Errno.ENOENT;
        int result = TryStored(parent, name, out resolved);
        if (result != -(int)Errno.ENOENT)
            return result;
        result = ResolveNative(parent, name, out resolved);
        // A plain file may have been converted between the two looks.
        if (result == -(int)Errno.ENOENT && _plainFiles == PlainFiles.Convert)
            result = TryStored(parent, name, out resolved);
        // This comes last, because what is stored as itself may have a longer name than a stored file can have.
        return result == -(int)Errno.ENOENT && name.Length > services.LongestName ? -(int)Errno.ENAMETOOLONG : result;
    }

    /// <summary>What the root of the mount is.</summary>
    internal int ResolveRoot(out Resolved resolved)
    {
        int result;
        Statx root;
        long look;
        do
        {
            look = folderGates.Look();
            result = SystemCallsAt.Stat(services.Source.Root, out root);
        }
        while (!folderGates.TryShow(look, NodeTable.RootId, ref root));
        resolved = new Resolved(NodeKind.Directory, root.InodeNumber, root, root.Size, root.Birth.ToTimestamp());
        return Math.Min(result, 0);
    }

    /// <summary>What an open file or folder is that lost its last name.</summary>
    internal int ResolveNameless(FileDescriptor open, Node node, out Resolved resolved)
    {
        resolved = default;
        int result = SystemCallsAt.Stat(open, out Statx stat);
        if (result < 0)
            return result;
        resolved = new Resolved(node.Kind, node.Id, stat, stat.Size, stat.Birth.ToTimestamp());
        if (node.Kind != NodeKind.Stored)
            return 0;
        result = services.Inspector.Inspect(open, ref stat, new NativeName("(deleted)\0"u8), out StoredFacts facts);
        resolved = result < 0
            ? resolved with { LogicalBytes = -1 }
            : new Resolved(NodeKind.Stored, node.Id, stat, facts.LogicalBytes, facts.Birth)
            { HasHoles = facts.HasHoles, Change = facts.Change };
        return 0;
    }

    /// <summary>−ENOENT where there is no stored file of this logical name.</summary>
    private int TryStored(FileDescriptor parent, ReadOnlySpan<byte> name, out Resolved resolved)
    {
        if (StoredName.IsShortened(name))
            return TryShortened(parent, name, out resolved);
        resolved = default;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        NativeName stored = StoredName.Of(name, buffer);
        int result = SystemCallsAt.Stat(parent, stored, out Statx stat);
        if (result < 0)
            return result;
        return stat.IsRegular ? ResolveStored(parent, stored, ref stat, out resolved) : -(int)Errno.ENOENT;
    }

    /// <summary>A file whose stored name has a hash of the whole name in it.</summary>
    private int TryShortened(FileDescriptor parent, ReadOnlySpan<byte> name, out Resolved resolved)
    {
        resolved = default;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes], found = stackalloc byte[StoredName.BufferBytes];
        NativeName stored = StoredName.Of(name, buffer);
        int result = SystemCallsAt.Stat(parent, stored, out Statx stat);
        if (result >= 0 && stat.IsRegular)
        {
            result = FullNames.Find(parent, stored, found, out ReadOnlySpan<byte> full);
            if (result < 0)
                return result;
            if (result > 0)
                return full.SequenceEqual(name) ? ResolveStored(parent, stored, ref stat, out resolved)
                    : -(int)Errno.ENOENT;
            // A program copied the file without its attributes. The hash proves that the name is the file's, but
            // listings need the attribute.
            if (services.State is not null
                && FullNames.Add(services.Source, parent, stored, name, stat.LinkCount <= 1) >= 0)
                _ = SystemCallsAt.Stat(parent, stored, out stat);
            return ResolveStored(parent, stored, ref stat, out resolved);
        }
        if (result < 0 && result != -(int)Errno.ENOENT)
            return result;
        if (name.Length > StoredName.MaxLogicalBytes)
            return -(int)Errno.ENOENT;
        // Another program may have made a file whose name only looks shortened.
        stored = StoredName.WithSuffix(name, buffer);
        result = SystemCallsAt.Stat(parent, stored, out stat);
        if (result < 0)
            return result;
        result = stat.IsRegular ? FullNames.Find(parent, stored, found, out _) : 1;
        if (result < 0)
            return result;
        return result == 0 ? ResolveStored(parent, stored, ref stat, out resolved) : -(int)Errno.ENOENT;
    }

    private int ResolveNative(FileDescriptor parent, ReadOnlySpan<byte> name, out Resolved resolved)
    {
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes], own = stackalloc byte[StoredName.BufferBytes];
        if (!StoredName.IsEscaped(name))
            return ResolveNative(parent, SourceNames.Itself(name, own), mayBeNode: true,
                _plainFiles != PlainFiles.Ignore, out resolved);
        NativeName escaped = StoredName.OfNode(name, buffer);
        int result = ResolveNative(parent, escaped, mayBeNode: true, mayBePlain: false, out resolved);
        if (result is not (-(int)Errno.ENOENT or -(int)Errno.ENAMETOOLONG))
            return result;
        // The name itself may belong to a folder that this mount did not make, or to a plain file. (A regular file
        // x.zst has another logical name.)
        bool endsInSuffix = StoredName.TryToLogical(name, out _);
        bool mayBePlain = !endsInSuffix && _plainFiles != PlainFiles.Ignore;
        result = ResolveNative(parent, SourceNames.Itself(name, own), endsInSuffix, mayBePlain, out resolved);
        // The mount may have given the folder its escaped name between the two looks.
        if (result == -(int)Errno.ENOENT && endsInSuffix)
            result = ResolveNative(parent, escaped, mayBeNode: true, mayBePlain: false, out resolved);
        return result;
    }

    private int ResolveNative(FileDescriptor parent, NativeName native, bool mayBeNode, bool mayBePlain,
        out Resolved resolved)
    {
        resolved = default;
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
            number = services.Inspector.NumberWithoutRecord(stat);
        }
        while (stat.IsDirectory && !folderGates.TryShow(look, number, ref stat));
        if (!(stat.IsRegular ? mayBePlain : mayBeNode))
            return -(int)Errno.ENOENT;
        RecordedChange change = default;
        if (stat.IsRegular)
            result = services.Inspector.PlainNumber(parent, native, ref stat, out number, out change);
        NodeKind kind = stat.IsDirectory ? NodeKind.Directory : stat.IsRegular ? NodeKind.Plain : NodeKind.Special;
        resolved = new Resolved(kind, number, stat, stat.Size, stat.Birth.ToTimestamp()) { Change = change };
        return Math.Min(result, 0);
    }

    private int ResolveStored(FileDescriptor parent, NativeName stored, ref Statx stat, out Resolved resolved)
    {
        services.Source.Devices.Learn(parent, stored, stat);
        int result = services.Inspector.Inspect(parent, stored, ref stat, out StoredFacts facts);
        // While a commit's rename replaces the file (on btrfs that takes a while), the name may lead to a file whose
        // link count is 0 already. Users see one file all the time.
        stat.LinkCount = Math.Max(stat.LinkCount, 1);
        resolved = new Resolved(NodeKind.Stored, facts.InodeNumber, stat, facts.LogicalBytes, facts.Birth)
            { HasHoles = facts.HasHoles, Change = facts.Change };
        return result;
    }
}
