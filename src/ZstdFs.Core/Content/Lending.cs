using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// A working copy that is lent to the kernel, which reads, writes and maps it by itself for whoever has the file open (FUSE passthrough). Nobody here hears of what is written then, so length,
/// modification time and holes are the working copy's own; and it stays what everybody reads until nobody has it open or mapped: a mapping goes on after the last close. Changed under the
/// content's lock; attributes are read beside it.
/// </summary>
internal sealed class Lending(ContentServices services, Overlay overlay)
{
    /// <summary>A longer part of the disk's free room is not lent: only what is written through here can be compressed behind its writer.</summary>
    private const int LargestShare = 16;

    // Of the working copy, when it was lent or its times set last: another one tells that the kernel has written.
    private Timestamp _knownTime;
    private long _returnedBytes;
    // What an earlier mount lent may have been.
    private bool _mayBeWritten = true;
    private long _committedChanges = -1;
    private bool _isCommitted;

    /// <summary>The kernel may read and write the working copy at any time.</summary>
    internal bool IsUnderWay => overlay.Working is { IsLent: true };

    /// <summary>
    /// All of the content is in the working copy, where a next mount would find it, and on a disk that has room. To write to it takes that it was synchronised once: O_SYNC and msync(2) will go to
    /// it without a word, and must find one that a power cut does not take.
    /// </summary>
    internal bool CanBegin(bool toWrite) =>
        overlay is { IsDirty: true, BaseLimit: 0, ReplacesBase: false, IsUnnamed: false, HasEarlyFrames: false, HasFailed: false } && overlay.Working is { IsLent: false } working
        && (working.IsDurable || !toWrite) && services.State is { WorkingCopiesSurvive: true } && HasRoom(working.File, overlay.LogicalBytes);

    private static bool HasRoom(FileDescriptor file, long bytes) =>
        SystemCallsFile.StatFileSystem(file, out StatFs room) >= 0 && room.BlocksAvailable * (ulong)room.FragmentSize / LargestShare > (ulong)bytes;

    /// <summary>Some handle on it could write, or a mapping can, since it was lent.</summary>
    internal bool MayBeWritten => IsUnderWay && Volatile.Read(ref _mayBeWritten);

    /// <summary>It was lent, and what the kernel wrote may be more than the disk had room for.</summary>
    internal bool WasUnderWay { get; private set; }

    /// <summary>A handle that can write is about to be given out. For who holds the gate of the table of contents.</summary>
    internal void NoteWriter() => Volatile.Write(ref _mayBeWritten, true);

    /// <summary>Nobody has it open through the mount, and nobody is about to: where nobody has it mapped either, nobody can write to it any more who could before. For who holds the content's lock.</summary>
    internal void ForgetWriters()
    {
        if (!MayBeWritten || FileLease.CheckUnshared(overlay.Working!.File) < 0)
            return;
        (_mayBeWritten, _committedChanges) = (false, -1);
    }

    /// <summary>
    /// A caller that holds the content's lock for committing, and finds that it <see cref="CanBegin"/>, may lend it.
    /// The record tells the next mount before the kernel can write: it writes only once OPEN is answered.
    /// </summary>
    internal bool TryBegin()
    {
        WorkingCopy working = overlay.Working!;
        Timestamp modify = overlay.Changes.ModifyTime;
        // Nobody could be told later that it is over where the file system knows no leases.
        if (!services.Reserve.TryTake() || working.Durable.Check() < 0 || FileLease.CheckUnshared(working.File) < 0 || SetTimes(working, modify) < 0
            || !TryNote(working, modify))
            return false;
        overlay.Changes.NoteLent();
        (_mayBeWritten, _committedChanges) = (false, -1);
        return true;
    }

    private bool TryNote(WorkingCopy working, Timestamp modify)
    {
        Timestamp change = overlay.Changes.ChangeTime;
        bool isNoted = working.WriteRecord(working.Record with { IsLent = true, ModifyTime = modify, ChangeTime = change }) >= 0;
        if (!isNoted)
            working.NoteReturned(overlay.Base.Identity, modify, change);
        return isNoted;
    }

    private int SetTimes(WorkingCopy working, Timestamp modify)
    {
        int result = SystemCallsFile.SetTimes(working.File, Timestamp.Omit, modify);
        // As fine as the file system keeps it.
        if (result >= 0 && (result = SystemCallsAt.Stat(working.File, out Statx stat)) >= 0)
            _knownTime = stat.ModifyTime.ToTimestamp();
        return result;
    }

    /// <summary>
    /// Ends it where nobody has the working copy open or mapped, and nobody can begin to. The record stays as it is: a next mount would ask again. The caller is alone with the content, and calls
    /// <see cref="NoteEnded"/> when others may open the file again, before they may read it.
    /// </summary>
    internal bool TryEnd()
    {
        if (overlay.Working is not { IsLent: true } working)
            return true;
        if (FileLease.CheckUnshared(working.File) < 0 || SystemCallsAt.Stat(working.File, out Statx stat) < 0)
            return false;
        _isCommitted = !_mayBeWritten && _committedChanges == overlay.Changes.Count;
        // Attributes are read beside this: these count from the moment on at which it is no longer lent.
        Timestamp modify = stat.ModifyTime.ToTimestamp();
        overlay.Changes.NoteReturned(modify, ChangeTimeOf(stat));
        overlay.NoteReturned(_returnedBytes = stat.Size);
        working.NoteReturned(overlay.Base.Identity, modify, overlay.Changes.ChangeTime);
        WasUnderWay = true;
        return true;
    }

    /// <summary>Takes over what the kernel wrote.</summary>
    internal void NoteEnded()
    {
        // It was only read since a commit made a version of it.
        if (_isCommitted)
            overlay.NoteCommitted();
        else
            overlay.FindBlocks(_returnedBytes);
    }

    /// <summary>A commit made a version of it, while the kernel goes on with it.</summary>
    internal void NoteCommitted() => _committedChanges = MayBeWritten ? -1 : overlay.Changes.Count;

    /// <summary>Length in bytes. False where it was taken back and committed meanwhile.</summary>
    internal bool TryGetLength(out long bytes)
    {
        bool isKnown = TryStat(out Statx stat);
        bytes = stat.Size;
        return isKnown;
    }

    /// <summary>What stat(2) shows, by one look at the working copy. False where it was taken back meanwhile.</summary>
    internal bool TryShow(bool hasHoles, out ShownContent shown)
    {
        bool isKnown = TryStat(out Statx stat);
        shown = !isKnown ? default
            : new(true, true, stat.Size, hasHoles, stat.ModifyTime.ToTimestamp(), ChangeTimeOf(stat));
        return isKnown;
    }

    /// <summary>Modification time.</summary>
    internal Timestamp ModifyTime => TryStat(out Statx stat) ? stat.ModifyTime.ToTimestamp() : overlay.Changes.ModifyTime;

    /// <summary>
    /// When it was changed last. That it was lent, or described anew for the next mount, is no change: its own change time moves then, and its modification time only where the kernel writes.
    /// </summary>
    internal Timestamp ChangeTime => TryStat(out Statx stat) ? ChangeTimeOf(stat) : overlay.Changes.ChangeTime;

    private Timestamp ChangeTimeOf(in Statx stat) =>
        stat.ModifyTime.ToTimestamp() is var modify && modify != _knownTime && modify > overlay.Changes.ChangeTime ? modify : overlay.Changes.ChangeTime;

    /// <summary>Somebody set the modification time.</summary>
    internal void NoteTimes(Timestamp modify)
    {
        if (!IsUnderWay)
            return;
        _ = SetTimes(overlay.Working!, modify);
        // The version that a commit made has another time, and a record that is about that one.
        _committedChanges = -1;
    }

    private bool TryStat(out Statx stat)
    {
        stat = default;
        try
        {
            // Taken back meanwhile, it may be emptied to be removed.
            return overlay.Working is { } working && SystemCallsAt.Stat(working.File, out stat) >= 0 && working.IsLent;
        }
        catch (ObjectDisposedException)
        {
            // It was committed meanwhile.
            return false;
        }
    }
}
