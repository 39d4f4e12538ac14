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
    /// <summary>A plain file became a stored one between the look at its name and the change of it: to be done again.</summary>
    private const int Converted = 1;
    private const int Attempts = 3;

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
    internal int Create(in RequestContext context, ulong parentId, NativeName name, uint mode, uint umask, OpenAccess access, out FuseEntryOut entry, out OpenFile file)
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
            file = OpenFresh(node, descriptor, stat, access, out _);
            entry = volume.Entry(node, new Resolved(NodeKind.Stored, id, stat, 0, stat.Birth.ToTimestamp()));
            return 0;
        }
    }

    private OpenFile OpenFresh(Node node, FileDescriptor stored, in Statx stat, OpenAccess access, out FileContent content)
    {
        content = new FileContent(volume.Services, node, new StoredBase(volume.Services, stored, stat, isFresh: true) { IsWritable = true })
        {
            Birth = stat.Birth.ToTimestamp(),
            MayHaveCapabilities = false,
        };
        node.CachedVersion = content.Published.Version;
        return volume.Contents.Add(content, access);
    }

    /// <summary>open(2) with O_TMPFILE: a stored file without a name, in the folder whose file system and default ACL it is to have.</summary>
    internal int CreateUnnamed(in RequestContext context, ulong parentId, uint mode, uint umask, OpenAccess access, out FuseEntryOut entry, out OpenFile file)
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
        file = OpenFresh(node, descriptor, stat, access, out FileContent content);
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
        result = SourceTree.WriteRecord(file, SizeRecord.For(stat, id, 0, stat.Birth.ToTimestamp()) with { IsFresh = true, Epoch = volume.Services.State!.Epoch });
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
            result = Converted;
            for (int attempt = 0; attempt < Attempts && result == Converted; attempt++)
                result = Remove(parent, lease.Descriptor, name, folder);
        }
        return result == Converted ? -(int)Errno.ESTALE : result;
    }

    private int Remove(Node parent, FileDescriptor directory, NativeName name, bool folder)
    {
        int result = volume.Resolver.Resolve(directory, parent == volume.Nodes.Root, name.Bytes, out Resolved resolved);
        if (result < 0)
            return result;
        if (folder != (resolved.Kind == NodeKind.Directory))
            return -(int)(folder ? Errno.ENOTDIR : Errno.EISDIR);
        Node? node = volume.Nodes.Find(resolved.Id);
        if (node is null)
        {
            lock (volume.FolderGates[parent])
                return RemoveNative(directory, name, resolved.Kind);
        }
        // A commit that is about to be published must find the name, or find it gone.
        lock (node.LinksGate)
        {
            if (IsConverted(node, resolved))
                return Converted;
            FileDescriptor? nameless = OpenLastName(node, resolved, directory, name);
            lock (volume.FolderGates[parent])
                result = RemoveNative(directory, name, resolved.Kind);
            if (result < 0)
                nameless?.Dispose();
            else
            {
                node.Nameless = nameless;
                volume.Nodes.RemoveLink(node, parent, name.Bytes);
            }
        }
        if (result < 0)
            return result;
        if (folder)
            volume.Directories.Drop(node);
        else if (resolved.Stat.LinkCount <= 1)
            ForgetWorkingCopy(node);
        return 0;
    }

    /// <summary>The last name of a file is gone: its working copy has no target that the next mount could look for.</summary>
    private void ForgetWorkingCopy(Node node)
    {
        if (volume.Contents.Hold(node.Id) is not { } held)
            return;
        held.ForgetName();
        volume.Release(held);
    }

    /// <summary>The name of a file changed: its working copy says so.</summary>
    private void NoteWorkingPath(Node node)
    {
        if (volume.Contents.Hold(node.Id) is not { } held)
            return;
        held.NotePath(node.LogicalPath());
        volume.Release(held);
    }

    /// <summary>A stored file that is about to lose its last name, open, for who looked it up before. The caller holds its gate.</summary>
    private FileDescriptor? OpenLastName(Node node, in Resolved resolved, FileDescriptor directory, NativeName name)
    {
        if (node.Kind != NodeKind.Stored || resolved.Stat.LinkCount > 1 || node.Nameless is not null)
            return null;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        return volume.Source.OpenRead(directory, StoredName.Of(name.Bytes, buffer), out FileDescriptor file) >= 0 ? file : null;
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
            {
                result = Converted;
                for (int attempt = 0; attempt < Attempts && result == Converted; attempt++)
                    result = Rename(oldParent, from.Descriptor, oldName, newParent, to.Descriptor, newName, flags);
                return result == Converted ? -(int)Errno.ESTALE : result;
            }
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
        if (replaces && moved.Kind == NodeKind.Stored)
        {
            result = SettleContent(moved, from, oldName);
            if (result < 0)
                return result;
        }
        result = RenameUnderGates(movedNode, moved, replacedNode, replaces ? replaced : null, new Place(oldParent, from, oldName), new Place(newParent, to, newName), flags);
        if (result != 0)
            return result;
        // The replaced file was stored under another kind of name, which the rename did not take away.
        if (!sameNaming)
            _ = RemoveNative(to, newName, replaced.Kind);
        // These wait for the contents' locks, which come before the gates.
        if (replacedNode is not null && (flags & RenameFlags.Exchange) != 0)
            NoteWorkingPath(replacedNode);
        else if (replacedNode is not null && replaced.Stat.LinkCount <= 1)
            ForgetWorkingCopy(replacedNode);
        if (movedNode is not null)
            NoteWorkingPath(movedNode);
        return 0;
    }

    /// <summary>
    /// What takes the place of another file is on disk first, although nobody asked for it: many programs save by a rename without fsync, and a power cut would
    /// leave them an empty file in place of the old one. ext4 does the same (auto_da_alloc).
    /// </summary>
    private int SettleContent(in Resolved moved, FileDescriptor directory, NativeName name)
    {
        if (volume.Contents.Hold(moved.Id) is { } held)
        {
            int settled = held.Settle();
            if (settled == -(int)Errno.EOPNOTSUPP)
                settled = held.Commit(volume.Committer, yields: false);
            volume.Release(held);
            return settled;
        }
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        NativeName stored = StoredName.Of(name.Bytes, buffer);
        if (!SourceTree.TryReadRecord(directory, stored, out SizeRecord record) || record.Epoch != volume.Services.State!.Epoch)
            return 0;
        int result = volume.Source.OpenRead(directory, stored, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
            return SystemCallsFile.SynchronizeData(file);
    }

    /// <summary>A name in an open folder.</summary>
    private readonly ref struct Place(Node folder, FileDescriptor directory, NativeName name)
    {
        internal Node Folder { get; } = folder;
        internal FileDescriptor Directory { get; } = directory;
        internal NativeName Name { get; } = name;
    }

    private static bool IsTaken(NodeKind kind, FileDescriptor directory, NativeName name)
    {
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        return SystemCallsAt.Stat(directory, kind == NodeKind.Stored ? StoredName.Of(name.Bytes, buffer) : name, out _) >= 0;
    }

    /// <summary>
    /// The system call and the nodes' new names, with the files' gates held in the order of their ids: a commit finds each file under the name that it has.
    /// </summary>
    private int RenameUnderGates(Node? movedNode, in Resolved moved, Node? replacedNode, Resolved? replaced, Place from, Place to, uint flags)
    {
        Node? first = movedNode, second = replacedNode;
        if (first is null || second is not null && second.Id < first.Id)
            (first, second) = (second, first);
        Span<byte> oldBuffer = stackalloc byte[StoredName.BufferBytes], newBuffer = stackalloc byte[StoredName.BufferBytes];
        bool isStored = moved.Kind == NodeKind.Stored, exchanges = (flags & RenameFlags.Exchange) != 0;
        NativeName source = isStored ? StoredName.Of(from.Name.Bytes, oldBuffer) : from.Name;
        NativeName target = isStored ? StoredName.Of(to.Name.Bytes, newBuffer) : to.Name;
        if (first is not null)
            Monitor.Enter(first.LinksGate);
        if (second is not null)
            Monitor.Enter(second.LinksGate);
        FileDescriptor? nameless = null;
        try
        {
            if (IsConverted(movedNode, moved) || replacedNode is not null && IsConverted(replacedNode, replaced!.Value))
                return Converted;
            if (replacedNode is not null && !exchanges)
                nameless = OpenLastName(replacedNode, replaced!.Value, to.Directory, to.Name);
            int result;
            using (volume.FolderGates.Enter(from.Folder, to.Folder))
                result = SystemCallsAt.Rename(from.Directory, source, to.Directory, target, flags);
            if (result < 0)
                return result;
            if (replacedNode is not null)
            {
                volume.Nodes.RemoveLink(replacedNode, to.Folder, to.Name.Bytes);
                if (exchanges)
                    volume.Nodes.AddLink(replacedNode, from.Folder, from.Name.Bytes, only: IsOnlyName(replaced!.Value));
                else
                    (replacedNode.Nameless, nameless) = (nameless ?? replacedNode.Nameless, null);
            }
            if (movedNode is not null)
            {
                volume.Nodes.AddLink(movedNode, to.Folder, to.Name.Bytes, only: IsOnlyName(moved));
                volume.Nodes.RemoveLink(movedNode, from.Folder, from.Name.Bytes);
            }
            return 0;
        }
        finally
        {
            if (second is not null)
                Monitor.Exit(second.LinksGate);
            if (first is not null)
                Monitor.Exit(first.LinksGate);
            nameless?.Dispose();
        }
    }

    /// <summary>Under the node's gate this stays so.</summary>
    private static bool IsConverted(Node? node, in Resolved resolved) =>
        (node?.Kind, resolved.Kind) is (NodeKind.Stored, NodeKind.Plain) or (NodeKind.Plain, NodeKind.Stored);

    private static bool IsOnlyName(in Resolved resolved) => resolved.Stat.LinkCount <= 1 || resolved.Kind == NodeKind.Directory;

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
                lock (node.LinksGate)
                lock (volume.FolderGates[newParent])
                {
                    bool isStored = node.Kind == NodeKind.Stored;
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
        FileContent content = held;
        try
        {
            if (!content.IsUnnamed)
                return -(int)Errno.ENOENT;
            int result = content.IsDirty && content.IsBuffered ? content.Commit(volume.Committer, yields: false) : 0;
            if (result < 0)
                return result;
            // First, so that a daemon which dies in between does not leave what was written to a name where nobody looks.
            result = content.NoteNamed();
            if (result < 0)
                return result;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            lock (volume.FolderGates[newParent])
                result = SystemCallsAt.Link(content.Base.Stored, to, StoredName.Of(newName.Bytes, buffer));
            if (result < 0)
                return result;
            result = volume.LookUp(newParent, to, newName.Bytes, out entry);
            content.NotePath(node.LogicalPath());
            return result;
        }
        finally
        {
            volume.Release(held);
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
