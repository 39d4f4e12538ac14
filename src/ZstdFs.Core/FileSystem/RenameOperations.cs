using ZstdFs.Core.Attributes;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Names;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>renameat2(2).</summary>
internal sealed class RenameOperations(Volume volume)
{
    private readonly NameChanges _changes = volume.NameChanges;
    private readonly WholeNames _wholeNames = volume.WholeNames;

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

    private int Rename(
        Node oldParent, FileDescriptor from, NativeName oldName, Node newParent, FileDescriptor to, NativeName newName,
        uint flags)
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
        bool exchanges = (flags & RenameFlags.Exchange) != 0;
        // A plain file with this name would count as a stored one. At EXDEV, mv(1) copies, and so makes a stored file.
        if (IsPlainNamedAsStored(moved.Kind, newName) || exchanges && IsPlainNamedAsStored(replaced.Kind, oldName))
            return -(int)Errno.EXDEV;
        bool sameNaming = !replaces || HasSameNaming(moved.Kind, replaced.Kind, newName);
        if (exchanges && !sameNaming && IsTaken(replaced.Kind, from, oldName))
            return -(int)Errno.EEXIST;
        // The new name in the source may belong to something that the logical name does not lead to: a plain file, or
        // the file of another logical name.
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
        result = RenameUnderGates(movedNode, moved, replacedNode, replaces ? replaced : null,
            new Place(oldParent, from, oldName), new Place(newParent, to, newName), flags);
        if (result != 0)
            return result;
        if (replaces && !exchanges && (replaced.Kind == NodeKind.Directory || replaced.Stat.LinkCount <= 1))
            volume.Source.Numbers.Forget(replaced.Stat);
        if (movedNode is null)
            CorrectLate(moved, oldParent, oldName, newParent, newName);
        if (replaces && replacedNode is null)
            CorrectLate(replaced, newParent, newName, exchanges ? oldParent : null, oldName);
        // These calls take the contents' locks, which come before the gates in lock order: so the gates are released.
        if (replacedNode is not null && exchanges)
            _changes.NoteWorkingPath(replacedNode);
        else if (replacedNode is { Kind: NodeKind.Directory })
            volume.Directories.Drop(replacedNode);
        else if (replacedNode is not null && replaced.Stat.LinkCount <= 1)
            _changes.ForgetWorkingCopy(replacedNode);
        if (movedNode is not null)
            _changes.NoteWorkingPath(movedNode);
        return 0;
    }

    /// <summary>
    /// Corrects the names of a file that had no node when its name was changed. A lookup that saw the old name may have
    /// made a node meanwhile.
    /// </summary>
    private void CorrectLate(in Resolved file, Node from, NativeName oldName, Node? to, NativeName newName)
    {
        if (volume.Nodes.Find(file.Id) is not { } late)
            return;
        lock (late.LinksGate)
        {
            if (!late.HasLink(from, oldName.Bytes))
                return;
            if (to is not null)
                volume.Nodes.AddLink(late, to, newName.Bytes, only: false);
            volume.Nodes.RemoveLink(late, from, oldName.Bytes);
            NameChanges.NoteOtherNames(late, file.Stat.LinkCount);
        }
    }

    /// <summary>
    /// Puts the content of a file on disk before the file replaces another one. Many programs save by a rename without
    /// fsync, and a power cut would leave them an empty file in place of the old one. ext4 does the same
    /// (auto_da_alloc).
    /// </summary>
    private int SettleContent(in Resolved moved, FileDescriptor directory, NativeName name)
    {
        if (volume.Contents.Hold(moved.Id) is { } held)
        {
            int settled = volume.Keeping.Settle(held);
            if (settled == -(int)Errno.EOPNOTSUPP)
                settled = volume.Committer.Commit(held, yields: false);
            volume.Release(held);
            return settled;
        }
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        NativeName stored = SourceNames.FindFile(directory, name.Bytes, buffer);
        // Where the record cannot be read at this moment, it may say that the content is not on disk: so sync.
        int result = SourceTree.ReadRecord(directory, stored, out SizeRecord record);
        if (result >= 0 && (result == 0 || record.Epoch != volume.Services.State!.Epoch))
            return 0;
        result = volume.Source.OpenRead(directory, stored, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
            return SystemCallsFile.SynchronizeData(file);
    }

    private static bool IsPlainNamedAsStored(NodeKind kind, NativeName name) => kind == NodeKind.Plain
        && StoredName.TryToLogical(name.Bytes, out _);

    /// <summary>Whether both kinds have the same name in the source under this logical name.</summary>
    private static bool HasSameNaming(NodeKind one, NodeKind other, NativeName name) =>
        one == other || one != NodeKind.Stored && other != NodeKind.Stored
            && ((one != NodeKind.Plain && other != NodeKind.Plain) || !StoredName.IsEscaped(name.Bytes));

    /// <summary>Whether the source name that this kind gets is taken, and cannot be made free.</summary>
    private static bool IsTaken(NodeKind kind, FileDescriptor directory, NativeName name)
    {
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        NativeName inSource = NameInSource.New(kind, name.Bytes, buffer);
        return SystemCallsAt.Stat(directory, inSource, out _) >= 0
            && !(kind == NodeKind.Stored && SourceNames.MakeRoom(directory, inSource));
    }

    /// <summary>
    /// Makes the system call and updates the nodes' names. It holds both files' gates, taken in the order of their ids,
    /// so that a commit finds each file under its current name.
    /// </summary>
    private int RenameUnderGates(
        Node? movedNode, in Resolved moved, Node? replacedNode, Resolved? replaced, Place from, Place to, uint flags)
    {
        Node? first = movedNode, second = replacedNode;
        if (first is null || second is not null && second.Id < first.Id)
            (first, second) = (second, first);
        Span<byte> oldBuffer = stackalloc byte[StoredName.BufferBytes],
            newBuffer = stackalloc byte[StoredName.BufferBytes];
        bool exchanges = (flags & RenameFlags.Exchange) != 0;
        if (first is not null)
            Monitor.Enter(first.LinksGate);
        if (second is not null)
            Monitor.Enter(second.LinksGate);
        FileDescriptor? nameless = null;
        try
        {
            if (NameChanges.IsConverted(movedNode, moved)
                || replacedNode is not null && NameChanges.IsConverted(replacedNode, replaced!.Value))
                return NameChanges.Converted;
            ChangeTimes.UsersChange? ofMoved = movedNode is null ? null : volume.ChangeTimes.Begin(movedNode);
            ChangeTimes.UsersChange? ofReplaced =
                replacedNode is null ? null : volume.ChangeTimes.Begin(replacedNode);
            if (replacedNode is not null && !exchanges)
                nameless = _changes.OpenLastName(replacedNode, to.Folder, to.Directory, to.Name);
            bool sameNaming = replaced is not { } other || HasSameNaming(moved.Kind, other.Kind, to.Name);
            NativeName source = NameInSource.Find(from.Directory, moved.Kind, from.Name.Bytes, oldBuffer);
            NativeName target = replaced is not null && sameNaming
                ? NameInSource.Find(to.Directory, replaced.Value.Kind, to.Name.Bytes, newBuffer)
                : NameInSource.New(moved.Kind, to.Name.Bytes, newBuffer);
            int result = NoteFullNames(
                movedNode, moved, from, source, replacedNode, replaced, to, target, exchanges, sameNaming);
            if (result >= 0)
                result = RenameInSource(moved, from, source, to, target, sameNaming ? null : replaced, flags);
            // The replaced folder looks empty to users: only what interrupted commits left may be in it.
            if (result is -(int)Errno.ENOTEMPTY or -(int)Errno.EEXIST && replacedNode is { Kind: NodeKind.Directory }
                && nameless is not null && _changes.RemoveLeftovers(replacedNode, nameless))
                result = RenameInSource(moved, from, source, to, target, sameNaming ? null : replaced, flags);
            if (result < 0)
            {
                End(ofMoved, result, moved);
                End(ofReplaced, result, moved);
                return result;
            }
            volume.Nodes.NoteTakenName();
            if (replacedNode is not null)
            {
                // The new name is added before the old one is removed. A close looks at the names without the gate, and
                // would give up uncommitted content of a node without a name.
                if (exchanges)
                    volume.Nodes.AddLink(replacedNode, from.Folder, from.Name.Bytes, only: IsOnlyName(replaced!.Value));
                volume.Nodes.RemoveLink(replacedNode, to.Folder, to.Name.Bytes);
                if (!exchanges)
                {
                    NameChanges.KeepOpen(replacedNode, nameless);
                    nameless = null;
                    NameChanges.NoteOtherNames(replacedNode, replaced!.Value.Stat.LinkCount);
                }
            }
            if (movedNode is not null)
            {
                volume.Nodes.AddLink(movedNode, to.Folder, to.Name.Bytes, only: IsOnlyName(moved));
                volume.Nodes.RemoveLink(movedNode, from.Folder, from.Name.Bytes);
            }
            End(ofMoved, result, moved);
            End(ofReplaced, result, replaced ?? moved);
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

    /// <param name="moved">What gets another name.</param>
    /// <param name="from">Its old name.</param>
    /// <param name="source">Its old name in the source.</param>
    /// <param name="to">Its new name.</param>
    /// <param name="target">Its new name in the source.</param>
    /// <param name="other">
    /// What has the new name now, under another name in the source; null where nothing does.
    /// </param>
    /// <param name="flags">Of renameat2(2).</param>
    private int RenameInSource(in Resolved moved, Place from, NativeName source, Place to, NativeName target,
        Resolved? other, uint flags)
    {
        using FolderGates.Held gates = volume.FolderGates.Enter(from.Folder, to.Folder);
        return other is { } replaced
            ? RenameInTwoSteps(moved, from, source, to, target, replaced, (flags & RenameFlags.Exchange) != 0)
            : SystemCallsAt.Rename(from.Directory, source, to.Directory, target, flags);
    }

    /// <summary>
    /// Writes the whole name into each stored file that gets a name which is shortened in the source. This comes before
    /// the rename, so that the file has the whole name of each of its two names at every moment.
    /// </summary>
    private int NoteFullNames(Node? movedNode, in Resolved moved, Place from, NativeName source, Node? replacedNode,
        Resolved? replaced, Place to, NativeName target, bool exchanges, bool sameNaming)
    {
        int result = moved.Kind != NodeKind.Stored ? 0 : _wholeNames.Add(
            movedNode, from, source, to.Folder, to.Name.Bytes, moved.Stat.LinkCount <= 1);
        if (result < 0 || !exchanges || replaced is not { Kind: NodeKind.Stored } other)
            return result;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        NativeName stored = sameNaming ? target : SourceNames.FindFile(to.Directory, to.Name.Bytes, buffer);
        return _wholeNames.Add(replacedNode, to, stored, from.Folder, from.Name.Bytes, other.Stat.LinkCount <= 1);
    }

    private void End(in ChangeTimes.UsersChange? change, int result, in Resolved resolved)
    {
        if (change is { } users)
            volume.ChangeTimes.End(users, result, resolved.Change.IsOpen);
    }

    /// <summary>
    /// Renames where a stored file takes the logical name of something that is stored as itself, or the other way
    /// round. The two have different names in the source, so this takes two steps. Where the second step fails, the
    /// first is undone. Where a crash comes between them, the next mount does the second.
    /// </summary>
    private int RenameInTwoSteps(
        in Resolved moved, Place from, NativeName source, Place to, NativeName target, in Resolved other,
        bool exchanges)
    {
        Span<byte> oldBuffer = stackalloc byte[StoredName.BufferBytes],
            newBuffer = stackalloc byte[StoredName.BufferBytes];
        byte[] otherSource = NameInSource.Find(to.Directory, other.Kind, to.Name.Bytes, oldBuffer).Terminated.ToArray();
        byte[] otherTarget = NameInSource.New(other.Kind, from.Name.Bytes, newBuffer).Terminated.ToArray();
        byte[] oldName = source.Terminated.ToArray(), newName = target.Terminated.ToArray();
        // The journal of an exchange names both folders, that of a replacement the new one only.
        byte[] fromPath = [];
        int named = NameChanges.PathOf(to.Folder, volume.Nodes.Root, out byte[] toPath);
        if (named >= 0 && exchanges)
            named = NameChanges.PathOf(from.Folder, volume.Nodes.Root, out fromPath);
        if (named < 0)
            return named;
        FileDescriptor fromDirectory = from.Directory, toDirectory = to.Directory;
        DescriptorLease keptFrom = default, keptTo = default;
        bool isKept = false;
        return volume.NameJournal!.Run(
            new JournaledName(toPath, newName, moved.Stat.InodeNumber),
            new JournaledName(toPath, otherSource, other.Stat.InodeNumber),
            exchanges ? new JournaledName(fromPath, otherTarget, 0) : null,
            new TwoSteps(
                (from.Folder.Id, from.Name.Bytes.ToArray()),
                (to.Folder.Id, to.Name.Bytes.ToArray()),
                () => SystemCallsAt.Rename(
                    fromDirectory, new NativeName(oldName), toDirectory, new NativeName(newName),
                    RenameFlags.NoReplace),
                () => exchanges
                    ? SystemCallsAt.Rename(toDirectory, new NativeName(otherSource),
                        fromDirectory, new NativeName(otherTarget), RenameFlags.NoReplace)
                    : SystemCallsAt.Unlink(toDirectory, new NativeName(otherSource)),
                () =>
                {
                    int result = SystemCallsAt.Rename(
                        toDirectory, new NativeName(newName), fromDirectory, new NativeName(oldName),
                        RenameFlags.NoReplace);
                    // The journal tries the undo again after this op has given the folders back: keep them open.
                    if (result < 0 && !isKept)
                        (keptFrom, keptTo, isKept) =
                            (new DescriptorLease(fromDirectory), new DescriptorLease(toDirectory), true);
                    if (result >= 0)
                        GiveUp();
                    return result;
                },
                GiveUp));

        void GiveUp()
        {
            if (isKept)
            {
                keptFrom.Dispose();
                keptTo.Dispose();
            }
            isKept = false;
        }
    }

    private static bool IsOnlyName(in Resolved resolved) =>
        resolved.Stat.LinkCount <= 1 || resolved.Kind == NodeKind.Directory;
}
