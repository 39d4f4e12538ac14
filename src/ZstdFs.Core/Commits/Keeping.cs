using ZstdFs.Core.Content;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// Sees to it that what was written to one file outlives this process. Where the disk has no room for that, the writer
/// is told and the old version becomes the file again. No promise is made for what is in memory alone. The methods take
/// the content's lock themselves.
/// </summary>
internal sealed class Keeping(StorageServices services, Committer committer)
{
    /// <summary>The next mount finds what was written.</summary>
    internal bool IsKept(FileContent content) => !content.IsDirty
        || services.State is { WorkingCopiesSurvive: true }
            && (content.Overlay.IsInWorkingCopy || content.UnfinishedCommit.IsInRedo);

    /// <summary>
    /// Commits for a caller that waits. A disk without room for a new version may have room for a working copy, and
    /// then the commit can wait. 0 or −errno; after an error, what is not kept is in memory alone.
    /// </summary>
    internal int CommitOrKeep(FileContent content)
    {
        int result = committer.Commit(content, yields: false);
        // The new version has the name, so a killed daemon loses nothing. The queue does the rest.
        if (content is { UnfinishedCommit.Unsynced: not null, IsDirty: false })
            return 0;
        bool mayWait = result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT
            || result < 0 && content.UnfinishedCommit.Unsynced is not null;
        return mayWait && content.CutShort == 0 && content.Persist() >= 0 ? 0 : result;
    }

    /// <summary>
    /// Called after the last writer has closed the file, and at the end of the mount. −errno where the content was
    /// not written whole, or finds no place outside of memory: its writer was told, and the caller reverts it.
    /// </summary>
    internal int Keep(FileContent content)
    {
        if (content.CutShort < 0 || IsKept(content))
            return content.CutShort;
        int result = content.Persist();
        // A source without working copies has the commit instead, which may have failed.
        if (result == -(int)Errno.EOPNOTSUPP)
            result = content.Outcome.Error;
        // Perhaps the record could not be written again. The one on disk may say enough.
        return result < 0 && !IsKept(content) ? result : 0;
    }

    /// <summary>
    /// Takes the old version back. False where the file is open for writing again: the last close will do it.
    /// </summary>
    /// <param name="content">What was written to it.</param>
    /// <param name="reason">Why what was written cannot be kept, as −errno.</param>
    /// <param name="isLast">The mount ends: no program goes on writing, even where handles are still counted.</param>
    internal bool TryRevert(FileContent content, int reason, bool isLast = false)
    {
        using ContentLock.Scope locked = content.Lock.Writing();
        if (content.Handles.Writable > 0 && !isLast)
            return false;
        if (IsKept(content))
            return true;
        content.Revert();
        services.Log.Error(
            $"{CommitNotes.NameOf(content)}: not all of its new content could be written ({(Errno)(-reason)}); "
                + "the old version stays");
        return true;
    }

    /// <summary>
    /// Puts content on disk that is about to replace another file's: a power cut must not take both. 0 when it is on
    /// disk. −EOPNOTSUPP where that takes a commit.
    /// </summary>
    internal int Settle(FileContent content)
    {
        int result = content.Persist();
        if (result < 0)
            return result;
        using ContentLock.Scope locked = content.Lock.Committing();
        if (content.IsDirty)
            return committer.Durability.SynchronizeUncommitted(content);
        // A record that cannot be read at this moment may say that the content is not on disk.
        result = SourceTree.ReadRecord(content.Base.Stored, out SizeRecord record);
        bool isOnDisk = result >= 0 && (result == 0 || record.Epoch != services.State!.Epoch);
        return isOnDisk ? 0 : SystemCallsFile.SynchronizeData(content.Base.Stored);
    }
}
