using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// What is known of an overlay's content besides its bytes: length, holes, times, and what is below. It is changed
/// under the content's lock. stat(2) is shown it without that lock.
/// </summary>
internal sealed class OverlayMetadata(Overlay overlay, StoredBase @base, FileClock clock)
{
    // Several readers may ask for the length at the same time: one of them finds it out.
    private readonly Lock _loading = new();
    private bool _isLoaded;

    /// <summary>The committed version.</summary>
    internal StoredBase Base { get; private set; } = @base;

    /// <summary>Up to this offset what is below shows through where nothing was written.</summary>
    internal long BaseLimit { get; set; }

    /// <summary>Length in bytes, as far as the daemon has set it: the kernel sets that of a lent copy.</summary>
    internal long LogicalBytes { get; set; }

    /// <summary>The length is known.</summary>
    internal bool IsLoaded => Volatile.Read(ref _isLoaded);

    /// <summary>A range was left out when the file grew, or was punched out.</summary>
    internal bool MayHaveHoles { get; set; }

    /// <summary>The file was emptied to be written anew, and has neither been closed nor synchronised since.</summary>
    internal bool ReplacesBase { get; set; }

    internal UncommittedChanges Changes { get; } = new(clock);

    /// <summary>Encloses every change of what <see cref="Show"/> returns.</summary>
    internal ShownSequence Shown { get; } = new();

    /// <summary>Modification time of what is not committed yet.</summary>
    internal Timestamp ModifyTime => overlay.IsLent ? overlay.Lending.ModifyTime : Changes.ModifyTime;

    /// <summary>When what is not committed yet was changed last.</summary>
    internal Timestamp ChangeTime => overlay.IsLent ? overlay.Lending.ChangeTime : Changes.ChangeTime;

    /// <summary>
    /// What stat(2) shows of it, all of one moment. It takes no lock: writers and commits may run beside it.
    /// </summary>
    internal ShownContent Show()
    {
        while (true)
        {
            int look = Shown.Look();
            bool isDirty = Changes.Exist;
            bool hasHoles = MayHaveHoles || Base.HasHoles && (BaseLimit > 0 || !isDirty);
            ShownContent shown = overlay.IsLent && overlay.Lending.TryShow(hasHoles, out ShownContent lent)
                ? lent
                : new(
                    IsLoaded, isDirty || Base.IsRedo, LogicalBytes, hasHoles, Changes.ModifyTime, Changes.ChangeTime);
            if (!Shown.HasChanged(look))
                return shown;
        }
    }

    /// <summary>Finds out the length.</summary>
    internal void Load()
    {
        if (IsLoaded)
            return;
        lock (_loading)
        {
            if (_isLoaded)
                return;
            LogicalBytes = BaseLimit = Base.LogicalBytes;
            Volatile.Write(ref _isLoaded, true);
        }
    }

    /// <summary>
    /// The file is about to be emptied. Nothing of the base is needed for that: it may even be damaged.
    /// </summary>
    internal void LoadAsEmpty()
    {
        if (!_isLoaded)
            (LogicalBytes, BaseLimit, _isLoaded) = (0, 0, true);
    }

    /// <summary>Takes over what an earlier mount left.</summary>
    internal void NoteLeft(StorageServices services, WorkingCopy left, EarlyFrames? early, long logicalBytes)
    {
        (LogicalBytes, _isLoaded) = (logicalBytes, true);
        BaseLimit = Math.Min(left.Record.BaseLimit, logicalBytes);
        MayHaveHoles = left.HasHoles(BaseLimit, logicalBytes)
            || early is not null && services.HasHoles(early.File, early.Content.Map);
        // The last mount ended after it had changed the length or the limit, and before it changed the other one.
        if (BaseLimit < left.Record.BaseLimit)
            left.Limit(BaseLimit);
        Changes.NoteLeft(left.Record.ModifyTime, left.LeftChangeTime);
    }

    /// <summary>So many bytes were written, and the file has this length by now.</summary>
    internal void NoteWritten(long size, int bytes, bool leavesHole)
    {
        using (Shown.Change())
        {
            MayHaveHoles |= leavesHole;
            LogicalBytes = size;
            Changes.Note(Base, bytes);
        }
    }

    /// <summary>A range became zeros.</summary>
    internal void NoteZeroed(bool leavesHole)
    {
        using (Shown.Change())
        {
            MayHaveHoles |= leavesHole;
            Changes.Note(Base);
        }
    }

    /// <summary>The length was set.</summary>
    internal void NoteResized(long size)
    {
        bool leavesHole = size > overlay.LogicalBytes;
        using (Shown.Change())
        {
            BaseLimit = Math.Min(BaseLimit, size);
            MayHaveHoles = leavesHole || MayHaveHoles && size > 0;
            LogicalBytes = size;
            Changes.Note(Base);
        }
    }

    /// <summary>A user set the modification time: the base is the same version, with another time.</summary>
    internal void NoteTimes(in StoredIdentity same, Timestamp modify)
    {
        using (Shown.Change())
        {
            Changes.ModifyTime = modify;
            Base.NoteTimes(same);
        }
        overlay.Lending.NoteTimes(modify);
        if (overlay.Working is { } working)
            _ = working.WriteRecord(working.Record with { Base = same, ModifyTime = modify });
    }

    /// <summary>A user set the modification time of what is in the working copy.</summary>
    internal int SetUncommittedTime(Timestamp modify)
    {
        WorkingCopy working = overlay.Working!;
        int result = working.WriteRecord(working.Record with { ModifyTime = modify });
        if (result < 0)
            return result;
        using (Shown.Change())
            Changes.ModifyTime = modify;
        overlay.Lending.NoteTimes(modify);
        return result;
    }

    /// <summary>Puts another version below. Closes the one before, where its file is another one.</summary>
    /// <param name="next">The version.</param>
    /// <param name="isAll">It holds all that was written.</param>
    internal void ChangeBase(StoredBase next, bool isAll)
    {
        StoredBase old = Base;
        using (Shown.Change())
        {
            Base = next;
            if (isAll)
                NoteClean();
        }
        if (old.Stored != next.Stored)
            old.Dispose();
    }

    /// <summary>There is nothing to commit any more.</summary>
    internal void NoteClean()
    {
        ReplacesBase = MayHaveHoles = false;
        Changes.NoteClean();
    }

    /// <summary>What was written is given up, so the length has to be found out again.</summary>
    internal void Forget()
    {
        // A redo is shown as content that waits for its commit, so its length must be there at any moment.
        long bytes = Base.IsRedo ? Base.LogicalBytes : 0;
        using (Shown.Change())
        {
            NoteClean();
            (LogicalBytes, BaseLimit, _isLoaded) = (bytes, bytes, Base.IsRedo);
        }
    }
}
