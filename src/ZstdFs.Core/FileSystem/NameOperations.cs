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
        int result = volume.RentFolder(parentId, out Node parent, out DescriptorLease lease);
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
        int result = Prepare(parentId, name, out Node parent, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            // A stored file takes the logical name, whatever the native name says.
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            if (SystemCallsAt.Stat(lease.Descriptor, StoredName.Of(name.Bytes, buffer), out Statx existing) >= 0 && existing.IsRegular)
                return -(int)Errno.EEXIST;
            lock (volume.FolderGates[parent])
            {
                using (new CallerIdentity(context, umask))
                    result = make(lease.Descriptor, name);
            }
            return result < 0 ? result : volume.LookUp(parent, lease.Descriptor, name.Bytes, out entry);
        }
    }

    /// <summary>Makes a stored file that holds nothing yet, and opens it.</summary>
    internal int Create(in RequestContext context, ulong parentId, NativeName name, uint mode, uint umask, out FuseEntryOut entry, out OpenFile file)
    {
        entry = default;
        file = null!;
        int result = Prepare(parentId, name, out Node parent, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            if (SystemCallsAt.Stat(lease.Descriptor, name, out Statx native) >= 0 && !native.IsRegular)
                return -(int)Errno.EEXIST;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            NativeName stored = StoredName.Of(name.Bytes, buffer);
            FileDescriptor descriptor;
            lock (volume.FolderGates[parent])
            {
                using (new CallerIdentity(context, umask))
                    result = volume.Source.CreateFile(lease.Descriptor, stored, mode & 0xFFF, out descriptor);
            }
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
            file = OpenFresh(node, descriptor, stat, out _);
            entry = volume.Entry(node, new Resolved(NodeKind.Stored, id, stat, 0, stat.Birth.ToTimestamp()));
            return 0;
        }
    }

    private OpenFile OpenFresh(Node node, FileDescriptor stored, in Statx stat, out FileContent content)
    {
        content = new FileContent(volume.Services, node, new StoredBase(volume.Services, stored, stat, isFresh: true) { IsWritable = true }) { Birth = stat.Birth.ToTimestamp() };
        node.CachedVersion = content.Published.Version;
        return volume.Contents.Add(content, writable: true);
    }

    /// <summary>open(2) with O_TMPFILE: a stored file without a name, in the folder whose file system and default ACL it is to have.</summary>
    internal int CreateUnnamed(in RequestContext context, ulong parentId, uint mode, uint umask, out FuseEntryOut entry, out OpenFile file)
    {
        entry = default;
        file = null!;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        int result = volume.RentFolder(parentId, out _, out DescriptorLease lease);
        if (result < 0)
            return result;
        FileDescriptor descriptor;
        using (lease)
        {
            using (new CallerIdentity(context, umask))
                result = volume.Source.CreateUnnamedFile(lease.Descriptor, mode & 0xFFF, out descriptor);
        }
        if (result < 0)
            return result;
        result = MakeEmpty(descriptor, out ulong id, out Statx stat);
        if (result < 0)
        {
            descriptor.Dispose();
            return result;
        }
        Node node = volume.Nodes.Acquire(id, NodeKind.Stored, volume.Nodes.Root, default, onlyName: true);
        file = OpenFresh(node, descriptor, stat, out FileContent content);
        content.IsUnnamed = true;
        entry = volume.Entry(node, new Resolved(NodeKind.Stored, id, stat, 0, stat.Birth.ToTimestamp()));
        return 0;
    }

    /// <summary>One empty frame and the record of it, so that stock zstd takes the file from its first moment on.</summary>
    private int MakeEmpty(FileDescriptor file, out ulong id, out Statx stat)
    {
        stat = default;
        id = volume.Services.State!.AllocateInodeNumber();
        int result = SystemCallsFile.Write(file, 0, volume.Services.EmptyFrame.Span);
        if (result >= 0)
            result = SystemCallsAt.Stat(file, out stat);
        if (result < 0)
            return result;
        result = SourceTree.WriteRecord(file, SizeRecord.For(stat, id, 0, stat.Birth.ToTimestamp()) with { IsFresh = true });
        if (result != -(int)Errno.EOPNOTSUPP)
            return result;
        // A source that keeps no records has the file's own number instead.
        id = StoredFileInspector.SourceNumber(stat);
        return 0;
    }

    internal int Remove(ulong parentId, NativeName name, bool folder)
    {
        int result = Prepare(parentId, name, out Node parent, out DescriptorLease lease);
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
            {
                lock (volume.FolderGates[parent])
                    return RemoveNative(lease.Descriptor, name, resolved.Kind);
            }
            // A commit that is about to be published must find the name, or find it gone.
            lock (node.LinksGate)
            {
                lock (volume.FolderGates[parent])
                    result = RemoveNative(lease.Descriptor, name, resolved.Kind);
            }
            if (result < 0)
                return result;
            volume.Nodes.RemoveLink(node, parent, name.Bytes);
            if (folder)
                volume.Directories.Drop(node);
            else if (resolved.Stat.LinkCount <= 1)
                ForgetWorkingCopy(node);
            return 0;
        }
    }

    /// <summary>The last name of a file is gone: its working copy has no target that the next mount could look for.</summary>
    private void ForgetWorkingCopy(Node node)
    {
        if (volume.Contents.Hold(node.Id) is not { } held)
            return;
        held.Content.ForgetName();
        volume.Forgotten(volume.Contents.Close(held));
    }

    /// <summary>The name of a file changed: its working copy says so.</summary>
    private void NoteWorkingPath(Node node)
    {
        if (volume.Contents.Hold(node.Id) is not { } held)
            return;
        held.Content.NotePath(node.LogicalPath());
        volume.Forgotten(volume.Contents.Close(held));
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
        int result = Prepare(oldParentId, oldName, out Node oldParent, out DescriptorLease from);
        if (result < 0)
            return result;
        using (from)
        {
            result = Prepare(newParentId, newName, out Node newParent, out DescriptorLease to);
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
        // Under the name in the source there may be something that the logical name does not lead to: a plain file, or another logical name's.
        if ((!replaces || !sameNaming) && IsTaken(moved.Kind, to, newName))
            return -(int)Errno.EEXIST;
        Node? movedNode = volume.Nodes.Find(moved.Id);
        Node? replacedNode = replaces ? volume.Nodes.Find(replaced.Id) : null;
        if (movedNode is not null && movedNode == replacedNode)
            return 0;
        result = RenameLocked(movedNode, replacedNode, oldParent, from, oldName, newParent, to, newName, moved.Kind, flags);
        if (result < 0)
            return result;
        // The replaced file was stored under another kind of name, which the rename did not take away.
        if (!sameNaming)
            _ = RemoveNative(to, newName, replaced.Kind);
        if (replacedNode is not null)
        {
            volume.Nodes.RemoveLink(replacedNode, newParent, newName.Bytes);
            if ((flags & RenameFlags.Exchange) != 0)
            {
                volume.Nodes.AddLink(replacedNode, oldParent, oldName.Bytes, only: replaced.Stat.LinkCount <= 1 || replaced.Kind == NodeKind.Directory);
                NoteWorkingPath(replacedNode);
            }
            else if (replaced.Stat.LinkCount <= 1)
                ForgetWorkingCopy(replacedNode);
        }
        if (movedNode is not null)
        {
            volume.Nodes.AddLink(movedNode, newParent, newName.Bytes, only: moved.Stat.LinkCount <= 1 || moved.Kind == NodeKind.Directory);
            volume.Nodes.RemoveLink(movedNode, oldParent, oldName.Bytes);
            NoteWorkingPath(movedNode);
        }
        return 0;
    }

    private static bool IsTaken(NodeKind kind, FileDescriptor directory, NativeName name)
    {
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        return SystemCallsAt.Stat(directory, kind == NodeKind.Stored ? StoredName.Of(name.Bytes, buffer) : name, out _) >= 0;
    }

    /// <summary>The system call, with the files' gates held in the order of their ids.</summary>
    private int RenameLocked(Node? moved, Node? replaced, Node oldParent, FileDescriptor from, NativeName oldName, Node newParent, FileDescriptor to, NativeName newName, NodeKind kind, uint flags)
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
            using (volume.FolderGates.Enter(oldParent, newParent))
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
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        int result = Prepare(newParentId, newName, out Node newParent, out DescriptorLease to);
        if (result < 0)
            return result;
        using (to)
        {
            result = RefuseTaken(node.Kind, to.Descriptor, newName);
            if (result < 0)
                return result;
            if (node.AnyLink is not { } link)
                return LinkUnnamed(node, newParent, to.Descriptor, newName, out entry);
            result = volume.Directories.Rent(link.Parent, out DescriptorLease from);
            if (result < 0)
                return result;
            using (from)
            {
                Span<byte> oldBuffer = stackalloc byte[StoredName.BufferBytes], newBuffer = stackalloc byte[StoredName.BufferBytes];
                bool isStored = node.Kind == NodeKind.Stored;
                lock (node.LinksGate)
                lock (volume.FolderGates[newParent])
                {
                    result = SystemCallsAt.Link(from.Descriptor, isStored ? StoredName.Of(link.Bytes, oldBuffer) : link.NativeName,
                        to.Descriptor, isStored ? StoredName.Of(newName.Bytes, newBuffer) : newName);
                }
            }
            return result < 0 ? result : volume.LookUp(newParent, to.Descriptor, newName.Bytes, out entry);
        }
    }

    /// <summary>Under another kind of name the logical name may be taken, and the system call would not see it.</summary>
    private static int RefuseTaken(NodeKind kind, FileDescriptor directory, NativeName name)
    {
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        if (kind == NodeKind.Stored)
            return SystemCallsAt.Stat(directory, name, out Statx native) >= 0 && !native.IsRegular ? -(int)Errno.EEXIST : 0;
        return SystemCallsAt.Stat(directory, StoredName.Of(name.Bytes, buffer), out Statx stored) >= 0 && stored.IsRegular ? -(int)Errno.EEXIST : 0;
    }

    /// <summary>linkat(2) of a file made with O_TMPFILE. What was written so far is committed with the name.</summary>
    private int LinkUnnamed(Node node, Node newParent, FileDescriptor to, NativeName newName, out FuseEntryOut entry)
    {
        entry = default;
        if (volume.Contents.Hold(node.Id) is not { } held)
            return -(int)Errno.ENOENT;
        FileContent content = held.Content;
        try
        {
            if (!content.IsUnnamed)
                return -(int)Errno.ENOENT;
            int result = content.IsDirty && content.IsBuffered ? content.Commit(volume.Committer, yields: false) : 0;
            if (result < 0)
                return result;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            lock (volume.FolderGates[newParent])
                result = SystemCallsAt.Link(content.Base.Stored, to, StoredName.Of(newName.Bytes, buffer));
            if (result < 0)
                return result;
            content.IsUnnamed = false;
            result = volume.LookUp(newParent, to, newName.Bytes, out entry);
            content.NotePath(node.LogicalPath());
            return result;
        }
        finally
        {
            volume.Forgotten(volume.Contents.Close(held));
        }
    }

    /// <summary>A folder in which a name is about to change. What is ours in the root cannot be named, and longer names than a stored file's cannot be made.</summary>
    private int Prepare(ulong parentId, NativeName name, out Node parent, out DescriptorLease lease)
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
