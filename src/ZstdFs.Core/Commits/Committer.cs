using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// Drives the commit of one content. It writes again what the disk refused, makes the next base while readers go on,
/// and puts that in the place of the old one.
/// </summary>
internal sealed class Committer
{
    private readonly StorageServices _services;
    private readonly NextBase _nextBase;

    /// <param name="services">Shared services.</param>
    /// <param name="directories">Open folders.</param>
    /// <param name="folderGates">Order what renames do to folders.</param>
    /// <param name="settleNames">Finishes a rename of a node that failed half-way. 0 or −errno.</param>
    internal Committer(
        StorageServices services, DirectoryCache directories, FolderGates folderGates, Func<Node, int>? settleNames)
    {
        _services = services;
        _nextBase = new NextBase(services, directories, folderGates, settleNames);
        Durability = new Durability(services);
    }

    /// <summary>How soon a file may be committed again.</summary>
    internal RewritePace Pace { get; } = new();

    /// <summary>How content that is not committed gets to the disk.</summary>
    internal Durability Durability { get; }

    /// <summary>
    /// Runs a commit. The committer makes the next base while readers go on. Then that base takes the place of the old
    /// one. Returns 0 or −errno. After an error the content stays dirty and as it was, except that −ESTALE moves it
    /// to the lost files, and that the error of <see cref="UnfinishedCommit.Unsynced"/> tells of a commit that is done.
    /// </summary>
    /// <param name="content">What is to be committed.</param>
    /// <param name="yields">Ends with −EAGAIN as soon as a writer waits.</param>
    /// <param name="isBackground">
    /// No caller waits for it: an error is reported to the next close or fsync of the file.
    /// </param>
    internal int Commit(FileContent content, bool yields, bool isBackground = false)
    {
        using ContentLock.Scope locked = content.Lock.Committing();
        try
        {
            if (!content.IsUnsettled)
                return 0;
            // Half of a new content must not take the place of the old one.
            if (content.CutShort < 0)
                return content.CutShort;
            // A program has opened the file again since the queue looked. The commit would not notice its writes.
            if (isBackground && content.IsLent)
                return -(int)Errno.EAGAIN;
            // The content that was closed before is gone, and the new content has only begun. A commit at this moment
            // would put an empty file in the place of the old version.
            if (isBackground && content.IsEmptied && content.Handles.Writable > 0)
                return -(int)Errno.EAGAIN;
            content.Outcome.NoteBegin();
            StoredBase? next = null;
            int result = Durability.KeepWhole(content);
            if (result >= 0)
                result = _nextBase.Build(content, yields, out next);
            if (result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT && TryMakeRoom(content))
                result = _nextBase.Build(content, yields, out next);
            bool isStored = result >= 0 || !content.IsDirty;
            int unsynced = result < 0 ? 0 : content.UnfinishedCommit.Unsynced?.Error ?? 0;
            content.Outcome.NoteEnd(Math.Min(result, unsynced), isBackground, isStored);
            if (result == -(int)Errno.ESTALE)
                Durability.MoveToLost(content);
            if (result < 0 || next is null)
                return result;
            Pace.Note(content.Node.Id, next.WrittenBytes);
            content.Adopt(next, keepsCopy: unsynced < 0);
            return unsynced;
        }
        catch (Exception e)
        {
            content.Change.Abandon();
            // Whatever has failed, the content stays dirty, and the queue tries again.
            int result = ContentFault.Report(e, content, _services.Log);
            // Here ESTALE is the source's answer to a read. As this method's result it would mean that the content was
            // moved away.
            if (result == -(int)Errno.ESTALE)
                result = -(int)Errno.EIO;
            content.Outcome.NoteEnd(result, isBackground, isStored: false);
            return result;
        }
    }

    /// <summary>Compresses what the kernel wrote by itself: it was not compressed behind its writer.</summary>
    private bool TryMakeRoom(FileContent content)
    {
        if (!content.Lending.WasUnderWay || content.IsLent)
            return false;
        bool isMade = _services.Reserve.Release(), isMoved = true;
        while (isMoved)
        {
            // Readers get in between two steps.
            content.Lock.BecomeExclusive();
            isMoved = content.Overlay.TryMakeRoom();
            content.Lock.BecomeShared();
            isMade |= isMoved;
        }
        return isMade;
    }
}
