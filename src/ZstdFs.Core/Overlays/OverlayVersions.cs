using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// Changes the version that an overlay lies over, after a commit or in place of one. The content's lock guards it.
/// </summary>
internal sealed class OverlayVersions(Overlay overlay)
{
    private WorkingCopy? Working => overlay.Working;

    /// <summary>
    /// What was written became the next version. Returns the working copy where <paramref name="keepsCopy"/> is true
    /// and the copy is not lent to the kernel.
    /// </summary>
    internal WorkingCopy? Rebase(StoredBase next, bool keepsCopy)
    {
        overlay.Metadata.ChangeBase(next, isAll: !overlay.IsLent);
        // The kernel goes on writing to the working copy, which holds more than the new version, or will. Where this
        // note fails, the next mount recognises the version by what the commit noted before.
        if (overlay.IsLent)
        {
            if (keepsCopy)
                return null;
            _ = Working!.WriteRecord(Working.Record with { Base = next.Identity, CommittedInode = 0 });
            overlay.Lending.NoteCommitted();
            return null;
        }
        WorkingCopy? kept = null;
        if (keepsCopy)
        {
            kept = overlay.Media.GiveAwayCopy();
            overlay.Early.Leave();
        }
        NoteCommitted();
        return kept;
    }

    /// <summary>
    /// A commit failed after it had written a part of the next version into the stored file itself. The redo holds all
    /// of that version, and is the base from here on. What was written since the version before still lies over it, and
    /// is in the redo too.
    /// </summary>
    internal void ReadFromRedo(StoredBase redo)
    {
        Working?.NoteRedo();
        // The redo holds the early frames, or is their file.
        overlay.Early.Discard();
        overlay.Metadata.ChangeBase(redo, isAll: false);
    }

    /// <summary>
    /// The rewrite that had failed is done, and its redo is about to go. What was written since lies over the stored
    /// file: the next mount must not take that for another file. 0 or −errno.
    /// </summary>
    internal int NoteRewritten(in StoredIdentity stored) =>
        Working is { } working ? working.WriteRecord(working.Record with { Base = stored, CommittedInode = 0 }) : 0;

    /// <summary>The base holds all of it.</summary>
    internal void NoteCommitted()
    {
        overlay.BaseLimit = overlay.LogicalBytes;
        Clear();
    }

    /// <summary>Forgets what was written: the base is the file again.</summary>
    internal void Revert()
    {
        overlay.Metadata.Forget();
        Clear();
        overlay.Media.ReleaseMemory();
    }

    /// <summary>
    /// The first change of a clean content failed, and may be there in part: the base is the file again, for the next
    /// mount too.
    /// </summary>
    internal void TakeBack()
    {
        overlay.Metadata.Forget();
        overlay.Media.DiscardRefusedCopy();
        overlay.Early.Discard();
    }

    /// <summary>Removes what was written, but for what is in memory: that is the same as the base.</summary>
    internal void Clear()
    {
        // What stat(2) shows comes first: the rest may take its time.
        using (overlay.Shown.Change())
            overlay.Metadata.NoteClean();
        overlay.Media.DiscardCopy();
        overlay.Early.Discard();
    }
}
