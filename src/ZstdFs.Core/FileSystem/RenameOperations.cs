using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>renameat2(2).</summary>
internal sealed class RenameOperations(Volume volume)
{
    private readonly NameChanges _changes = new(volume);

    internal int Rename(ulong oldParentId, NativeName oldName, ulong newParentId, NativeName newName, uint flags)
    {
        if ((flags & ~(RenameFlags.NoReplace | RenameFlags.Exchange)) != 0)
            return -(int)Errno.EINVAL;
        int result = _changes.Prepare(oldParentId, oldName, out Node oldParent, out DescriptorLease from);
        if (result < 0)
            return result;
        using (from)
        {
            result = _changes.Prepare(newParentId, newName, out Node newParent, out DescriptorLease to);
            if (result < 0)
                return result;
            using (to)
            {
                result = NameChanges.Converted;
                for (int attempt = 0; attempt < NameChanges.Attempts && result == NameChanges.Converted; attempt++)
                    result = Rename(oldParent, from.Descriptor, oldName, newParent, to.Descriptor, newName, flags);
                return result == NameChanges.Converted ? -(int)Errno.ESTALE : result;
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
        bool exchanges = (flags & RenameFlags.Exchange) != 0;
        if (exchanges && !sameNaming && IsTaken(replaced.Kind, from, oldName))
            return -(int)Errno.EEXIST;
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
        // These wait for the contents' locks, which come before the gates.
        if (replacedNode is not null && exchanges)
            _changes.NoteWorkingPath(replacedNode);
        else if (replacedNode is not null && replaced.Stat.LinkCount <= 1)
            _changes.ForgetWorkingCopy(replacedNode);
        if (movedNode is not null)
            _changes.NoteWorkingPath(movedNode);
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
            if (NameChanges.IsConverted(movedNode, moved) || replacedNode is not null && NameChanges.IsConverted(replacedNode, replaced!.Value))
                return NameChanges.Converted;
            if (replacedNode is not null && !exchanges)
                nameless = _changes.OpenLastName(replacedNode, replaced!.Value, to.Directory, to.Name);
            int result;
            using (volume.FolderGates.Enter(from.Folder, to.Folder))
                result = replaced is { } other && other.Kind == NodeKind.Stored != isStored
                    ? RenameInTwoSteps(moved, from, source, to, target, other, exchanges)
                    : SystemCallsAt.Rename(from.Directory, source, to.Directory, target, flags);
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

    /// <summary>
    /// A stored file and what is stored as itself, where one takes the other's logical name: each is spelt its own way, so that it takes two steps. Where the second one
    /// fails nothing is changed; where a crash comes between, the next mount does it.
    /// </summary>
    private int RenameInTwoSteps(in Resolved moved, Place from, NativeName source, Place to, NativeName target, in Resolved other, bool exchanges)
    {
        Span<byte> oldBuffer = stackalloc byte[StoredName.BufferBytes], newBuffer = stackalloc byte[StoredName.BufferBytes];
        byte[] otherSource = (other.Kind == NodeKind.Stored ? StoredName.Of(to.Name.Bytes, oldBuffer) : to.Name).Terminated.ToArray();
        byte[] otherTarget = (other.Kind == NodeKind.Stored ? StoredName.Of(from.Name.Bytes, newBuffer) : from.Name).Terminated.ToArray();
        byte[] oldName = source.Terminated.ToArray(), newName = target.Terminated.ToArray();
        byte[] fromPath = from.Folder.LogicalPath(), toPath = to.Folder.LogicalPath();
        FileDescriptor fromDirectory = from.Directory, toDirectory = to.Directory;
        return volume.NameJournal!.Run(new JournaledName(toPath, newName, moved.Stat.InodeNumber), new JournaledName(toPath, otherSource, other.Stat.InodeNumber),
            exchanges ? new JournaledName(fromPath, otherTarget, 0) : null,
            () =>
            {
                int result = SystemCallsAt.Rename(fromDirectory, new NativeName(oldName), toDirectory, new NativeName(newName), RenameFlags.NoReplace);
                if (result < 0)
                    return result;
                result = exchanges
                    ? SystemCallsAt.Rename(toDirectory, new NativeName(otherSource), fromDirectory, new NativeName(otherTarget), RenameFlags.NoReplace)
                    : SystemCallsAt.Unlink(toDirectory, new NativeName(otherSource));
                if (result < 0)
                    _ = SystemCallsAt.Rename(toDirectory, new NativeName(newName), fromDirectory, new NativeName(oldName), RenameFlags.NoReplace);
                return result;
            });
    }

    private static bool IsOnlyName(in Resolved resolved) => resolved.Stat.LinkCount <= 1 || resolved.Kind == NodeKind.Directory;
}
