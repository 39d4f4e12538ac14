using ZstdFs.Core.Callers;
using ZstdFs.Core.Content;
using ZstdFs.Core.FileSystem.Handles;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Names;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Looks names up, and makes what gets a new name.</summary>
internal sealed class NameOperations(Volume volume)
{
    private readonly NameChanges _changes = volume.NameChanges;
    private readonly TakenNames _taken = new(volume);

    /// <summary>LOOKUP. The answer that a name does not exist is no error.</summary>
    internal int Lookup(ulong parentId, NativeName name, out FuseEntryOut entry)
    {
        entry = default;
        int result = volume.Descriptors.RentFolder(parentId, out Node parent, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
            result = volume.Entries.LookUp(parent, lease.Descriptor, name.Bytes, out entry);
        if (result != -(int)Errno.ENOENT)
            return result;
        entry = volume.Entries.NegativeEntry();
        return 0;
    }

    /// <summary>Makes a folder, symlink or special file, which is stored as itself.</summary>
    internal int MakeNative(
        in RequestContext context, ulong parentId, NativeName name, uint umask, NativeMaker make,
        out FuseEntryOut entry)
    {
        entry = default;
        int result = _changes.Prepare(parentId, name, out Node parent, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            if (_taken.IsTaken(parent, lease.Descriptor, name, NodeKind.Special))
                return -(int)Errno.EEXIST;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            NativeName inSource = StoredName.OfNode(name.Bytes, buffer);
            lock (volume.FolderGates[parent])
            {
                using (new CallerIdentity(context, umask))
                    result = make(lease.Descriptor, inSource);
            }
            return result < 0 ? result : volume.Entries.LookUp(parent, lease.Descriptor, name.Bytes, out entry);
        }
    }

    /// <summary>Makes an empty stored file, and opens it.</summary>
    /// <param name="context">The caller.</param>
    /// <param name="parentId">The folder.</param>
    /// <param name="name">Logical name.</param>
    /// <param name="mode">Its permissions.</param>
    /// <param name="umask">The caller's umask.</param>
    /// <param name="access">What the handle may do.</param>
    /// <param name="mustBeNew">The caller asked for O_EXCL, or called mknod(2).</param>
    /// <param name="entry">The answer for the kernel.</param>
    /// <param name="file">The open file.</param>
    internal int Create(
        in RequestContext context, ulong parentId, NativeName name, uint mode, uint umask, OpenAccess access,
        bool mustBeNew, out FuseEntryOut entry, out OpenFile file)
    {
        entry = default;
        file = null!;
        int result = _changes.Prepare(parentId, name, out Node parent, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            if (_taken.IsTaken(parent, lease.Descriptor, name, NodeKind.Stored))
                return _taken.ErrnoOf(parent, lease.Descriptor, name, mustBeNew);
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            NativeName stored = StoredName.Of(name.Bytes, buffer);
            FileDescriptor descriptor;
            bool isNamed = !StoredName.IsShortened(name.Bytes);
            lock (volume.FolderGates[parent])
            {
                if (!isNamed)
                    result = CreateToBeNamed(context, lease.Descriptor, stored, mode, umask, out descriptor,
                        out isNamed);
                else
                    result = CreateFile(context, lease.Descriptor, stored, mode, umask, out descriptor);
                if (result == -(int)Errno.EEXIST && SourceNames.MakeRoom(lease.Descriptor, stored))
                    result = CreateFile(context, lease.Descriptor, stored, mode, umask, out descriptor);
            }
            if (result == -(int)Errno.EEXIST)
                return _taken.ErrnoOf(parent, lease.Descriptor, name, mustBeNew);
            if (result < 0)
                return result;
            // The whole name comes before the file's shortened name (where the source has unnamed files) and before any
            // content, because listings show the file under the whole name.
            result = FullNames.Set(descriptor, name.Bytes);
            Statx stat = default;
            ulong id = 0;
            if (result >= 0)
                result = MakeEmpty(descriptor, out id, out stat);
            if (result >= 0 && !isNamed)
            {
                lock (volume.FolderGates[parent])
                    result = SystemCallsAt.Link(descriptor, lease.Descriptor, stored);
                if (result >= 0)
                    result = SystemCallsAt.Stat(descriptor, out stat);
            }
            if (result < 0)
            {
                if (isNamed)
                    _ = SystemCallsAt.Unlink(lease.Descriptor, stored);
                descriptor.Dispose();
                return result == -(int)Errno.EEXIST
                    ? _taken.ErrnoOf(parent, lease.Descriptor, name, mustBeNew)
                    : result;
            }
            Node node = volume.Nodes.Acquire(id, NodeKind.Stored, parent, name.Bytes, onlyName: true);
            file = OpenFresh(node, descriptor, stat, access, out _);
            entry = volume.Entries.Entry(
                node, new Resolved(NodeKind.Stored, id, stat, 0, stat.Birth.ToTimestamp()) { ShowsChange = true });
            return 0;
        }
    }

    private int CreateFile(in RequestContext context, FileDescriptor directory, NativeName stored, uint mode,
        uint umask, out FileDescriptor file)
    {
        using (new CallerIdentity(context, umask))
            return volume.Source.CreateFile(directory, stored, mode & 0xFFF, out file);
    }

    /// <summary>
    /// Makes a file without a name; the caller names it once it has its attributes. Where the file system has no
    /// unnamed files, the file gets its name at once.
    /// </summary>
    private int CreateToBeNamed(in RequestContext context, FileDescriptor directory, NativeName stored, uint mode,
        uint umask, out FileDescriptor file, out bool isNamed)
    {
        int result;
        using (new CallerIdentity(context, umask))
            result = volume.Source.CreateUnnamedFile(directory, mode & 0xFFF, out file);
        isNamed = result is -(int)Errno.EOPNOTSUPP or -(int)Errno.EISDIR or -(int)Errno.EINVAL;
        return isNamed ? CreateFile(context, directory, stored, mode, umask, out file) : result;
    }

    private OpenFile OpenFresh(
        Node node, FileDescriptor stored, in Statx stat, OpenAccess access, out FileContent content)
    {
        content = new FileContent(volume.Services, node,
            new StoredBase(volume.Services, stored, stat, isFresh: true) { IsWritable = true })
        {
            Birth = stat.Birth.ToTimestamp(),
            Marks = { MayHaveCapabilities = false },
        };
        node.CachedVersion = content.Published.Identity.Version;
        return new OpenFile(volume, volume.Contents.Add(content, access));
    }

    /// <summary>
    /// open(2) with O_TMPFILE: makes a stored file without a name. It gets the file system and the default ACL of the
    /// folder.
    /// </summary>
    internal int CreateUnnamed(
        in RequestContext context, ulong parentId, uint mode, uint umask, OpenAccess access,
        out FuseEntryOut entry, out OpenFile file)
    {
        entry = default;
        file = null!;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        int result = volume.Descriptors.RentFolder(parentId, out _, out DescriptorLease lease);
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
        entry = volume.Entries.Entry(
            node, new Resolved(NodeKind.Stored, id, stat, 0, stat.Birth.ToTimestamp()) { ShowsChange = true });
        return 0;
    }

    /// <summary>
    /// Writes one empty frame, so that stock zstd can read the file from its first moment on, and the file's record.
    /// </summary>
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
        // The record's own write moves the stored file's change time, and to users the file is what it was made.
        SizeRecord record = volume.Source.Devices.RecordFor(stat, id, 0, stat.Birth.ToTimestamp()) with
        {
            IsFresh = true,
            Epoch = volume.Services.State!.Epoch,
            ChangeTime = stat.ChangeTime.ToTimestamp()
        };
        result = SourceTree.WriteFirstRecord(file, record, out _);
        // A lookup saw the name first, and gave the file a number: the file keeps that one.
        if (result == -(int)Errno.EEXIST && (result = SourceTree.ReadRecord(file, out SizeRecord given)) > 0)
        {
            id = given.InodeNumber;
            result = SourceTree.WriteRecord(file, record with { InodeNumber = id });
        }
        if (result >= 0)
            volume.Services.Closed.KeepIfClosed(stat, record with { InodeNumber = id });
        if (result != -(int)Errno.EOPNOTSUPP)
            return Math.Min(result, 0);
        volume.Source.Numbers.Note(stat, id);
        return 0;
    }
}

/// <summary>Makes something under a name in a folder. Returns 0 or −errno.</summary>
internal delegate int NativeMaker(FileDescriptor directory, NativeName name);
