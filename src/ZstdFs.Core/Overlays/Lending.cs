using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// Lends a working copy to the kernel, which reads, writes and maps it by itself for the programs that have the file
/// open (FUSE passthrough). The daemon does not hear of these writes, so length, modification time and holes are the
/// working copy's own. The copy stays the content until no program has it open or mapped: a mapping goes on after the
/// last close. Changed under the content's lock; attributes are read without it.
/// </summary>
internal sealed class Lending(StorageServices services, Overlay overlay)
{
    /// <summary>
    /// A file that is longer than this part of the disk's free room is not lent: only writes through the daemon can be
    /// compressed behind their writer.
    /// </summary>
    private const int LargestShare = 16;

    // The copy's modification time when it was lent or its times were set last. Another time shows that the kernel has
    // written.
    private Timestamp _knownTime;
    private long _returnedBytes;
    // An earlier mount may have lent the copy for writing.
    private bool _mayBeWritten = true;
    private long _committedChanges = -1;
    private bool _isCommitted;

    /// <summary>The kernel may read and write the working copy at any time.</summary>
    internal bool IsUnderWay => overlay.Working is { IsLent: true };

    /// <summary>
    /// All of the content is in the working copy, a next mount would find it there, and the disk has room. A copy that
    /// is lent for writing must have been synchronised once: O_SYNC and msync(2) go to it without the daemon, and must
    /// find a copy that survives a power cut.
    /// </summary>
    internal bool CanBegin(bool toWrite) =>
        overlay is
        {
            IsDirty: true,
            BaseLimit: 0,
            ReplacesBase: false,
            IsUnnamed: false,
            HasEarlyFrames: false,
            HasFailed: false
        }
        && overlay.Working is { IsLent: false } working
        && (working.IsDurable || !toWrite) && services.State is { WorkingCopiesSurvive: true }
        && HasRoom(working.File, overlay.LogicalBytes);

    private static bool HasRoom(FileDescriptor file, long bytes) =>
        SystemCallsFile.StatFileSystem(file, out StatFs room) >= 0
        && room.BlocksAvailable * (ulong)room.FragmentSize / LargestShare > (ulong)bytes;

    /// <summary>Since it was lent, a handle could write to it, or a mapping still can.</summary>
    internal bool MayBeWritten => IsUnderWay && Volatile.Read(ref _mayBeWritten);

    /// <summary>It was lent, and what the kernel wrote may be more than the disk had room for.</summary>
    internal bool WasUnderWay { get; private set; }

    /// <summary>
    /// A handle that can write is about to be given out. The caller holds the gate of the table of contents.
    /// </summary>
    internal void NoteWriter() => Volatile.Write(ref _mayBeWritten, true);

    /// <summary>
    /// No program has it open through the mount, and none is about to. Where none has it mapped either, no earlier
    /// writer can write to it any more. The caller holds the content's lock.
    /// </summary>
    internal void ForgetWriters()
    {
        if (!MayBeWritten || FileLease.CheckUnshared(overlay.Working!.File) < 0)
            return;
        (_mayBeWritten, _committedChanges) = (false, -1);
    }

    /// <summary>
    /// Lends the copy. The caller holds the content's lock for committing, and has found that it
    /// <see cref="CanBegin"/>. The record tells the next mount before the kernel can write: the kernel writes only once
    /// OPEN is answered.
    /// </summary>
    internal bool TryBegin()
    {
        WorkingCopy working = overlay.Working!;
        Timestamp modify = overlay.Changes.ModifyTime;
        // Where the file system knows no leases, the daemon could not find out later that the kernel is through.
        if (!services.Reserve.TryTake() || working.Durable.Check() < 0 || FileLease.CheckUnshared(working.File) < 0
            || SetTimes(working, modify) < 0 || !TryNote(working, modify))
            return false;
        overlay.Changes.NoteLent();
        (_mayBeWritten, _committedChanges) = (false, -1);
        return true;
    }

    private bool TryNote(WorkingCopy working, Timestamp modify)
    {
        Timestamp change = overlay.Changes.ChangeTime;
        bool isNoted = working.WriteRecord(
            working.Record with { IsLent = true, ModifyTime = modify, ChangeTime = change }) >= 0;
        if (!isNoted)
            working.NoteReturned(overlay.Base.Identity, modify, change);
        return isNoted;
    }

    private int SetTimes(WorkingCopy working, Timestamp modify)
    {
        int result = SystemCallsFile.SetTimes(working.File, Timestamp.Omit, modify);
        // The file system may keep the time less finely than it was asked to.
        if (result >= 0 && (result = SystemCallsAt.Stat(working.File, out Statx stat)) >= 0)
            _knownTime = stat.ModifyTime.ToTimestamp();
        return result;
    }

    /// <summary>
    /// Ends the lending where no program has the working copy open or mapped; the caller makes sure that none can begin
    /// to. The record stays as it is: a next mount would ask again. The caller is alone with the content. It calls
    /// <see cref="NoteEnded"/> once other threads may open the file again, and before they may read it.
    /// </summary>
    internal bool TryEnd()
    {
        if (overlay.Working is not { IsLent: true } working)
            return true;
        if (FileLease.CheckUnshared(working.File) < 0 || SystemCallsAt.Stat(working.File, out Statx stat) < 0)
            return false;
        _isCommitted = !_mayBeWritten && _committedChanges == overlay.Changes.Count;
        // Attributes are read without the lock. These count from the moment at which the copy is not lent any more.
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
        // The kernel has only read it since a commit made a version of it.
        if (_isCommitted)
            overlay.NoteCommitted();
        else
            overlay.FindBlocks(_returnedBytes);
    }

    /// <summary>A commit made a version of the copy, which the kernel goes on using.</summary>
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
    internal Timestamp ModifyTime =>
        TryStat(out Statx stat) ? stat.ModifyTime.ToTimestamp() : overlay.Changes.ModifyTime;

    /// <summary>
    /// When it was changed last. To lend the copy, or to describe it anew for the next mount, is no change: it moves
    /// the copy's own change time. The copy's modification time moves only where the kernel writes.
    /// </summary>
    internal Timestamp ChangeTime => TryStat(out Statx stat) ? ChangeTimeOf(stat) : overlay.Changes.ChangeTime;

    private Timestamp ChangeTimeOf(in Statx stat) =>
        stat.ModifyTime.ToTimestamp() is var modify && modify != _knownTime && modify > overlay.Changes.ChangeTime
            ? modify
            : overlay.Changes.ChangeTime;

    /// <summary>A user set the modification time.</summary>
    internal void NoteTimes(Timestamp modify)
    {
        if (!IsUnderWay)
            return;
        _ = SetTimes(overlay.Working!, modify);
        // The version that a commit made has the earlier time, and so has its record.
        _committedChanges = -1;
    }

    private bool TryStat(out Statx stat)
    {
        stat = default;
        try
        {
            // Ask IsLent last: a copy that was taken back meanwhile may have been emptied to be removed.
            return overlay.Working is { } working && SystemCallsAt.Stat(working.File, out stat) >= 0 && working.IsLent;
        }
        catch (ObjectDisposedException)
        {
            // The copy was committed meanwhile, and closed.
            return false;
        }
    }
}
