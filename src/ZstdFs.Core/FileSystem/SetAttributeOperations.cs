using ZstdFs.Core.Attributes;
using ZstdFs.Core.Callers;
using ZstdFs.Core.Content;
using ZstdFs.Core.FileSystem.Handles;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Changes owner, permissions, times and length: SETATTR.</summary>
internal sealed class SetAttributeOperations(Volume volume, AttributePlaces places, RangeOperations ranges)
{
    private const SetattrValid Changed = SetattrValid.Mode | SetattrValid.Uid | SetattrValid.Gid
        | SetattrValid.Atime | SetattrValid.Mtime | SetattrValid.AtimeNow | SetattrValid.MtimeNow;
    private const uint OwnerReads = 0b100_000_000;

    /// <summary>SETATTR: the length first, then the attributes, then the answer shows both.</summary>
    internal int Set(in RequestContext context, ulong nodeId, in FuseSetattrIn change, out FuseAttrOut attributes)
    {
        attributes = default;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        int result = 0;
        if ((change.Valid & SetattrValid.Size) != 0)
            result = ranges.Truncate(
                nodeId,
                (change.Valid & SetattrValid.Handle) != 0 ? change.Handle : FuseFileSystem.NoHandle,
                (long)change.Size,
                volume.WriterOf(context, (change.Valid & SetattrValid.KillSuidSgid) != 0));
        if (result >= 0)
            result = SetStored(node, change, new Writer(context, keepsPrivileges: false));
        return result < 0 ? result : volume.Attributes.Get(node, isChanging: true, out attributes);
    }

    private int SetStored(Node node, in FuseSetattrIn change, in Writer caller)
    {
        // An empty request may be a chown to the same owner, which only takes the set-id bits away.
        bool isEmpty = (change.Valid & (SetattrValid.Size | Changed)) == 0;
        if (!isEmpty && (change.Valid & Changed) == 0)
            return 0;
        int result = AttributePlaces.WasOpened;
        while (result == AttributePlaces.WasOpened)
        {
            // The content's lock comes before the node's gate.
            FileContent? held = places.Hold(node);
            if (held is not null && (change.Valid & SetattrValid.Mode) != 0 && Privileges.Of(change.Mode) != 0)
                volume.Contents.TakeBackSoon(held, alsoReaders: false);
            bool changesTime = held is not null && (change.Valid & (SetattrValid.Mtime | SetattrValid.MtimeNow)) != 0;
            try
            {
                using ContentLock.Scope times = changesTime ? held!.ChangingTimes() : default;
                result = SetStored(node, held, change, caller);
            }
            finally
            {
                if (held is not null)
                    volume.Release(held);
            }
        }
        return result;
    }

    private int SetStored(Node node, FileContent? content, in FuseSetattrIn change, in Writer caller)
    {
        // One of several steps may fail. The steps before it stand, as they would after several calls.
        lock (node.LinksGate)
        {
            if (!places.IsWhatIsOpen(node, content))
                return AttributePlaces.WasOpened;
            int result = places.Locate(node, content, out AttributePlace place);
            if (result < 0)
                return result;
            using (place)
            {
                if (node.Kind != NodeKind.Directory)
                    return Change(place, node, content, change, caller);
                lock (volume.FolderGates[node])
                    return Change(place, node, content, change, caller);
            }
        }
    }

    private int Change(
        in AttributePlace place, Node node, FileContent? content, in FuseSetattrIn change, in Writer caller)
    {
        if ((change.Valid & Changed) == 0)
            return ChangeAttributes(place, node, content, change, caller);
        ChangeTimes.UsersChange users = ChangeTimes.Begin(node, content);
        int result = ChangeAttributes(place, node, content, change, caller);
        // Where the file is not open, the daemon writes the record when it looks at the attributes for the answer.
        volume.ChangeTimes.End(users, result, mayBeInWindow: content is not null);
        return result;
    }

    private int ChangeAttributes(
        in AttributePlace place, Node node, FileContent? content, in FuseSetattrIn change, in Writer caller)
    {
        int result = 0;
        if (node.Kind != NodeKind.Directory
            && (change.Valid & ~(SetattrValid.Uid | SetattrValid.Gid | SetattrValid.Handle
                | SetattrValid.LockOwner | SetattrValid.Ctime | SetattrValid.KillSuidSgid)) == 0)
            result = DropPrivileges(place, caller, (change.Valid & (SetattrValid.Uid | SetattrValid.Gid)) == 0);
        if (result >= 0 && (change.Valid & (SetattrValid.Uid | SetattrValid.Gid)) != 0)
            result = place.ChangeOwner(
                (change.Valid & SetattrValid.Uid) != 0 ? change.Uid : uint.MaxValue,
                (change.Valid & SetattrValid.Gid) != 0 ? change.Gid : uint.MaxValue);
        // The kernel writes a lent file by itself: its next write would not take the set-id bits away again.
        if (result >= 0 && content is { Overlay.Lending.MayBeWritten: true }
            && (change.Valid & SetattrValid.Mode) != 0 && Privileges.Of(change.Mode) != 0)
            result = -(int)Errno.ETXTBSY;
        if (result >= 0 && (change.Valid & SetattrValid.Mode) != 0)
        {
            if (node.Kind == NodeKind.Stored)
                KeepRecord(place, change.Mode);
            result = place.ChangeMode(change.Mode & 0xFFF);
        }
        if (content is not null)
            content.Marks.MayHavePrivileges = true;
        Timestamp access = (change.Valid & SetattrValid.AtimeNow) != 0 ? Timestamp.UtimeNow
            : (change.Valid & SetattrValid.Atime) != 0 ? new Timestamp(change.Atime, change.AtimeNsec) : Timestamp.Omit;
        // Linux takes two times of now, and only those, for a touch, which an append-only file allows.
        bool isTouch = (change.Valid & SetattrValid.AtimeNow) != 0 && (change.Valid & SetattrValid.MtimeNow) != 0;
        Timestamp modify = isTouch ? Timestamp.UtimeNow
            : (change.Valid & SetattrValid.MtimeNow) != 0 ? Timestamp.Now()
            : (change.Valid & SetattrValid.Mtime) != 0 ? new Timestamp(change.Mtime, change.MtimeNsec) : Timestamp.Omit;
        if (result < 0 || access == Timestamp.Omit && modify == Timestamp.Omit)
            return result;
        return modify == Timestamp.Omit || node.Kind != NodeKind.Stored
            ? place.SetTimes(access, modify)
            : SetModifyTime(place, node, content, access, modify);
    }

    /// <summary>
    /// From here on the file's owner may not read it, and an ordinary user's daemon not the record either.
    /// </summary>
    private void KeepRecord(in AttributePlace place, uint mode)
    {
        if (!Credentials.IsRoot && (mode & OwnerReads) == 0 && place.TryReadRecord(out SizeRecord record)
            && place.Stat(out Statx stat) >= 0)
            volume.Services.Closed.Keep(stat, record);
    }

    /// <summary>
    /// chown(2) takes the set-id bits away from every caller and for every new owner. The daemon takes them away
    /// itself, because the source would judge by the daemon's groups. An empty request is a chown to the same owner, or
    /// the kernel sends it when root writes to a file with capabilities. So an empty request of root leaves the bits.
    /// </summary>
    private static int DropPrivileges(in AttributePlace place, in Writer caller, bool onlyOwn)
    {
        int result = place.Stat(out Statx stat);
        if (result < 0 || stat.FileType == FileType.Symlink || onlyOwn && !caller.IsOrdinaryOwner(stat.UserId))
            return Math.Min(result, 0);
        uint kept = Privileges.Without(stat, caller);
        return kept != (stat.Mode & 0xFFFu) ? place.ChangeMode(kept) : 0;
    }

    /// <summary>
    /// A record counts only while the stored file has the modification time that the record names. Where the file has
    /// uncommitted changes, the next commit writes a new record.
    /// </summary>
    private int SetModifyTime(
        in AttributePlace place, Node node, FileContent? content, Timestamp access, Timestamp modify)
    {
        SizeRecord record = default;
        int result = place.Stat(out Statx before);
        if (result < 0)
            return result;
        if (content is { HasWorkingCopy: true }
            && SetUncommittedTime(place, content, before, access, modify, out result))
            return result;
        bool keepsRecord = content is not { IsDirty: true }
            && (place.TryReadRecord(out record) || volume.Services.Closed.TryFind(before, out record))
            && record.Describes(before);
        result = place.SetTimes(access, modify);
        if (result < 0)
            return result;
        result = place.Stat(out Statx after);
        if (result < 0)
        {
            if (content is not null && StoredIdentity.Of(before) == content.Published.Identity)
                content.Published.IsUnseen = true;
            return result;
        }
        if (modify == Timestamp.UtimeNow)
            modify = after.ModifyTime.ToTimestamp();
        // Another program may have changed the file in the source. Then the open content is a different version, which
        // keeps its time.
        if (content is not null && StoredIdentity.Of(before) == content.Published.Identity)
            content.NoteTimes(modify, after);
        if (!keepsRecord)
            return 0;
        node.KeepPages(StoredIdentity.Of(before).Version, StoredIdentity.Of(after).Version);
        // The user's step set the change time that users see. Writing the record is the daemon's own step.
        Timestamp shown = after.ChangeTime.ToTimestamp();
        volume.Services.Closed.KeepIfClosed(after, record.Of(after.ModifyTime.ToTimestamp()));
        if (place.WriteRecord(
            record.Of(after.ModifyTime.ToTimestamp()) with { ChangeTime = shown }, out long windowEnd) >= 0
            && place.Stat(out after) >= 0)
            ChangeTimes.NoteOwn(node, content, shown, after, windowEnd);
        return 0;
    }

    /// <summary>
    /// The commit sets the time. Until then the stored file keeps its own time: the next mount takes up a working copy
    /// only over the version on which it was begun. False where the caller must set the time on the stored file,
    /// because only the source can tell whether that is allowed.
    /// </summary>
    private static bool SetUncommittedTime(
        in AttributePlace place, FileContent content, in Statx stored, Timestamp access, Timestamp modify,
        out int result)
    {
        // Sets the stored file's own time once more: that moves the change time, and the source can refuse it.
        result = place.SetTimes(access, stored.ModifyTime.ToTimestamp());
        if (result == -(int)Errno.EPERM && modify == Timestamp.UtimeNow)
            return false;
        if (result >= 0)
            result = content.SetUncommittedTime(modify == Timestamp.UtimeNow ? Timestamp.Now() : modify);
        return true;
    }
}
