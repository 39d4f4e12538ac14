using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// Keeps what was written beyond this process, and for the next mount: on disk, under a name that leads to it, or in
/// <c>.zstdfs/lost</c>. The content's lock guards it.
/// </summary>
internal sealed class OverlayKeeping(Overlay overlay)
{
    private WorkingCopy? Working => overlay.Working;

    /// <summary>Opened with O_TMPFILE, and not linked yet: it has no name, and may get one.</summary>
    internal bool IsUnnamed { get; set; }

    /// <summary>
    /// From <see cref="NoteNamed"/> to <see cref="NotePath"/>: the file counts as named, and gets its name a moment
    /// later.
    /// </summary>
    internal bool IsBeingNamed { get; private set; }

    /// <summary>When it returns 0, what was written survives this process.</summary>
    internal int Persist()
    {
        int result = overlay.IsBuffered ? overlay.Media.MoveToWorkingCopy() : 0;
        if (result >= 0)
            result = Working!.WriteRecord(
                Working.Record with
                {
                    ModifyTime = overlay.ModifyTime,
                    ChangeTime = overlay.ChangeTime,
                    IsIncomplete = false
                });
        OverlayMetadata metadata = overlay.Metadata;
        metadata.ReplacesBase &= result < 0;
        // Requests that came out of order left a hole, which the later ones have filled.
        if (result >= 0 && metadata.MayHaveHoles && !overlay.IsLent && !overlay.HasEarlyFrames)
            metadata.MayHaveHoles = Working!.HasHoles(overlay.BaseLimit, overlay.LogicalBytes);
        return result;
    }

    /// <summary>What is in the working copy and in early frames is on disk when it returns 0.</summary>
    internal int Synchronize()
    {
        int result = overlay.Early.Synchronize();
        return result >= 0 && Working is { } working ? working.Synchronize() : result;
    }

    /// <summary>All of it is on disk.</summary>
    internal void NoteSynchronized()
    {
        overlay.Changes.NoteSynchronized();
        if (overlay.IsLent)
            overlay.Changes.NoteLent();
    }

    /// <summary>−EIO where the disk refused some of what was written.</summary>
    internal int Check() => Math.Min(overlay.Early.Durable?.Check() ?? 0, Working?.Durable.Check() ?? 0);

    /// <summary>
    /// Writes again what the disk refused. False where that is gone. Where it cannot be written yet,
    /// <see cref="Check"/> keeps failing. The caller keeps readers out.
    /// </summary>
    internal bool TryRepeat()
    {
        DurableFile? early = overlay.Early.Durable, copy = Working?.Durable;
        early?.Repeat();
        copy?.Repeat();
        return early?.IsLost != true && copy?.IsLost != true;
    }

    /// <summary>A file made with O_TMPFILE is about to get a name.</summary>
    internal int NoteNamed()
    {
        int result = Working?.NoteNamed() ?? 0;
        IsUnnamed = result < 0;
        IsBeingNamed = result >= 0;
        return result;
    }

    /// <summary>The file has this path.</summary>
    internal void NotePath(ReadOnlySpan<byte> path)
    {
        IsBeingNamed = false;
        Working?.WritePath(path);
    }

    /// <summary>
    /// The file did not get the name, so the next mount need not look for it. Where the disk refuses that note too, the
    /// mount looks in vain.
    /// </summary>
    internal void NoteUnnamed()
    {
        _ = Working?.NoteUnnamed();
        IsUnnamed = true;
        IsBeingNamed = false;
    }

    /// <summary>The last name is gone: no mount will look for what was written.</summary>
    internal void ForgetName()
    {
        Working?.ForgetName();
        overlay.Early.ForgetName();
    }

    /// <summary>
    /// Keeps the content as a plain file in <c>.zstdfs/lost</c>, completed from what it was written over, as far as
    /// that can be read.
    /// </summary>
    internal int MoveToLost()
    {
        int result = Working is null ? overlay.Media.MoveToWorkingCopy(isForLost: true) : 0;
        long size = overlay.LogicalBytes;
        if (result >= 0)
            result = Working!.CompleteAndMoveToLost(
                Math.Min(overlay.BaseLimit, size), size, overlay.ReadBelow, overlay.Lower.EndOfFrame);
        if (result < 0)
            return result;
        overlay.Early.ForgetName();
        // No commit may take this content from here on.
        overlay.Metadata.NoteClean();
        overlay.Refuse(-(int)Errno.ESTALE);
        return 0;
    }
}
