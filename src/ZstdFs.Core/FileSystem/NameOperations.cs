using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Ops that find names and give them: lookup, create, link.</summary>
internal sealed class NameOperations(Volume volume)
{
    private readonly NameChanges _changes = new(volume);

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
        int result = _changes.Prepare(parentId, name, out Node parent, out DescriptorLease lease);
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
        int result = _changes.Prepare(parentId, name, out Node parent, out DescriptorLease lease);
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
        content.Overlay.IsUnnamed = true;
        entry = volume.Entry(node, new Resolved(NodeKind.Stored, id, stat, 0, stat.Birth.ToTimestamp()));
        return 0;
    }

    /// <summary>One empty frame and the record of it, so that stock zstd takes the file from its first moment on.</summary>
    private int MakeEmpty(FileDescriptor file, out ulong id, out Statx stat)
    {
        stat = default;
        int result = volume.Services.State!.TryAllocateInodeNumber(out id);
        if (result >= 0)
            result = SystemCallsFile.Write(file, 0, volume.Services.EmptyFrame.Span);
        if (result >= 0)
            result = SystemCallsAt.Stat(file, out stat);
        if (result < 0)
            return result;
        result = SourceTree.WriteRecord(file, volume.Source.Devices.RecordFor(stat, id, 0, stat.Birth.ToTimestamp()) with { IsFresh = true, Epoch = volume.Services.State!.Epoch });
        if (result != -(int)Errno.EOPNOTSUPP)
            return result;
        // A source that keeps no records has the file's own number instead.
        id = volume.Source.Devices.NumberOf(stat);
        return 0;
    }

    internal int Link(ulong nodeId, ulong newParentId, NativeName newName, out FuseEntryOut entry)
    {
        entry = default;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        int result = _changes.Prepare(newParentId, newName, out Node newParent, out DescriptorLease to);
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
            if (!content.Overlay.IsUnnamed)
                return -(int)Errno.ENOENT;
            int result = content.IsDirty && content.Overlay.IsBuffered ? content.Commit(volume.Committer, yields: false) : 0;
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
}

/// <summary>Makes something under a name in a folder. Returns 0 or −errno.</summary>
internal delegate int NativeMaker(FileDescriptor directory, NativeName name);
