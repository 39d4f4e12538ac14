using ZstdFs.Core.Attributes;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Names;
using ZstdFs.Core.Source;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Gives a file one more name.</summary>
internal sealed class LinkOperations(Volume volume)
{
    private readonly NameChanges _changes = volume.NameChanges;
    private readonly WholeNames _wholeNames = volume.WholeNames;
    private readonly TakenNames _taken = new(volume);

    /// <summary>linkat(2).</summary>
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
            // A plain file with this name would count as a stored one. At EXDEV the caller copies, and so makes a
            // stored file.
            if (node.Kind == NodeKind.Plain && StoredName.TryToLogical(newName.Bytes, out _))
                return -(int)Errno.EXDEV;
            if (_taken.IsTaken(newParent, to.Descriptor, newName, node.Kind))
                return -(int)Errno.EEXIST;
            if (node.AnyLink is not { } link)
                return LinkUnnamed(node, newParent, to.Descriptor, newName, out entry);
            result = volume.Directories.Rent(link.Parent, out DescriptorLease from);
            if (result < 0)
                return result;
            using (from)
            {
                Span<byte> oldBuffer = stackalloc byte[StoredName.BufferBytes],
                    newBuffer = stackalloc byte[StoredName.BufferBytes];
                lock (node.LinksGate)
                {
                    ChangeTimes.UsersChange users = volume.ChangeTimes.Begin(node);
                    NativeName oldStored = link.Find(from.Descriptor, node.Kind, oldBuffer);
                    NativeName newStored = NameInSource.New(node.Kind, newName.Bytes, newBuffer);
                    result = 0;
                    // Not under the folder's gate: it may walk through the source.
                    if (node.Kind == NodeKind.Stored)
                        result = _wholeNames.Add(node, new Place(link.Parent, from.Descriptor, link.NativeName),
                            oldStored, newParent, newName.Bytes, isOnlyLink: false);
                    lock (volume.FolderGates[newParent])
                    {
                        if (result >= 0)
                            result = SystemCallsAt.Link(from.Descriptor, oldStored, to.Descriptor, newStored);
                        if (result == -(int)Errno.EEXIST && node.Kind == NodeKind.Stored
                            && SourceNames.MakeRoom(to.Descriptor, newStored))
                            result = SystemCallsAt.Link(from.Descriptor, oldStored, to.Descriptor, newStored);
                        // Even if the lookup below fails, the file has the name.
                        if (result >= 0)
                            volume.Nodes.AddLink(node, newParent, newName.Bytes, only: false);
                        volume.ChangeTimes.End(users, result);
                    }
                }
            }
            return result < 0 ? result : volume.Entries.LookUp(newParent, to.Descriptor, newName.Bytes, out entry);
        }
    }

    /// <summary>
    /// linkat(2) of a file made with O_TMPFILE. Before the file gets the name, its content is committed, or kept in a
    /// working copy.
    /// </summary>
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
            int result = content.IsDirty && content.IsBuffered
                ? volume.Committer.Commit(content, yields: false) : 0;
            // The stored file did not take the content, or the content is in a working copy.
            if (result >= 0 && content.IsDirty)
                result = content.Persist() is < 0 and not -(int)Errno.EOPNOTSUPP and var failed ? failed : 0;
            if (result < 0)
                return result;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            if (!content.TryRentBase(out DescriptorLease stored))
                return -(int)Errno.ENOENT;
            using (stored)
            {
                result = FullNames.Set(stored.Descriptor, newName.Bytes);
                // The working copy is noted before the link: if the daemon dies in between, the next mount must look
                // for the file, or it would discard what was written.
                if (result >= 0 && (result = content.NoteNamed()) < 0)
                    content.NoteUnnamed();
                if (result < 0)
                    return result;
                NativeName inSource = StoredName.Of(newName.Bytes, buffer);
                lock (node.LinksGate)
                {
                    lock (volume.FolderGates[newParent])
                    {
                        result = SystemCallsAt.Link(stored.Descriptor, to, inSource);
                        if (result == -(int)Errno.EEXIST && SourceNames.MakeRoom(to, inSource))
                            result = SystemCallsAt.Link(stored.Descriptor, to, inSource);
                    }
                    // Even if the lookup below fails, the file has the name.
                    if (result >= 0)
                        volume.Nodes.AddLink(node, newParent, newName.Bytes, only: true);
                }
            }
            if (result < 0)
            {
                content.NoteUnnamed();
                return result;
            }
            result = volume.Entries.LookUp(newParent, to, newName.Bytes, out entry);
            content.NotePath(node.LogicalPath());
            return result;
        }
        finally
        {
            volume.Release(held);
        }
    }
}
