using ZstdFs.Core.Compression;
using ZstdFs.Core.Overlays;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// What a commit could not do to its end: the next commit has to do that first. The holder of the content's lock for
/// committing or writing changes it, other threads look without the lock.
/// </summary>
internal sealed class UnfinishedCommit(
    StorageServices services, Overlay overlay, ulong inodeNumber, PublishedVersion published)
{
    private UnfinishedRewrite? _rewrite;
    private UnsyncedName? _unsynced;

    /// <summary>A rewrite in place that the next commit has to finish first; null where there is none.</summary>
    internal UnfinishedRewrite? Rewrite
    {
        get => Volatile.Read(ref _rewrite);
        set => Volatile.Write(ref _rewrite, value);
    }

    /// <summary>A commit is done, and its name is not known to be on disk; null where it is.</summary>
    internal UnsyncedName? Unsynced => Volatile.Read(ref _unsynced);

    /// <summary>
    /// A rewrite of the stored file failed on its way. From here on readers read the redo, until a next commit has
    /// finished the rewrite. The commit holds the content's lock alone.
    /// </summary>
    internal void BeginRedo(StoredBase redo, FrameMap map)
    {
        Rewrite = new UnfinishedRewrite(map, overlay.ModifyTime, overlay.Changes.Count);
        overlay.ReadFromRedo(redo);
    }

    /// <summary>The redo holds all of the content.</summary>
    internal bool IsInRedo => Rewrite is { } unfinished
        && (!overlay.IsDirty || overlay.Changes.Count == unfinished.Changes);

    /// <summary>Removes the redo: no mount will do the rewrite any more.</summary>
    internal void EndRewrite()
    {
        if (Rewrite is null)
            return;
        services.State!.RemoveWorkingFile(new WorkingName(WorkingRole.Redo, inodeNumber, 0, 0).Terminated());
        services.Inspector.EndRewrite(published.InodeNumber);
        Rewrite = null;
    }

    /// <summary>
    /// The commit's new version has the name, but the folder could not be synchronised. The next commit tries that
    /// again. The source may answer ESTALE to it, which is no conflict.
    /// </summary>
    internal void BeginUnsynced(int error) =>
        Volatile.Write(ref _unsynced, new UnsyncedName(error == -(int)Errno.ESTALE ? -(int)Errno.EIO : error));

    /// <summary>The working copy stands in for that version until the name is on disk.</summary>
    internal void KeepCopy(WorkingCopy copy) => Volatile.Write(ref _unsynced, Unsynced! with { Copy = copy });

    /// <summary>The name is on disk, or the file has lost it and no mount will look for it.</summary>
    internal void EndUnsynced()
    {
        Unsynced?.Discard(services.State!);
        Volatile.Write(ref _unsynced, null);
    }
}
