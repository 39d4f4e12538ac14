using ZstdFs.Core.Inodes;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// Chooses the medium of an overlay: memory while the content is small and the budget lasts, else a working copy. The
/// content's lock guards it; attributes are read without it.
/// </summary>
internal sealed class OverlayMedia(StorageServices services, Node node, Overlay overlay)
{
    private readonly MemoryMedium _memory = new(services, overlay);

    /// <summary>Null before the first write.</summary>
    internal OverlayMedium? Current { get; private set; }

    internal WorkingCopy? Working => (Current as WorkingCopyMedium)?.Copy;

    internal bool IsBuffered => Current == _memory;

    /// <summary>The memory; empty where none is used.</summary>
    internal ReadOnlySpan<byte> Buffered => _memory.Content;

    /// <summary>Takes over what an earlier mount left.</summary>
    internal void Use(WorkingCopy left) => Current = new WorkingCopyMedium(overlay, left);

    /// <summary>
    /// Makes room in memory for a file that gets this length. False where it is too long, or the budget is used up.
    /// </summary>
    internal bool TryUseMemory(long size)
    {
        long longest = Math.Max(size, overlay.LogicalBytes), kept = Math.Min(size, overlay.LogicalBytes);
        if (longest > services.Options.FrameBytes || !_memory.TryGrow((int)longest, (int)kept, overlay.ReadBelow))
            return false;
        Current = _memory;
        return true;
    }

    /// <summary>Makes a working copy, and moves there what is in memory. 0 or −errno.</summary>
    /// <param name="isForLost">The copy is made to be moved to <c>.zstdfs/lost</c>.</param>
    internal int MoveToWorkingCopy(bool isForLost = false)
    {
        // The file's last name is gone: no mount must find what is written to it.
        bool isDeleted = !overlay.IsUnnamed && !overlay.IsBeingNamed && !isForLost && !node.HasName
            && SystemCallsAt.Stat(overlay.Base.Stored, out Statx stat) >= 0 && stat.LinkCount == 0;
        var record = new WorkingCopyRecord
        {
            InodeNumber = node.Id,
            Base = overlay.Base.Identity,
            BaseLimit = IsBuffered ? 0 : overlay.BaseLimit,
            ModifyTime = overlay.IsDirty ? overlay.ModifyTime : overlay.Base.Identity.ModifyTime,
            ChangeTime = overlay.IsDirty ? overlay.ChangeTime : default,
            IsIncomplete = overlay.ReplacesBase,
        };
        int result = WorkingCopy.Create(services, record, overlay.IsUnnamed || isDeleted, out WorkingCopy working);
        if (result < 0)
            return result;
        long size = overlay.LogicalBytes;
        if (size > 0)
            result = working.Resize(0, size);
        if (result >= 0 && IsBuffered)
            result = working.Write(0, overlay.BufferedContent, size, static (_, rest) => rest.Clear());
        if (result >= 0)
            result = working.Describe(node.LogicalPath());
        if (result < 0)
        {
            working.Discard();
            return result;
        }
        if (isDeleted)
            working.ForgetName();
        overlay.BaseLimit = record.BaseLimit;
        ReleaseMemory();
        Use(working);
        return 0;
    }

    /// <summary>Removes the working copy, where there is one.</summary>
    internal void DiscardCopy()
    {
        if (Current is not WorkingCopyMedium medium)
            return;
        medium.Copy.Discard();
        Current = null;
    }

    /// <summary>Removes the working copy, and has no next mount take it up where that fails.</summary>
    internal void DiscardRefusedCopy()
    {
        if (Current is not WorkingCopyMedium medium)
            return;
        medium.Copy.DiscardRefused();
        Current = null;
    }

    /// <summary>The working copy is another object's from here on.</summary>
    internal WorkingCopy? GiveAwayCopy()
    {
        WorkingCopy? given = Working;
        if (given is not null)
            Current = null;
        return given;
    }

    internal void ReleaseMemory()
    {
        if (IsBuffered)
            Current = null;
        _memory.Release();
    }

    /// <summary>The working copy stays for the next mount.</summary>
    internal void Close()
    {
        Working?.Dispose();
        ReleaseMemory();
    }
}
