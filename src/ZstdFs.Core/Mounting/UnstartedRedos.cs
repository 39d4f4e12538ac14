using ZstdFs.Core.FileSystem;
using ZstdFs.Core.State;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// Redos whose target is as it was, and for which there is no room at this moment. Where the working copy holds all of
/// the content without the redo, the copy counts, and is committed when there is room.
/// </summary>
internal sealed class UnstartedRedos(Volume volume, StateFolder state)
{
    /// <summary>
    /// Removes the redo, or makes it the file of the working copy's early frames again. Returns false where the redo
    /// must stay, because it may be the only place of some of the content.
    /// </summary>
    /// <param name="name">The redo.</param>
    /// <param name="redo">Its record.</param>
    /// <param name="working">What is in the working folder.</param>
    internal bool TryGiveUp(byte[] name, in WorkingCopyRecord redo, List<byte[]> working)
    {
        WorkingName? early = null;
        bool hasCopy = false;
        foreach (byte[] terminated in working)
        {
            if (!WorkingName.TryParse(terminated.AsSpan()[..^1], out WorkingName copy)
                || copy.Role != WorkingRole.Copy || copy.InodeNumber != redo.InodeNumber)
                continue;
            if (!TryMakeCount(terminated, redo, ref early))
                return false;
            hasCopy = true;
        }
        if (!hasCopy)
            return false;
        return early is { } frames
            ? SystemCallsAt.Rename(state.Working, new NativeName(name),
                state.Working, new NativeName(frames.Terminated()), RenameFlags.NoReplace) >= 0
            : SystemCallsAt.Unlink(state.Working, new NativeName(name)) >= 0;
    }

    /// <summary>
    /// Makes the next mount take the copy up, should this one end before the copy is committed. False where the copy
    /// cannot do without the redo.
    /// </summary>
    private bool TryMakeCount(byte[] name, in WorkingCopyRecord redo, ref WorkingName? early)
    {
        // No record can be changed in a source that keeps none.
        if (!state.WorkingCopiesSurvive
            || WorkingCopy.Open(volume.Services, state, name, out WorkingCopy copy, out _) != 0)
            return false;
        using (copy)
        {
            WorkingCopyRecord record = copy.Record;
            if (!HoldsAll(copy, redo, ref early))
                return false;
            if (record.CommittedInode != redo.Base.InodeNumber)
                return true;
            // The redo stood for the copy's content. The note that says so must leave the disk before the redo does:
            // without the redo, a next mount would take the copy for committed, and remove it.
            return copy.WriteRecord(record with { CommittedInode = 0 }) >= 0 && copy.Synchronize() >= 0;
        }
    }

    private bool HoldsAll(WorkingCopy copy, in WorkingCopyRecord redo, ref WorkingName? early)
    {
        WorkingCopyRecord record = copy.Record;
        // An incomplete copy would be discarded.
        if (record.IsIncomplete)
            return false;
        if (!record.HasEarlyFrames)
        {
            // After a rewrite that failed, the copy lies over the redo, and may have had its early frames there.
            return record.IsLent || record.BaseLimit == 0 || record.CommittedInode == redo.Base.InodeNumber;
        }
        WorkingName frames = copy.Id.OfEarlyFrames();
        int result = SystemCallsAt.Stat(state.Working, new NativeName(frames.Terminated()), out _);
        if (result == -(int)Errno.ENOENT)
            early = frames;
        return result is >= 0 or -(int)Errno.ENOENT;
    }
}
