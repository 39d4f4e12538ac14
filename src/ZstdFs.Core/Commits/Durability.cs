using System.Text;
using ZstdFs.Core.Content;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// Brings one content to the disk, writes again what a failing disk refused, and keeps as a lost file what cannot be
/// committed. The caller holds the content's lock for committing unless a method says otherwise.
/// </summary>
internal sealed class Durability(StorageServices services)
{
    private const int MostRepeats = 3;

    /// <summary>When this returns 0, what was persisted is on disk. Takes the lock itself.</summary>
    internal int Synchronize(FileContent content)
    {
        using ContentLock.Scope locked = content.Lock.Committing();
        int result = content.IsDirty && content.Working is not null
            ? SynchronizeUncommitted(content)
            : content.SynchronizedBase.Synchronize(content.Base);
        if (result >= 0)
            content.Overlay.NoteSynchronized();
        return result;
    }

    /// <summary>
    /// When this returns 0, a next mount finds the working copy even after a power cut. A copy that was synchronised
    /// once needs no further sync for that. Takes the lock itself.
    /// </summary>
    internal int Secure(FileContent content) =>
        content.Working is { IsDurable: true } ? 0 : Synchronize(content);

    /// <summary>When this returns 0, the uncommitted content and the version below it are on disk.</summary>
    internal int SynchronizeUncommitted(FileContent content)
    {
        int result = KeepWhole(content);
        if (result >= 0)
            result = SecureBase(content);
        if (result >= 0)
            result = content.Overlay.Synchronize();
        // Write it again at once, while it is in memory.
        if (result < 0)
            _ = KeepWhole(content);
        return result == -(int)Errno.ESTALE ? -(int)Errno.EIO : result;
    }

    /// <summary>
    /// Puts the version below the working copy on disk. It may hold content that the copy does not. And after a power
    /// cut a next mount could find another version there, or an empty one, and would take that for a change in the
    /// source.
    /// </summary>
    private int SecureBase(FileContent content)
    {
        StoredBase lower = content.Base;
        if (lower.IsFresh || lower.IsRedo || lower.IsOnDisk)
            return 0;
        // The record must be on disk too: it says that the file is not empty. fdatasync(2) leaves attributes out.
        int result = content.SynchronizedBase.Synchronize(content.Base);
        lower.IsOnDisk = result >= 0;
        return result;
    }

    /// <summary>
    /// Writes again, while it is in memory, what the disk refused. Does nothing while another thread writes, commits or
    /// synchronises the content. Takes the lock itself.
    /// </summary>
    internal void KeepWholeIfIdle(FileContent content)
    {
        using ContentLock.Scope locked = content.Lock.TryCommitting(out bool isFree);
        if (isFree)
            _ = KeepWhole(content);
    }

    /// <summary>
    /// Writes again what the disk refused. 0, −EIO where it refuses still, or −ESTALE where some of the content is
    /// gone. INVARIANT: when a check has reported an error, this writes the content again, where it can, before it
    /// returns; only a lent copy must wait. The kernel reports an error once. The next mount would not hear of it, and
    /// would trust pages that are on no disk.
    /// </summary>
    internal int KeepWhole(FileContent content)
    {
        for (int attempt = 0; attempt < MostRepeats; attempt++)
        {
            if (content.Overlay.Check() >= 0)
                return 0;
            // The kernel may write newer content at the same time, which a repeated write would overwrite. So this
            // fails until the copy is taken back.
            if (content.IsLent)
                return -(int)Errno.EIO;
            content.Lock.BecomeExclusive();
            bool isWhole = content.Overlay.TryRepeat();
            content.Lock.BecomeShared();
            if (!isWhole)
                return Abandon(content);
        }
        return -(int)Errno.EIO;
    }

    private int Abandon(FileContent content)
    {
        services.Log.Error(
            $"{CommitNotes.NameOf(content)}: the disk did not take all of what was written, and some of it is gone; "
                + "the old version stays",
            "refused by the disk",
            content.Published.Version);
        return -(int)Errno.ESTALE;
    }

    /// <summary>
    /// The version in the source stays. What was written is kept as a plain file, and programs that have it open can go
    /// on reading it.
    /// </summary>
    internal void MoveToLost(FileContent content)
    {
        content.Lock.BecomeExclusive();
        try
        {
            int result = content.Overlay.MoveToLost();
            content.NoteOutdated();
            string name = content.Working is { } working ? Encoding.ASCII.GetString(working.Name) : "?";
            if (result < 0)
            {
                services.Log.Error($"what was written could not be kept as .zstdfs/lost/{name} ({(Errno)(-result)})");
                return;
            }
            content.UnfinishedCommit.EndRewrite();
            services.Log.Error($"what was written is kept as .zstdfs/lost/{name}");
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            ContentFault.Report(e, content, services.Log);
        }
    }
}
