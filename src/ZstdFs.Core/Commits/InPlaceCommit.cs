using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// A commit that writes into the stored file itself, because a rename would split its names or may not replace it.
/// Before the first byte changes, the new version is on disk as a redo: under a name that tells the next mount to write
/// it into the stored file again.
/// </summary>
internal sealed class InPlaceCommit(StorageServices services, DirectoryCache directories)
{
    /// <summary>Gives the stored file under this name the new content. 0 or −errno.</summary>
    internal int Run(in Publication publication, in StoredPlace place, out StoredBase? next)
    {
        next = null;
        // Linux opens no append-only file for this: it is opened again when its mark is off.
        int result = publication.Old.IsAppendOnly
            ? services.Source.OpenRead(place.Parent, place.Name, out FileDescriptor target)
            : services.Source.OpenWrite(place.Parent, place.Name, out target);
        return result < 0 ? result : RunOn(publication, target, out next);
    }

    /// <summary>Gives the open stored file the new content, whatever names it has. 0 or −errno.</summary>
    internal int Run(in Publication publication, FileDescriptor stored, out StoredBase? next)
    {
        next = null;
        int result = publication.Old.IsAppendOnly
            ? SystemCallsAt.Reopen(stored, OpenFlags.ReadOnly | OpenFlags.NonBlocking, out FileDescriptor target)
            : SourceTree.ReopenWrite(stored, out target);
        return result < 0 ? result : RunOn(publication, target, out next);
    }

    /// <param name="publication">The finished version. It must be where a redo can be kept.</param>
    /// <param name="target">The stored file, open for writing, or an append-only one for reading; taken over.</param>
    /// <param name="next">The same file with its new content.</param>
    private int RunOn(in Publication publication, FileDescriptor target, out StoredBase? next)
    {
        next = null;
        (FileContent content, NewVersion version) = (publication.Content, publication.Version);
        (Statx old, FrameMap map) = (publication.Old, version.Map);
        var rewrite = new InPlaceRewrite(
            services, content.Node.Id, map.LogicalBytes, content.ModifyTime, publication.Change, content.Birth)
        {
            AppendsOnly = old.IsAppendOnly
        };
        // Each write to the target takes set-id bits and capabilities away, the reservation too. So keep them first.
        int result = StoredAttributes.CopyPrivileges(target, version.File);
        if (result >= 0)
            result = version.KeepForRedo(old, content.Node.LogicalPath(), rewrite);
        // No lookup may read the frames while the file holds a part of each version.
        services.Inspector.BeginRewrite(old);
        if (result >= 0 && old.IsAppendOnly)
            result = LiftMark(content.Node, ref target);
        // Reserving moves the target's modification time. Without a redo on disk a next mount would take that for a
        // change in the source.
        if (result >= 0)
        {
            result = InPlaceRewrite.Reserve(version.File, target, old);
            CommitNotes.NoteTouched(content, target);
        }
        // From here on the redo stands for the working copy's content. Once the rewrite is done and the redo is gone,
        // the target stands for it.
        if (result >= 0)
            result = CommitNotes.NoteCommitted(content, old.InodeNumber);
        if (result < 0)
        {
            services.Inspector.EndRewrite(old.InodeNumber);
            PutBackMarks(content.Node, version.File, target, old.IsAppendOnly);
            version.GiveUpRedo();
            target.Dispose();
            return result;
        }
        content.Lock.BecomeExclusive();
        result = rewrite.Run(version.File, target, out Statx stat);
        if (result < 0)
        {
            PutBackMarks(content.Node, version.File, target, old.IsAppendOnly);
            ReadFromRedo(publication, target);
            return result;
        }
        services.Inspector.EndRewrite(old.InodeNumber);
        if (old.IsAppendOnly)
            AppendOnlyMark.Forget(services.State!, content.Node.Id);
        version.DropRedo();
        content.Published.Note(stat);
        content.Change.End(publication.Change, stat.ChangeTime.ToTimestamp(), rewrite.WindowEnd);
        next = new StoredBase(services, target, stat, isFresh: false, map)
        {
            HasHoles = services.HasHoles(target, map),
            IsOnDisk = true
        };
        return 0;
    }

    /// <summary>Takes the append-only mark off, and opens the stored file again, for writing. 0 or −errno.</summary>
    private int LiftMark(Node node, ref FileDescriptor target)
    {
        int result = AppendOnlyMark.Lift(services.State!, node, target);
        if (result < 0)
            return result;
        result = SourceTree.ReopenWrite(target, out FileDescriptor writable);
        if (result < 0)
            return result;
        target.Dispose();
        target = writable;
        return 0;
    }

    /// <summary>Gives the stored file what the rewrite took from it. The append-only mark goes last.</summary>
    private void PutBackMarks(Node node, FileDescriptor version, FileDescriptor target, bool appendsOnly)
    {
        _ = StoredAttributes.PutBackPrivileges(version, target);
        if (appendsOnly)
            AppendOnlyMark.PutBack(services.State!, node.Id, target);
    }

    /// <summary>
    /// The stored file may hold a part of the new version and a part of the one before. The redo has all of the new
    /// one, and readers get it from there.
    /// </summary>
    private void ReadFromRedo(in Publication publication, FileDescriptor target)
    {
        (FileContent content, NewVersion version) = (publication.Content, publication.Version);
        FrameMap map = version.Map;
        bool hasHoles = services.HasHoles(version.File, map);
        var redo = new StoredBase(services, target, publication.Old, isFresh: false, map, version.Release())
        {
            HasHoles = hasHoles
        };
        content.UnfinishedCommit.BeginRedo(redo, map);
        CommitNotes.NoteTouched(content, target);
        content.Lock.BecomeShared();
        services.Log.Warning(
            $"{CommitNotes.NameOf(content)}: its stored file could not be rewritten to the end; its content is kept in "
                + ".zstdfs/working, and the rewrite is tried again");
    }

    /// <summary>
    /// Finishes a rewrite that failed. Returns 0 with the next base where the redo holds all of the content. Returns 0
    /// without one where a commit of later writes can begin, or the file has no name left. Else
    /// <see cref="CommitResult.Refused"/> or −errno.
    /// </summary>
    internal int Finish(FileContent content, UnfinishedRewrite unfinished, out StoredBase? next)
    {
        next = null;
        Node node = content.Node;
        lock (node.LinksGate)
        {
            // The file has no name left: no lookup will find it.
            if (!node.HasName)
            {
                content.UnfinishedCommit.EndRewrite();
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
            if (!isThere || !content.Published.Is(named))
                return CommitNotes.Refuse(services.Log, content, isThere, named);
            bool isAll = content.UnfinishedCommit.IsInRedo;
            Timestamp change = content.ChangeTimeOf(content.Change.Look(), stat);
            content.Change.Begin();
            var rewrite = new InPlaceRewrite(services, node.Id, unfinished.Map.LogicalBytes,
                isAll && content.Overlay.IsDirty ? content.ModifyTime : unfinished.ModifyTime, change, content.Birth)
            {
                AppendsOnly = stat.IsAppendOnly || AppendOnlyMark.IsNoted(services.State!, node.Id)
            };
            if (rewrite.AppendsOnly)
                result = AppendOnlyMark.Lift(services.State!, node, redo.Stored);
            // Of a target that is still whole, a rewrite without room would make a mixture.
            if (result >= 0)
                result = InPlaceRewrite.Reserve(redo.Frames, redo.Stored, stat);
            if (result >= 0)
                result = rewrite.Run(redo.Frames, redo.Stored, out stat);
            if (result < 0)
                PutBackMarks(node, redo.Frames, redo.Stored, rewrite.AppendsOnly);
            else if (rewrite.AppendsOnly)
                AppendOnlyMark.Forget(services.State!, node.Id);
            // Note this before the redo goes: a next mount must know what the copy lies over, or that the stored file
            // holds all of its content.
            if (result >= 0)
                result = isAll
                    ? CommitNotes.NoteCommitted(content, stat.InodeNumber)
                    : content.Overlay.NoteRewritten(StoredIdentity.Of(stat));
            if (result < 0)
            {
                CommitNotes.NoteTouched(content, redo.Stored);
                content.Change.Abandon();
                return result;
            }
            content.Lock.BecomeExclusive();
            StoredBase finished = redo.Finished(stat, unfinished.Map);
            content.Published.Note(stat);
            content.UnfinishedCommit.EndRewrite();
            content.Change.End(change, stat.ChangeTime.ToTimestamp(), rewrite.WindowEnd);
            services.Log.Information($"{CommitNotes.NameOf(content)}: its stored file is rewritten");
            if (isAll)
                next = finished;
            content.Overlay.ReplaceBase(finished);
            content.Lock.BecomeShared();
            return 0;
        }
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
}
