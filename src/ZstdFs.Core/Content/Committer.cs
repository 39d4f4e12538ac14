using ZstdFs.Core.Compression;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// Makes the next base from a base and its overlay, in one of three ways. The first small content of a new file goes
/// into the stored file that its creation made. A file with one name gets a new stored file, which is verified,
/// synchronised and renamed over the old one. A file with several names is rewritten in place from a synchronised copy,
/// because a rename would split the names.
/// </summary>
internal sealed class Committer(ContentServices services, DirectoryCache directories, FolderGates folderGates)
{
    /// <summary>
    /// Not an errno: the stored file must be rewritten in place, but the version lies where no redo can be kept.
    /// </summary>
    private const int NeedsRedo = 1;

    /// <summary>
    /// Not an errno: the source has another version. A system call may return ESTALE too. That is a fault like EIO, and
    /// the commit is tried again.
    /// </summary>
    private const int Refused = 2;

    private const int MostAttempts = 3;

    /// <summary>
    /// Makes the next base. Null without an error: nothing is left to commit, or the file lost its last name and no
    /// lookup will find it. −ESTALE: the source has another version, which stays.
    /// </summary>
    internal int Build(FileContent content, bool yields, out StoredBase? next) =>
        BuildOrRefuse(content, yields, out next) switch
        {
            Refused => -(int)Errno.ESTALE,
            -(int)Errno.ESTALE => -(int)Errno.EIO,
            var result => result,
        };

    private int BuildOrRefuse(FileContent content, bool yields, out StoredBase? next)
    {
        next = null;
        if (services.State is not { } state)
            return -(int)Errno.EROFS;
        if (services.SettleNames?.Invoke(content.Node) is < 0 and var half)
            return half;
        if (content.Unsynced is not null)
        {
            int synced = SynchronizeName(content);
            if (synced < 0 || !content.IsDirty)
                return synced;
        }
        if (content.Unfinished is { } unfinished)
        {
            int finished = Finish(content, unfinished, out next);
            if (finished != 0 || next is not null || !content.Overlay.IsDirty)
                return finished;
        }
        long look = content.Change.Look();
        int result = SystemCallsAt.Stat(content.Base.Stored, out Statx old);
        if (result < 0)
            return result;
        // Another program wrote into the stored file itself. A commit must neither use its content nor replace it.
        if (!content.IsPublished(old))
            return Refuse(content, isThere: true, old);
        if (content.IsPublishedUnseen)
        {
            lock (content.Node.LinksGate)
                NoteTouched(content, old);
        }
        bool isGone = old.LinkCount == 0 && content.Node.AnyLink is null;
        if (isGone && !content.Overlay.IsUnnamed)
            return 0;
        if (content.Base is { IsFresh: true, IsWritable: true } && content.Overlay.IsBuffered
            && (old.LinkCount == 1 || isGone)
            && (result = FillFresh(content, look, old, out next)) != FirstContent.NeedsVersion)
            return result;
        if (isGone)
            return 0;
        // Another name may come or go meanwhile, and then the version is in the wrong place.
        for (int attempt = 0; ; attempt++)
        {
            result = Renew(state, content, old, yields, out next);
            if (result != NeedsRedo || attempt == MostAttempts)
                return result == NeedsRedo ? -(int)Errno.EBUSY : result;
            result = SystemCallsAt.Stat(content.Base.Stored, out old);
            if (result < 0)
                return result;
        }
    }

    private int Renew(StateFolder state, FileContent content, in Statx old, bool yields, out StoredBase? next)
    {
        next = null;
        using var version = new NewVersion(services, state, content.Node.Id);
        int result = 0;
        DescriptorLease folder = default;
        bool isElsewhere = !services.Source.Devices.IsRoots(old) && old.LinkCount == 1
            && content.Node.AnyLink is { } link
            && (result = directories.Rent(link.Parent, out folder)) >= 0;
        if (result < 0)
            return result;
        FrameMap map;
        using (folder)
            result = version.Write(content, yields, isElsewhere ? folder.Descriptor : null, out map);
        // The data must be on disk before the name leads to it: rename alone may leave an empty file after a power cut.
        if (result >= 0)
            result = version.Conclude(content.SynchronizeVersion(version.File, yields));
        // A page that did not reach the disk meanwhile may have been read back with other content.
        if (result >= 0)
            result = content.Overlay.Check();
        return result < 0 ? result : Publish(content, version, map, out next);
    }

    /// <summary>
    /// Writes into the empty stored file that CREATE made. The file counts as empty until its record says otherwise, so
    /// a crash on the way leaves the old version.
    /// </summary>
    private int FillFresh(FileContent content, long look, in Statx old, out StoredBase? next)
    {
        next = null;
        FileDescriptor stored = content.Base.Stored;
        // Note once more what users did before. From here on this commit moves the change time.
        _ = content.Change.Of(look, old.ChangeTime.ToTimestamp());
        content.Change.Begin();
        services.Inspector.BeginFirstContent(old);
        try
        {
            return FillFresh(content, stored, old, out next);
        }
        finally
        {
            services.Inspector.EndRewrite(old.InodeNumber);
        }
    }

    private int FillFresh(FileContent content, FileDescriptor stored, in Statx old, out StoredBase? next)
    {
        next = null;
        object gate = content.Node.LinksGate;
        int result = FirstContent.Write(services, content.Overlay, stored, old.Size, gate, out FrameMap map);
        if (result == FirstContent.NeedsVersion)
        {
            content.Change.Abandon();
            return result;
        }
        bool hasHoles = result >= 0 && services.HasHoles(stored, map);
        lock (content.Node.LinksGate)
        {
            // ModifyTime may be what utimens set a moment ago, so it is read under the gate.
            Timestamp modify = content.ModifyTime,
                change = content.ChangeTime > content.Change.Shown ? content.ChangeTime : content.Change.Shown;
            if (result >= 0)
                result = SystemCallsFile.SetTimes(stored, Timestamp.Omit, modify);
            // Write the record before the stat, which then shows what the record's own write left.
            Statx stat = old;
            (stat.Size, stat.ModifyTime) = (map?.StoredBytes ?? old.Size, StatxTimestamp.Of(modify));
            SizeRecord record = services.Source.Devices.RecordFor(
                stat, content.Node.Id, content.LogicalBytes, old.Birth.ToTimestamp()) with
            {
                Epoch = services.State!.Epoch,
                IsOneFrame = map?.IsOneFrame ?? false,
                HasHoles = hasHoles,
                ChangeTime = change
            };
            long windowEnd = 0;
            if (result >= 0)
                result = WriteRecord(stored, record, out windowEnd);
            if (result >= 0)
                result = SystemCallsAt.Stat(stored, out stat);
            // The file system may keep times less finely than it was asked to.
            if (result >= 0 && !record.Describes(stat))
            {
                result = WriteRecord(stored, record.Of(stat.ModifyTime.ToTimestamp()), out windowEnd);
                if (result >= 0)
                    result = SystemCallsAt.Stat(stored, out stat);
            }
            if (result < 0)
            {
                FirstContent.TakeBack(services, stored, old);
                NoteTouched(content, stored);
                content.Change.Abandon();
                return result;
            }
            // A lookup that follows the publication may read the frames again.
            services.Inspector.EndRewrite(old.InodeNumber);
            content.NotePublished(stat);
            content.Change.End(change, stat.ChangeTime.ToTimestamp(), windowEnd);
            next = content.Base.Rewritten(stat, map!, hasHoles);
            return 0;
        }
    }

    /// <summary>What is in the source now is not what this mount put there last.</summary>
    private int Refuse(FileContent content, bool isThere, in Statx found)
    {
        StoredIdentity published = content.Published;
        string what = !isThere ? "its stored file is gone"
            : found.InodeNumber != published.InodeNumber
                ? $"its name leads to another stored file, inode {found.InodeNumber} instead of {published.InodeNumber}"
            : $"its stored file was written to, {found.Size} bytes at {Seconds(found.ModifyTime.ToTimestamp())} instead of {published.Size} at {Seconds(published.ModifyTime)}";
        services.Log.Error(
            $"{content.Node.AnyLink?.NativeName.ToString()}: changed or deleted in the source while it was being written through the mount ({what}); what is in the source stays");
        return Refused;
    }

    private static string Seconds(Timestamp time) => $"{time.Seconds}.{time.Nanoseconds:D9}";

    private int Publish(FileContent content, NewVersion version, FrameMap map, out StoredBase? next)
    {
        next = null;
        Node node = content.Node;
        lock (node.LinksGate)
        {
            if (node.AnyLink is null)
                return node.HasUnknownName ? PublishWithoutName(content, version, map, out next) : 0;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            int result = FindPublished(content, buffer, out Link link, out DescriptorLease parent, out Statx current);
            if (result != 0)
                return result;
            using (parent)
            {
                NativeName stored = link.Find(parent.Descriptor, NodeKind.Stored, buffer);
                bool inPlace = current.LinkCount > 1 || !version.CanReplace(current);
                if (inPlace && !version.CanBeKept)
                    return NeedsRedo;
                Timestamp change = content.ChangeTimeOf(content.Change.Look(), current);
                content.Change.Begin();
                result = inPlace
                    ? RewriteInPlace(content, version, parent.Descriptor, stored, current, change, map, out next)
                    : Replace(content, version, link.Parent, parent.Descriptor, stored, current, change, map, out next);
                if (result < 0)
                    content.Change.Abandon();
                return result;
            }
        }
    }

    /// <summary>
    /// Finds a name that leads to the content's stored file: of several names, another program may have taken some in
    /// the source. Returns 0 with the folder open, <see cref="Refused"/> or −errno. The caller holds the node's gate.
    /// </summary>
    private int FindPublished(
        FileContent content, Span<byte> buffer, out Link link, out DescriptorLease parent, out Statx current)
    {
        Node node = content.Node;
        (Statx Stat, int Result)? first = null;
        for (int left = node.KnownLinks; ; left--)
        {
            (link, current) = (node.AnyLink!, default);
            int result = directories.Rent(link.Parent, out parent);
            if (result < 0)
                return result;
            NativeName stored = link.Find(parent.Descriptor, NodeKind.Stored, buffer);
            result = SystemCallsAt.Stat(parent.Descriptor, stored, out current);
            if (result >= 0 && content.IsPublished(current))
                return 0;
            parent.Dispose();
            if (result < 0 && result != -(int)Errno.ENOENT)
                return result;
            first ??= (current, result);
            if (left <= 1 || !node.TryPreferNext(link))
                return Refuse(content, isThere: first.Value.Result >= 0, first.Value.Stat);
        }
    }

    /// <summary>
    /// The file's remaining names are not known. The commit does not need them: they all lead to the stored file that
    /// is open.
    /// </summary>
    private int PublishWithoutName(FileContent content, NewVersion version, FrameMap map, out StoredBase? next)
    {
        next = null;
        FileDescriptor stored = content.Base.Stored;
        int result = SystemCallsAt.Stat(stored, out Statx current);
        if (result < 0 || current.LinkCount == 0)
            return result;
        if (!content.IsPublished(current))
            return Refuse(content, isThere: true, current);
        if (!version.CanBeKept)
            return NeedsRedo;
        Timestamp change = content.ChangeTimeOf(content.Change.Look(), current);
        content.Change.Begin();
        result = SourceTree.ReopenWrite(stored, out FileDescriptor target);
        if (result >= 0)
            result = RewriteInPlace(content, version, target, current, change, map, out next);
        if (result < 0)
            content.Change.Abandon();
        return result;
    }

    private int Replace(
        FileContent content, NewVersion version, Node folder, FileDescriptor parent, NativeName stored, in Statx old,
        Timestamp change, FrameMap map, out StoredBase? next)
    {
        next = null;
        FileDescriptor file = version.File;
        bool hasHoles = services.HasHoles(file, map);
        // A number that the source gave goes into no record: users saw the file when no record could be written.
        bool isRecorded = StateFolder.IsAllocated(content.Node.Id);
        int result = StoredAttributes.Copy(content.Base.Stored, file, old);
        if (result >= 0 && !isRecorded)
            _ = ExtendedAttributes.Remove(file, SizeRecord.AttributeName);
        if (result >= 0)
            result = RecordRoom.IsTaken(file) || services.State is not { KeepsRecords: true }
                ? 0
                : Mark(content.Base.Stored, file);
        if (result >= 0)
            result = SystemCallsFile.SetTimes(file, old.AccessTime.ToTimestamp(), content.ModifyTime);
        Statx stat = default;
        if (result >= 0)
            result = SystemCallsAt.Stat(file, out stat);
        // A next mount that finds the new version under the name must know that it is the commit of this working copy,
        // and not another program's version.
        if (result >= 0)
            result = NoteCommitted(content, stat.InodeNumber);
        // A program may have changed attributes in the source since they were looked at. They were copied, so their
        // change time counts.
        if (result >= 0 && SystemCallsAt.Stat(content.Base.Stored, out Statx now) >= 0
            && now.ChangeTime.ToTimestamp() != old.ChangeTime.ToTimestamp()
            && now.ChangeTime.ToTimestamp() > change)
            change = now.ChangeTime.ToTimestamp();
        // Make the record last: its window begins at this moment.
        SizeRecord record = services.Source.Devices.RecordFor(stat, content.Node.Id, map.LogicalBytes, content.Birth)
            with { IsOneFrame = map.IsOneFrame, HasHoles = hasHoles, ChangeTime = change };
        long windowEnd = 0;
        if (result >= 0 && isRecorded)
        {
            result = WriteRecord(file, record, out windowEnd);
            isRecorded = !RecordRoom.IsGivenUp(file, result);
            if (!isRecorded)
                result = 0;
        }
        if (result >= 0)
            result = RenameUnnoticed(content.Base.Stored, old, version, folder, parent, stored);
        // The folder may refuse a rename: its names must stay, another user owns it, or it takes files of one project
        // alone. A file in it may be writable all the same.
        if (result is -(int)Errno.EPERM or -(int)Errno.EACCES or -(int)Errno.EXDEV
            && ProtectedFile.CheckWrite(old, appends: false) >= 0)
        {
            RecordRoom.Clear(file);
            return RewriteInPlace(content, version, parent, stored, old, change, map, out next);
        }
        if (result < 0)
            return result;
        // The rename took longer than the record's window.
        if (isRecorded && ChangeWindow.IsOver(windowEnd))
            _ = WriteRecord(file, record, out windowEnd);
        if (!isRecorded || services.State is { KeepsRecords: false } || services.Source.Numbers.Find(old) != 0)
            services.Source.Numbers.NoteReplaced(old, stat, content.Node.Id);
        // fsync was answered from the working copy. That copy may go only when the new version's name is on disk.
        if (content.Overlay.Working is { IsDurable: true }
            && services.Source.SynchronizeFolder(parent) is < 0 and var unsynced)
        {
            content.BeginUnsynced(unsynced);
            services.Log.Error($"{stored.ToString()}: its folder could not be synchronised ({(Errno)(-unsynced)}); "
                + "what was written is kept in .zstdfs/working too, and that is tried again");
        }
        // The rename moved the change time. Where this stat fails, the other attributes still tell this version from
        // every other.
        if (SystemCallsAt.Stat(file, out Statx renamed) >= 0)
            stat = renamed;
        content.NotePublished(stat);
        content.Change.End(change, stat.ChangeTime.ToTimestamp(), windowEnd);
        next = new StoredBase(services, version.Release(), stat, isFresh: false, map)
        {
            HasHoles = hasHoles,
            WrittenBytes = version.WrittenBytes,
            IsOnDisk = true
        };
        return 0;
    }

    /// <summary>
    /// The users' attributes took the record's room. In its place a mark in the version itself says that this program
    /// wrote it. Puts the mark on disk, as the rest of the version is.
    /// </summary>
    private static int Mark(FileDescriptor old, FileDescriptor version)
    {
        int result = SystemCallsAt.Stat(version, out Statx stat);
        if (result >= 0)
            result = OwnMark.Add(version, stat.InodeNumber);
        // The write took set-id bits and capabilities away.
        if (result >= 0)
            result = StoredAttributes.PutBackPrivileges(old, version);
        return result < 0 ? result : SystemCallsFile.SynchronizeData(version);
    }

    /// <summary>
    /// For the folder's users no name changed, so the folder's modification time must not change either.
    /// </summary>
    private int RenameUnnoticed(
        FileDescriptor replaced, in Statx old, NewVersion version, Node folder, FileDescriptor parent,
        NativeName stored)
    {
        using (folderGates.EnterUnnoticed(folder, parent))
        {
            ProtectedFile.Mark mark = ProtectedFile.Lift(replaced, old);
            int result = mark.Result >= 0 ? version.RenameTo(parent, stored) : mark.Result;
            ProtectedFile.PutBack(mark, replaced, version.File, result >= 0);
            return result;
        }
    }

    /// <summary>
    /// The stored file itself gets the new content. Before its first byte changes, the new version is on disk under a
    /// name that tells the next mount to do this again.
    /// </summary>
    private int RewriteInPlace(
        FileContent content, NewVersion version, FileDescriptor parent, NativeName stored, in Statx old,
        Timestamp change, FrameMap map, out StoredBase? next)
    {
        next = null;
        int result = services.Source.OpenWrite(parent, stored, out FileDescriptor target);
        return result < 0 ? result : RewriteInPlace(content, version, target, old, change, map, out next);
    }

    private int RewriteInPlace(
        FileContent content, NewVersion version, FileDescriptor target, in Statx old, Timestamp change, FrameMap map,
        out StoredBase? next)
    {
        next = null;
        var rewrite = new InPlaceRewrite(
            services, content.Node.Id, map.LogicalBytes, content.ModifyTime, change, content.Birth);
        // Each write to the target takes set-id bits and capabilities away, the reservation too. So keep them first.
        int result = StoredAttributes.CopyPrivileges(target, version.File);
        if (result >= 0)
            result = version.KeepForRedo(old, content.Node.LogicalPath(), rewrite);
        // No lookup may read the frames while the file holds a part of each version.
        services.Inspector.BeginRewrite(old);
        // Reserving moves the target's modification time. Without a redo on disk a next mount would take that for a
        // change in the source.
        if (result >= 0)
        {
            result = InPlaceRewrite.Reserve(version.File, target, old);
            NoteTouched(content, target);
        }
        // From here on the redo stands for the working copy's content. Once the rewrite is done and the redo is gone,
        // the target stands for it.
        if (result >= 0)
            result = NoteCommitted(content, old.InodeNumber);
        if (result < 0)
        {
            services.Inspector.EndRewrite(old.InodeNumber);
            _ = StoredAttributes.PutBackPrivileges(version.File, target);
            version.GiveUpRedo();
            target.Dispose();
            return result;
        }
        content.LockOutReaders();
        result = rewrite.Run(version.File, target, out Statx stat);
        if (result < 0)
        {
            _ = StoredAttributes.PutBackPrivileges(version.File, target);
            ReadFromRedo(content, version, target, old, map);
            return result;
        }
        services.Inspector.EndRewrite(old.InodeNumber);
        version.DropRedo();
        content.NotePublished(stat);
        content.Change.End(change, stat.ChangeTime.ToTimestamp(), rewrite.WindowEnd);
        next = new StoredBase(services, target, stat, isFresh: false, map)
        {
            HasHoles = services.HasHoles(target, map),
            IsOnDisk = true
        };
        return 0;
    }

    /// <summary>
    /// The stored file may hold a part of the new version and a part of the one before. The redo has all of the new
    /// one, and readers get it from there.
    /// </summary>
    private void ReadFromRedo(
        FileContent content, NewVersion version, FileDescriptor target, in Statx old, FrameMap map)
    {
        bool hasHoles = services.HasHoles(version.File, map);
        var redo = new StoredBase(services, target, old, isFresh: false, map, version.Release())
        {
            HasHoles = hasHoles
        };
        content.BeginRedo(redo, map);
        NoteTouched(content, target);
        content.LetReadersIn();
        services.Log.Warning(
            $"{content.Node.AnyLink?.NativeName.ToString()}: its stored file could not be rewritten to the end; its content is kept in .zstdfs/working, and the rewrite is tried again");
    }

    /// <summary>
    /// Finishes a rewrite that failed. Returns 0 with the next base where the redo holds all of the content. Returns 0
    /// without one where a commit of later writes can begin, or the file has no name left. Else <see cref="Refused"/>
    /// or −errno.
    /// </summary>
    private int Finish(FileContent content, UnfinishedRewrite unfinished, out StoredBase? next)
    {
        next = null;
        Node node = content.Node;
        lock (node.LinksGate)
        {
            // The file has no name left: no lookup will find it.
            if (!node.HasName)
            {
                content.EndRewrite();
                return 0;
            }
            StoredBase redo = content.Base;
            int result = SystemCallsAt.Stat(redo.Stored, out Statx stat);
            if (result < 0)
                return result;
            Statx named = stat;
            bool isThere = true;
            if (node.AnyLink is { } link)
                result = FindByName(link, out isThere, out named);
            if (result < 0)
                return result;
            if (!isThere || !content.IsPublished(named))
                return Refuse(content, isThere, named);
            bool isAll = content.IsInRedo;
            Timestamp change = content.ChangeTimeOf(content.Change.Look(), stat);
            content.Change.Begin();
            var rewrite = new InPlaceRewrite(services, node.Id, unfinished.Map.LogicalBytes,
                isAll && content.Overlay.IsDirty ? content.ModifyTime : unfinished.ModifyTime, change, content.Birth);
            result = rewrite.Run(redo.Frames, redo.Stored, out stat);
            // Note this before the redo goes: a next mount must know what the copy lies over, or that the stored file
            // holds all of its content.
            if (result >= 0)
                result = isAll
                    ? NoteCommitted(content, stat.InodeNumber)
                    : content.Overlay.NoteRewritten(StoredIdentity.Of(stat));
            if (result < 0)
            {
                NoteTouched(content, redo.Stored);
                content.Change.Abandon();
                return result;
            }
            content.LockOutReaders();
            StoredBase finished = redo.Finished(stat, unfinished.Map);
            content.NotePublished(stat);
            content.EndRewrite();
            content.Change.End(change, stat.ChangeTime.ToTimestamp(), rewrite.WindowEnd);
            services.Log.Information($"{node.AnyLink?.NativeName.ToString()}: its stored file is rewritten");
            if (isAll)
                next = finished;
            content.Overlay.ReplaceBase(finished);
            content.LetReadersIn();
            return 0;
        }
    }

    /// <summary>
    /// Puts the newest version's name on disk. Returns 0 once the working copy that stood in for the version is
    /// removed, or −errno.
    /// </summary>
    private int SynchronizeName(FileContent content)
    {
        if (content.Node.AnyLink is { } link)
        {
            int result = directories.Rent(link.Parent, out DescriptorLease folder);
            if (result < 0)
                return result;
            using (folder)
                result = services.Source.SynchronizeFolder(folder.Descriptor);
            if (result < 0)
                return result;
        }
        content.EndUnsynced();
        return 0;
    }

    /// <summary>Finds what the name leads to in the source. 0 or −errno; that there is nothing is no error.</summary>
    private int FindByName(Link link, out bool isThere, out Statx named)
    {
        (isThere, named) = (false, default);
        int result = directories.Rent(link.Parent, out DescriptorLease parent);
        if (result < 0)
            return result;
        using (parent)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            result = SystemCallsAt.Stat(
                parent.Descriptor, link.Find(parent.Descriptor, NodeKind.Stored, buffer), out named);
            isThere = result >= 0;
            return result == -(int)Errno.ENOENT ? 0 : Math.Min(result, 0);
        }
    }

    /// <summary>
    /// Notes how a step of this commit left the stored file, so that the next look does not take it for a change by
    /// another program. The caller holds the node's gate.
    /// </summary>
    private static void NoteTouched(FileContent content, FileDescriptor stored)
    {
        if (SystemCallsAt.Stat(stored, out Statx stat) >= 0)
            NoteTouched(content, stat);
        else
            content.IsPublishedUnseen = true;
    }

    private static void NoteTouched(FileContent content, in Statx stored)
    {
        content.NotePublished(stored);
        content.Base.NoteTimes(StoredIdentity.Of(stored));
    }

    private static int NoteCommitted(FileContent content, ulong inodeNumber)
    {
        if (content.Overlay.Working is not { } working)
            return 0;
        int result = working.WriteRecord(
            working.Record with { Base = content.Base.Identity, CommittedInode = inodeNumber });
        // A lent copy stays the file's content, and programs synchronise it through the kernel without the daemon. So
        // put the record on disk: without it, a next mount would take the committed version for a change by another
        // program.
        return result >= 0 && working.IsLent ? working.Synchronize() : result;
    }

    /// <summary>A source that keeps no records is served without.</summary>
    private static int WriteRecord(FileDescriptor file, in SizeRecord record, out long windowEnd) =>
        SourceTree.WriteRecord(file, record, out windowEnd) is < 0 and var failed && failed != -(int)Errno.EOPNOTSUPP
            ? failed
            : 0;
}
