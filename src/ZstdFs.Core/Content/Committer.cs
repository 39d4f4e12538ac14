using ZstdFs.Core.Compression;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// Base and overlay become the next base. Three ways: the first small content of a new file goes into the stored file that its creation made; a file with
/// one name gets a new stored file, verified, synchronised and renamed over the old one; a file with several names is rewritten in place from a
/// synchronised copy, because a rename would split the names.
/// </summary>
internal sealed class Committer(ContentServices services, DirectoryCache directories, FolderGates folderGates)
{
    /// <summary>Not an errno: the stored file is to be rewritten in place, and the version lies where it cannot be kept for that.</summary>
    private const int NeedsRedo = 1;

    private const int MostAttempts = 3;

    /// <summary>
    /// Makes the next base. Null without an error: the file lost its last name, and nobody will look for it.
    /// </summary>
    internal int Build(FileContent content, bool yields, out StoredBase? next)
    {
        next = null;
        if (services.State is not { } state)
            return -(int)Errno.EROFS;
        int result = SystemCallsAt.Stat(content.Base.Stored, out Statx old);
        if (result < 0)
            return result;
        // Somebody wrote into the stored file itself: nothing of it may be taken over, and nothing be put in its place.
        if (StoredIdentity.Of(old) != content.Published)
            return Refuse(content.Node);
        bool isGone = old.LinkCount == 0 && content.Node.AnyLink is null;
        if (isGone && !content.Overlay.IsUnnamed)
            return 0;
        if (content.Base.IsFresh && content.Base.IsWritable && content.Overlay.IsBuffered && (old.LinkCount == 1 || isGone))
            return FillFresh(content, old, out next);
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
        bool isElsewhere = !services.Source.Devices.IsRoots(old) && old.LinkCount == 1 && content.Node.AnyLink is { } link
            && (result = directories.Rent(link.Parent, out folder)) >= 0;
        if (result < 0)
            return result;
        FrameMap map;
        using (folder)
            result = version.Write(content, yields, isElsewhere ? folder.Descriptor : null, out map);
        // The data must be on disk before the name leads to it: rename alone may leave an empty file after a power cut.
        if (result >= 0)
            result = version.Conclude(content.SynchronizeVersion(version.File, yields));
        // What did not reach the disk meanwhile may have been read back as something else.
        if (result >= 0)
            result = content.Overlay.Check();
        return result < 0 ? result : Publish(content, version, map, out next);
    }

    /// <summary>Into the empty stored file that CREATE made. Until its record says otherwise it counts as empty, so a crash on the way leaves the old version.</summary>
    private int FillFresh(FileContent content, in Statx old, out StoredBase? next)
    {
        next = null;
        FileDescriptor stored = content.Base.Stored;
        int result = FirstContent.Write(services, content.Overlay, stored, old.Size, out FrameMap map);
        bool hasHoles = services.HasHoles(stored, map);
        lock (content.Node.LinksGate)
        {
            // ModifyTime may be what utimens set a moment ago, so it is read under the gate.
            if (result >= 0)
                result = SystemCallsFile.SetTimes(stored, Timestamp.Omit, content.ModifyTime);
            Statx stat = default;
            if (result >= 0)
                result = SystemCallsAt.Stat(stored, out stat);
            if (result >= 0)
                result = WriteRecord(stored, services.Source.Devices.RecordFor(stat, content.Node.Id, content.LogicalBytes, old.Birth.ToTimestamp()) with { Epoch = services.State!.Epoch, IsOneFrame = map.IsOneFrame, HasHoles = hasHoles });
            // As far as it came, it was we who changed the file.
            if (result >= 0 || SystemCallsAt.Stat(stored, out stat) >= 0)
                content.NotePublished(stat);
            if (result < 0)
                return result;
            next = content.Base.Rewritten(stat, map, hasHoles);
            return 0;
        }
    }

    private int Refuse(Node node)
    {
        services.Log.Error($"{node.AnyLink?.NativeName.ToString()}: changed or deleted in the source while it was being written through the mount; what is in the source stays");
        return -(int)Errno.ESTALE;
    }

    private int Publish(FileContent content, NewVersion version, FrameMap map, out StoredBase? next)
    {
        next = null;
        Node node = content.Node;
        lock (node.LinksGate)
        {
            if (node.AnyLink is not { } link)
                return 0;
            int result = directories.Rent(link.Parent, out DescriptorLease parent);
            if (result < 0)
                return result;
            using (parent)
            {
                Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
                NativeName stored = StoredName.Of(link.Bytes, buffer);
                result = SystemCallsAt.Stat(parent.Descriptor, stored, out Statx current);
                if (result < 0 && result != -(int)Errno.ENOENT)
                    return result;
                if (result < 0 || StoredIdentity.Of(current) != content.Published)
                    return Refuse(node);
                bool inPlace = current.LinkCount > 1 || !version.CanReplace(current);
                if (inPlace && !version.CanBeKept)
                    return NeedsRedo;
                return inPlace
                    ? RewriteInPlace(content, version, parent.Descriptor, stored, current, map, out next)
                    : Replace(content, version, link.Parent, parent.Descriptor, stored, current, map, out next);
            }
        }
    }

    private int Replace(FileContent content, NewVersion version, Node folder, FileDescriptor parent, NativeName stored, in Statx old, FrameMap map, out StoredBase? next)
    {
        next = null;
        FileDescriptor file = version.File;
        bool hasHoles = services.HasHoles(file, map);
        int result = StoredAttributes.Copy(content.Base.Stored, file, old);
        if (result >= 0)
            result = SystemCallsFile.SetTimes(file, old.AccessTime.ToTimestamp(), content.ModifyTime);
        Statx stat = default;
        if (result >= 0)
            result = SystemCallsAt.Stat(file, out stat);
        if (result >= 0)
            result = WriteRecord(file, services.Source.Devices.RecordFor(stat, content.Node.Id, map.LogicalBytes, BirthOf(content, old)) with { IsOneFrame = map.IsOneFrame, HasHoles = hasHoles });
        // With this a next mount that finds the new version under the name knows that it is the commit of this working copy, and nobody else's.
        if (result >= 0)
            result = NoteCommitted(content, stat.InodeNumber);
        if (result >= 0)
            result = RenameUnnoticed(content.Base.Stored, old, version, folder, parent, stored);
        // A folder whose names must stay, that somebody else owns, or that takes files of one project alone, holds files all the same that may be written.
        if (result is -(int)Errno.EPERM or -(int)Errno.EACCES or -(int)Errno.EXDEV && ProtectedFile.CheckWrite(old, appends: false) >= 0)
            return RewriteInPlace(content, version, parent, stored, old, map, out next);
        if (result < 0)
            return result;
        if (services.State is { KeepsRecords: false } || !StateFolder.IsAllocated(content.Node.Id))
            services.Inspector.NoteReplaced(old, stat, content.Node.Id);
        // fsync was answered from the working copy, which goes now: the name must be on disk before.
        if (content.Overlay.Working is { IsDurable: true } && services.Source.SynchronizeFolder(parent) is < 0 and var unsynced)
            services.Log.Warning($"{stored.ToString()}: its folder could not be synchronised ({(Errno)(-unsynced)})");
        // The rename moved the change time.
        _ = SystemCallsAt.Stat(file, out stat);
        content.NotePublished(stat);
        next = new StoredBase(services, version.Release(), stat, isFresh: false, map) { HasHoles = hasHoles };
        return 0;
    }

    /// <summary>To the folder's users no name changed, so its modification time must not either.</summary>
    private int RenameUnnoticed(FileDescriptor replaced, in Statx old, NewVersion version, Node folder, FileDescriptor parent, NativeName stored)
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
    /// The stored file itself gets the new content. Before its first byte changes, the new version is on disk under a name that tells the next mount to
    /// do this again.
    /// </summary>
    private int RewriteInPlace(FileContent content, NewVersion version, FileDescriptor parent, NativeName stored, in Statx old, FrameMap map, out StoredBase? next)
    {
        next = null;
        int result = services.Source.OpenWrite(parent, stored, out FileDescriptor target);
        if (result < 0)
            return result;
        var rewrite = new InPlaceRewrite(services, content.Node.Id, map.LogicalBytes, content.ModifyTime, BirthOf(content, old));
        result = InPlaceRewrite.Reserve(version.File, target, old);
        if (result >= 0)
            result = version.KeepForRedo(old, content.Node.LogicalPath(), rewrite);
        // From here on the redo stands for what the working copy holds, until it is gone because the target does.
        if (result >= 0)
            result = NoteCommitted(content, old.InodeNumber);
        if (result >= 0)
        {
            content.LockOutReaders();
            result = rewrite.Run(version.File, target);
        }
        if (result < 0)
        {
            target.Dispose();
            return result;
        }
        version.DropRedo();
        _ = SystemCallsAt.Stat(target, out Statx stat);
        content.NotePublished(stat);
        next = new StoredBase(services, target, stat, isFresh: false, map) { HasHoles = services.HasHoles(target, map) };
        return 0;
    }

    private static int NoteCommitted(FileContent content, ulong inodeNumber)
    {
        if (content.Overlay.Working is not { } working)
            return 0;
        int result = working.WriteRecord(working.Record with { Base = content.Base.Identity, CommittedInode = inodeNumber });
        // A lent one stays the file's content: what the kernel's users synchronise in it from now on, without a word, a next mount must not take for somebody else's.
        return result >= 0 && working.IsLent ? working.Synchronize() : result;
    }

    private static Timestamp BirthOf(FileContent content, in Statx old) =>
        SourceTree.TryReadRecord(content.Base.Stored, out SizeRecord record) && record.Birth != default ? record.Birth : old.Birth.ToTimestamp();

    /// <summary>A source that keeps no records is served without.</summary>
    private static int WriteRecord(FileDescriptor file, in SizeRecord record) =>
        SourceTree.WriteRecord(file, record) is < 0 and var failed && failed != -(int)Errno.EOPNOTSUPP ? failed : 0;
}
