using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>A commit that renames a new stored file over the old one.</summary>
internal sealed class Replacement(StorageServices services, FolderGates folderGates, InPlaceCommit inPlace)
{
    /// <summary>
    /// Gives the version what users see of the file besides its content, and the file's name. Where the folder refuses
    /// the rename, the stored file is rewritten in place instead. Returns 0, <see cref="CommitResult.NeedsRedo"/> where
    /// the version cannot be used for that, or −errno.
    /// </summary>
    /// <param name="publication">The finished version. It is on the stored file's file system.</param>
    /// <param name="place">The name that it takes.</param>
    /// <param name="next">The version under that name.</param>
    internal int Run(in Publication publication, in StoredPlace place, out StoredBase? next)
    {
        next = null;
        (FileContent content, NewVersion version) = (publication.Content, publication.Version);
        (Statx old, Timestamp change) = (publication.Old, publication.Change);
        (FileDescriptor file, FrameMap map) = (version.File, version.Map);
        bool hasHoles = services.HasHoles(file, map);
        // A number that the source gave goes into no record: users saw the file when no record could be written.
        bool isRecorded = InodeNumber.IsAllocated(content.Node.Id);
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
            result = CommitNotes.NoteCommitted(content, stat.InodeNumber);
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
            result = CommitNotes.WriteRecord(file, record, out windowEnd);
            isRecorded = !RecordRoom.IsGivenUp(file, result);
            if (!isRecorded)
                result = 0;
        }
        if (result >= 0)
            result = RenameUnnoticed(publication, place);
        // The folder may refuse a rename: its names must stay, another user owns it, or it takes files of one project
        // alone. A file in it may be writable all the same.
        if (result is -(int)Errno.EPERM or -(int)Errno.EACCES or -(int)Errno.EXDEV
            && !old.IsImmutable)
        {
            if (!version.CanBeKept)
            {
                // This version goes, and the source may give its inode number to another file.
                _ = CommitNotes.NoteCommitted(content, 0);
                return CommitResult.NeedsRedo;
            }
            RecordRoom.Clear(file);
            return inPlace.Run(new Publication(content, version, old, change), place, out next);
        }
        if (result < 0)
            return result;
        // The rename took longer than the record's window.
        if (isRecorded && ChangeWindow.IsOver(windowEnd))
            _ = CommitNotes.WriteRecord(file, record, out windowEnd);
        if (!isRecorded || services.State is { KeepsRecords: false } || services.Source.Numbers.Find(old) != 0)
            services.Source.Numbers.NoteReplaced(old, stat, content.Node.Id);
        // fsync was answered from the working copy. That copy may go only when the new version's name is on disk.
        if (content.Working is { IsDurable: true }
            && services.Source.SynchronizeFolder(place.Parent) is < 0 and var unsynced)
        {
            content.UnfinishedCommit.BeginUnsynced(unsynced);
            services.Log.Error($"{place.Name.ToString()}: its folder could not be synchronised ({(Errno)(-unsynced)}); "
                + "what was written is kept in .zstdfs/working too, and that is tried again");
        }
        // The rename moved the change time. Where this stat fails, the other attributes still tell this version from
        // every other.
        if (SystemCallsAt.Stat(file, out Statx renamed) >= 0)
            stat = renamed;
        services.Closed.KeepIfClosed(stat, record);
        content.Published.Note(stat);
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
    private int RenameUnnoticed(in Publication publication, in StoredPlace place)
    {
        (FileDescriptor replaced, Node node) = (publication.Content.Base.Stored, publication.Content.Node);
        NewVersion version = publication.Version;
        StateFolder state = services.State!;
        using (folderGates.EnterUnnoticed(place.Folder, place.Parent))
        {
            ReplacedFlags flags = ReplacedFlags.Lift(state, node, replaced, publication.Old);
            int result = flags.Result >= 0 ? version.RenameTo(place.Parent, place.Name) : flags.Result;
            flags.PutBack(state, node, replaced, version.File, result >= 0);
            return result;
        }
    }
}
