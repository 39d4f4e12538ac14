using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Ops on names: lookup, create, unlink, rename, link.</summary>
internal sealed class NameOperations(Volume volume)
{
    internal int Lookup(ulong parentId, NativeName name, out FuseEntryOut entry)
    {
        entry = default;
        int result = volume.RentFolder(parentId, out Node parent, out DirectoryLease lease);
        if (result < 0)
            return result;
        using (lease)
            result = volume.LookUp(parent, lease.Descriptor, name.Bytes, out entry);
        if (result != -(int)Errno.ENOENT)
            return result;
        entry = volume.NegativeEntry();
        return 0;
    }

    /// <summary>Makes a folder, symlink or special file: what is stored as itself.</summary>
    internal int MakeNative(in RequestContext context, ulong parentId, NativeName name, uint umask, NativeMaker make, out FuseEntryOut entry)
    {
        entry = default;
        int result = Prepare(parentId, name, out Node parent, out DirectoryLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            // A stored file takes the logical name, whatever the native name says.
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            if (SystemCallsAt.Stat(lease.Descriptor, StoredName.Of(name.Bytes, buffer), out Statx existing) >= 0 && existing.IsRegular)
                return -(int)Errno.EEXIST;
            using (new CallerIdentity(context, umask))
                result = make(lease.Descriptor, name);
            return result < 0 ? result : volume.LookUp(parent, lease.Descriptor, name.Bytes, out entry);
        }
    }

    /// <summary>Makes a stored file that holds nothing yet, and opens it.</summary>
    internal int Create(in RequestContext context, ulong parentId, NativeName name, uint mode, uint umask, out FuseEntryOut entry, out OpenFile file)
    {
        entry = default;
        file = null!;
        int result = Prepare(parentId, name, out Node parent, out DirectoryLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            if (SystemCallsAt.Stat(lease.Descriptor, name, out Statx native) >= 0 && !native.IsRegular)
                return -(int)Errno.EEXIST;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            NativeName stored = StoredName.Of(name.Bytes, buffer);
            FileDescriptor descriptor;
            using (new CallerIdentity(context, umask))
                result = volume.Source.CreateFile(lease.Descriptor, stored, mode & 0xFFF, out descriptor);
            if (result < 0)
                return result;
            result = MakeEmpty(descriptor, out ulong id, out Statx stat);
            if (result < 0)
            {
                _ = SystemCallsAt.Unlink(lease.Descriptor, stored);
                descriptor.Dispose();
                return result;
            }
            Node node = volume.Nodes.Acquire(id, NodeKind.Stored, parent, name.Bytes, onlyName: true);
            file = volume.Contents.Open(node, descriptor, stat, isFresh: true, writable: true);
            entry = volume.Entry(node, new Resolved(NodeKind.Stored, id, stat, 0));
            return 0;
        }
    }

    /// <summary>One empty frame and the record of it, so that stock zstd takes the file from its first moment on.</summary>
    private int MakeEmpty(FileDescriptor file, out ulong id, out Statx stat)
    {
        stat = default;
        id = volume.Services.State!.AllocateInodeNumber();
        Span<byte> frame = stackalloc byte[64];
        int length = StoredFileWriter.Compress(volume.Services, default, frame);
        int result = SystemCallsFile.Write(file, 0, frame[..length]);
        if (result >= 0)
            result = SourceTree.WriteRecord(file, new SizeRecord(0, id, length, default, IsFresh: true));
        // A source that keeps no records has the file's own number instead.
        bool hasRecord = result >= 0;
        if (result == -(int)Errno.EOPNOTSUPP)
            result = 0;
        if (result >= 0)
            result = SystemCallsAt.Stat(file, out stat);
        if (!hasRecord)
            id = Resolver.SourceNumber(stat);
        return Math.Min(result, 0);
    }

    internal int Remove(ulong parentId, NativeName name, bool folder)
    {
        int result = Prepare(parentId, name, out Node parent, out DirectoryLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            result = volume.Resolver.Resolve(lease.Descriptor, parent == volume.Nodes.Root, name.Bytes, out Resolved resolved);
            if (result < 0)
                return result;
            if (folder != (resolved.Kind == NodeKind.Directory))
                return -(int)(folder ? Errno.ENOTDIR : Errno.EISDIR);
            Node? node = volume.Nodes.Find(resolved.Id);
            if (node is null)
                return RemoveNative(lease.Descriptor, name, resolved.Kind);
            // A commit that is about to be published must find the name, or find it gone.
            lock (node.LinksGate)
                result = RemoveNative(lease.Descriptor, name, resolved.Kind);
            if (result < 0)
                return result;
            volume.Nodes.RemoveLink(node, parent, name.Bytes);
            if (folder)
                volume.Directories.Drop(node);
            return 0;
        }
    }

    private static int RemoveNative(FileDescriptor directory, NativeName name, NodeKind kind)
    {
        if (kind == NodeKind.Directory)
            return SystemCallsAt.RemoveDirectory(directory, name);
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        return SystemCallsAt.Unlink(directory, kind == NodeKind.Stored ? StoredName.Of(name.Bytes, buffer) : name);
    }

    internal int Rename(ulong oldParentId, NativeName oldName, ulong newParentId, NativeName newName, uint flags)
    {
        if ((flags & ~(RenameFlags.NoReplace | RenameFlags.Exchange)) != 0)
            return -(int)Errno.EINVAL;
        int result = Prepare(oldParentId, oldName, out Node oldParent, out DirectoryLease from);
        if (result < 0)
            return result;
        using (from)
        {
            result = Prepare(newParentId, newName, out Node newParent, out DirectoryLease to);
            if (result < 0)
                return result;
            using (to)
                return Rename(oldParent, from.Descriptor, oldName, newParent, to.Descriptor, newName, flags);
        }
    }

    private int Rename(Node oldParent, FileDescriptor from, NativeName oldName, Node newParent, FileDescriptor to, NativeName newName, uint flags)
    {
        int result = volume.Resolver.Resolve(from, oldParent == volume.Nodes.Root, oldName.Bytes, out Resolved moved);
        if (result < 0)
            return result;
        result = volume.Resolver.Resolve(to, newParent == volume.Nodes.Root, newName.Bytes, out Resolved replaced);
        bool replaces = result >= 0;
        if (!replaces && result != -(int)Errno.ENOENT)
            return result;
        if (replaces && (flags & RenameFlags.NoReplace) != 0)
            return -(int)Errno.EEXIST;
        if (!replaces && (flags & RenameFlags.Exchange) != 0)
            return -(int)Errno.ENOENT;
        bool sameNaming = !replaces || moved.Kind == NodeKind.Stored == (replaced.Kind == NodeKind.Stored);
        if (!sameNaming && (flags & RenameFlags.Exchange) != 0)
            return -(int)Errno.EINVAL;
        Node? movedNode = volume.Nodes.Find(moved.Id);
        Node? replacedNode = replaces ? volume.Nodes.Find(replaced.Id) : null;
        if (movedNode is not null && movedNode == replacedNode)
            return 0;
        result = RenameLocked(movedNode, replacedNode, from, oldName, to, newName, moved.Kind, flags);
        if (result < 0)
            return result;
        // The replaced file was stored under another kind of name, which the rename did not take away.
        if (!sameNaming)
            _ = RemoveNative(to, newName, replaced.Kind);
        if (replacedNode is not null)
        {
            volume.Nodes.RemoveLink(replacedNode, newParent, newName.Bytes);
            if ((flags & RenameFlags.Exchange) != 0)
                volume.Nodes.AddLink(replacedNode, oldParent, oldName.Bytes, only: replaced.Stat.LinkCount <= 1 || replaced.Kind == NodeKind.Directory);
        }
        if (movedNode is not null)
        {
            volume.Nodes.AddLink(movedNode, newParent, newName.Bytes, only: moved.Stat.LinkCount <= 1 || moved.Kind == NodeKind.Directory);
            volume.Nodes.RemoveLink(movedNode, oldParent, oldName.Bytes);
        }
        return 0;
    }

    /// <summary>The system call, with the files' gates held in the order of their ids.</summary>
    private static int RenameLocked(Node? moved, Node? replaced, FileDescriptor from, NativeName oldName, FileDescriptor to, NativeName newName, NodeKind kind, uint flags)
    {
        Node? first = moved, second = replaced;
        if (first is null || second is not null && second.Id < first.Id)
            (first, second) = (second, first);
        Span<byte> oldBuffer = stackalloc byte[StoredName.BufferBytes], newBuffer = stackalloc byte[StoredName.BufferBytes];
        NativeName source = kind == NodeKind.Stored ? StoredName.Of(oldName.Bytes, oldBuffer) : oldName;
        NativeName target = kind == NodeKind.Stored ? StoredName.Of(newName.Bytes, newBuffer) : newName;
        first?.LinksGate.Enter();
        second?.LinksGate.Enter();
        try
        {
            return SystemCallsAt.Rename(from, source, to, target, flags);
        }
        finally
        {
            second?.LinksGate.Exit();
            first?.LinksGate.Exit();
        }
    }

    internal int Link(ulong nodeId, ulong newParentId, NativeName newName, out FuseEntryOut entry)
    {
        entry = default;
        if (volume.Nodes.Find(nodeId) is not { AnyLink: { } link } node)
            return -(int)Errno.ENOENT;
        int result = Prepare(newParentId, newName, out Node newParent, out DirectoryLease to);
        if (result < 0)
            return result;
        using (to)
        {
            result = volume.Directories.Rent(link.Parent, out DirectoryLease from);
            if (result < 0)
                return result;
            using (from)
            {
                Span<byte> oldBuffer = stackalloc byte[StoredName.BufferBytes], newBuffer = stackalloc byte[StoredName.BufferBytes];
                bool isStored = node.Kind == NodeKind.Stored;
                lock (node.LinksGate)
                {
                    result = SystemCallsAt.Link(from.Descriptor, isStored ? StoredName.Of(link.Bytes, oldBuffer) : link.NativeName,
                        to.Descriptor, isStored ? StoredName.Of(newName.Bytes, newBuffer) : newName);
                }
            }
            return result < 0 ? result : volume.LookUp(newParent, to.Descriptor, newName.Bytes, out entry);
        }
    }

    /// <summary>A folder in which a name is about to change. What is ours in the root cannot be named, and longer names than a stored file's cannot be made.</summary>
    private int Prepare(ulong parentId, NativeName name, out Node parent, out DirectoryLease lease)
    {
        parent = null!;
        lease = default;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        if (name.Length > StoredName.MaxLogicalBytes)
            return -(int)Errno.ENAMETOOLONG;
        if (parentId == NodeTable.RootId && name.Bytes.SequenceEqual(StoredName.ReservedFolder))
            return -(int)Errno.EPERM;
        return volume.RentFolder(parentId, out parent, out lease);
    }
}

/// <summary>Makes something under a name in a folder. Returns 0 or −errno.</summary>
internal delegate int NativeMaker(FileDescriptor directory, NativeName name);
