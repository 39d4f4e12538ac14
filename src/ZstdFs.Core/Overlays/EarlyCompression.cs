using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// Keeps the beginning of an overlay in early frames: the beginning of a long new file, moved there from the working
/// copy, or frames taken over from another file that is copied. The content's lock guards it.
/// </summary>
internal sealed class EarlyCompression(StorageServices services, Overlay overlay, EarlyFrames? left) : IDisposable
{
    private readonly int _frameBytes = services.Options.FrameBytes;
    private EarlyFrames? _frames = left;
    private EarlyPace _pace;

    /// <summary>What they hold, to read; null where there are none.</summary>
    internal StoredBase? Content => _frames?.Content;

    /// <summary>
    /// Early frames that can become the next version as they are, with the rest behind them; null where there are none.
    /// </summary>
    internal EarlyFrames? Complete =>
        _frames is { Name.Role: WorkingRole.Early } frames && frames.LogicalBytes == overlay.BaseLimit
        && IsCutAsOurs && IsUntouched(overlay.Working!)
            ? frames
            : null;

    private bool IsCutAsOurs => overlay.BaseLimit % _frameBytes == 0 || overlay.BaseLimit == overlay.LogicalBytes;

    private bool IsUntouched(WorkingCopy working) => working.Zeros.IsEmpty
        && !working.Blocks.Any(0, (overlay.BaseLimit + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes);

    /// <summary>
    /// All that shows through from below is in early frames, or nothing shows through; and the next frame can follow.
    /// </summary>
    private bool CanGrow => !overlay.IsLent
        && (_frames is null
            ? overlay.BaseLimit == 0 && !overlay.IsUnnamed
            : _frames.LogicalBytes == overlay.BaseLimit && overlay.BaseLimit % _frameBytes == 0);

    /// <summary>
    /// Called after a write. Moves some of the content on the writer's own thread, and so slows the writer to what the
    /// disk has room for.
    /// </summary>
    internal void KeepPace()
    {
        if (overlay.Working is { } working && _pace.IsDue(working, overlay.LogicalBytes, services.Options.BacklogBytes))
            _ = Move();
    }

    /// <summary>
    /// Moves the beginning of a new file that is written in order from the working copy to early frames. Returns how
    /// much, or −errno; what is not moved stays where it is.
    /// </summary>
    internal long Move()
    {
        if (!CanGrow)
            return 0;
        long start = overlay.BaseLimit, end = start;
        BlockMap blocks = overlay.Working!.Blocks;
        while (end - start < EarlyPace.StepBytes && end + _frameBytes <= overlay.LogicalBytes
            && blocks.All(end / BlockMap.BlockBytes, (end + _frameBytes) / BlockMap.BlockBytes))
            end += _frameBytes;
        if (end == start)
            return 0;
        int result = MakeFile();
        if (result >= 0)
            result = _frames!.Append(overlay, end);
        if (result >= 0)
            result = GiveUp(start, end);
        if (result < 0 && _frames is { LogicalBytes: 0 })
            Discard();
        return result < 0 ? result : end - start;
    }

    /// <summary>
    /// Appends frames of another file as they are. The early frames that are there must end where the overlay ends.
    /// Returns how many bytes the new frames hold, 0 where they cannot be appended, or −errno.
    /// </summary>
    internal long Take(StoredBase from, int first, int end)
    {
        if (!CanGrow || overlay.LogicalBytes != overlay.BaseLimit)
            return 0;
        int result = MakeFile();
        if (result >= 0)
            result = _frames!.Append(from, first, end);
        long start = overlay.BaseLimit;
        if (result >= 0)
            result = GiveUp(start, _frames!.LogicalBytes);
        return result < 0 ? result : _frames!.LogicalBytes - start;
    }

    private int MakeFile() => _frames is null
        ? EarlyFrames.Create(services, services.State!, overlay.Working!.Id, out _frames)
        : 0;

    private int GiveUp(long start, long end)
    {
        // What fsync put on disk must be on disk in its new place before it leaves the old one.
        int result = overlay.Working!.IsDurable ? _frames!.Synchronize() : 0;
        if (result >= 0)
            result = overlay.Working.GiveUp(start, end);
        if (result >= 0)
            overlay.BaseLimit = end;
        return result;
    }

    internal int Synchronize() => _frames?.Synchronize() ?? 0;

    internal DurableFile? Durable => _frames?.Durable;

    internal void ForgetName() => _frames?.ForgetName();

    /// <summary>Closes the early frames. A next mount may look for them under their name.</summary>
    internal void Leave()
    {
        _frames?.Dispose();
        _frames = null;
        _pace = default;
    }

    internal void Discard()
    {
        ForgetName();
        Leave();
    }

    public void Dispose() => _frames?.Dispose();
}
