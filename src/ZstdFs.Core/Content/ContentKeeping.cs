using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// Whether what was written to one file outlives this process, and what becomes of it where the disk has no room for that: its writer is told, and the old version is the file again. Nothing
/// is promised of what is in memory alone. The content's lock is the <paramref name="gate"/>, the callee's to take.
/// </summary>
internal sealed class ContentKeeping(ContentServices services, FileContent content, ContentLock gate)
{
    /// <summary>The next mount finds what was written.</summary>
    internal bool IsKept => !content.IsDirty || services.State is { WorkingCopiesSurvive: true } && (content.Overlay.IsInWorkingCopy || content.IsInRedo);

    /// <summary>
    /// Commits for who waits for it. Where the disk has no room for a new version it may have some for a working copy, and then the commit can wait. 0 or −errno; what is not kept after an
    /// error is in memory alone.
    /// </summary>
    internal int CommitOrKeep(Committer committer)
    {
        int result = content.Commit(committer, yields: false);
        // A killed daemon loses nothing. The queue sees to the rest.
        if (content is { Unsynced: not null, IsDirty: false })
            return 0;
        bool mayWait = result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT || result < 0 && content.Unsynced is not null;
        return mayWait && content.CutShort == 0 && content.Persist() >= 0 ? 0 : result;
    }

    /// <summary>
    /// The last writer has closed it, or the mount ends. −errno where it was not written whole, or finds no place outside of memory: its writer was told, and it is to be reverted.
    /// </summary>
    internal int Keep()
    {
        if (content.CutShort < 0 || IsKept)
            return content.CutShort;
        int result = content.Persist();
        // A source without working copies has the commit instead, which may have failed.
        if (result == -(int)Errno.EOPNOTSUPP)
            result = content.Outcome.Error;
        // It may be that the record could not be written again, and says enough already.
        return result < 0 && !IsKept ? result : 0;
    }

    /// <summary>Takes the old version back. False where somebody writes to the file again: the last close will do it.</summary>
    /// <param name="reason">Why what was written cannot be kept, as −errno.</param>
    /// <param name="isLast">The mount ends, and nobody goes on writing, whatever handles there are.</param>
    internal bool TryRevert(int reason, bool isLast = false)
    {
        using ContentLock.Scope locked = gate.Writing();
        if (content.Handles.Writable > 0 && !isLast)
            return false;
        if (IsKept)
            return true;
        content.Revert();
        services.Log.Error($"{content.Node.AnyLink?.NativeName.ToString()}: not all of its new content could be written ({(Errno)(-reason)}); the old version stays");
        return true;
    }

    /// <summary>
    /// Content that a power cut must not take, because another file's goes for it: on disk when it returns 0. −EOPNOTSUPP where that takes a commit.
    /// </summary>
    internal int Settle()
    {
        int result = content.Persist();
        if (result < 0)
            return result;
        using ContentLock.Scope locked = gate.Committing();
        if (content.IsDirty)
            return content.OnDisk.SynchronizeUncommitted();
        // A record that cannot be read at this moment may say that the content is not on disk.
        result = SourceTree.ReadRecord(content.Base.Stored, out SizeRecord record);
        bool isOnDisk = result >= 0 && (result == 0 || record.Epoch != services.State!.Epoch);
        return isOnDisk ? 0 : SystemCallsFile.SynchronizeData(content.Base.Stored);
    }
}
