using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// How one content gets to the disk, what becomes of what a failing disk does not take, and where what cannot be committed any more is kept. The content's lock is the
/// <paramref name="gate"/>; who calls holds it for committing unless it says otherwise.
/// </summary>
internal sealed class ContentOnDisk(ContentServices services, FileContent content, ContentLock gate)
{
    private const int MostRepeats = 3;

    // The version that was synchronised last, and what the disk refused of it.
    private StoredBase? _base;
    private DurableFile? _durableBase;

    /// <summary>What was persisted is on disk when it returns 0. The lock is the callee's to take.</summary>
    internal int Synchronize()
    {
        using ContentLock.Scope locked = gate.Committing();
        int result = content.IsDirty && content.Overlay.Working is not null ? SynchronizeUncommitted() : SynchronizeBase();
        if (result >= 0)
            content.Overlay.NoteSynchronized();
        return result;
    }

    /// <summary>A power cut does not take what is in the working copy when it returns 0. That takes a sync of it once.</summary>
    internal int Secure() => content.Overlay.Working is { IsDurable: true } ? 0 : Synchronize();

    /// <summary>What is not committed, and what it lies over, is on disk when it returns 0.</summary>
    internal int SynchronizeUncommitted()
    {
        int result = KeepWhole();
        if (result >= 0)
            result = SecureBase();
        if (result >= 0)
            result = content.Overlay.Synchronize();
        // At once, while it is in memory.
        if (result < 0)
            _ = KeepWhole();
        return result == -(int)Errno.ESTALE ? -(int)Errno.EIO : result;
    }

    /// <summary>
    /// The beginning may be in the stored file alone. And a next mount that finds another version than the working copy lies over,
    /// or one that a power cut has emptied, takes that for a change in the source.
    /// </summary>
    private int SecureBase()
    {
        StoredBase lower = content.Base;
        if (lower.IsFresh || lower.IsRedo || lower.IsOnDisk)
            return 0;
        // Its record too, which says that it is no longer empty: fdatasync(2) leaves attributes out.
        int result = SynchronizeBase();
        lower.IsOnDisk = result >= 0;
        return result;
    }

    private int SynchronizeBase()
    {
        if (_base != content.Base)
            (_base, _durableBase) = (content.Base, new DurableFile(content.Base.Stored, isWritable: content.Base.IsWritable));
        int result = _durableBase!.Synchronize();
        if (result < 0)
        {
            gate.BecomeExclusive();
            _durableBase.Repeat();
            // Writing it again moved the time by which the version is known.
            _ = SystemCallsFile.SetTimes(content.Base.Stored, Timestamp.Omit, content.Base.Identity.ModifyTime);
            gate.BecomeShared();
        }
        return result;
    }

    /// <summary>What the disk refused of what was written is written again, while it is in memory: for content that nobody commits or synchronises at this moment.</summary>
    internal void KeepWholeIfIdle()
    {
        using ContentLock.Scope locked = gate.TryCommitting(out bool isFree);
        if (isFree)
            _ = KeepWhole();
    }

    /// <summary>
    /// The same for the thread that commits. −ESTALE where some of it is gone. INVARIANT: what a check has been told of
    /// is written again before this returns. The kernel tells an error once: the next mount would not hear of it, and
    /// would take pages for good that are on no disk.
    /// </summary>
    internal int KeepWhole()
    {
        for (int attempt = 0; attempt < MostRepeats; attempt++)
        {
            if (content.Overlay.Check() >= 0)
                return 0;
            // Written again beside the kernel it could take the place of what is newer: it fails until the kernel is through.
            if (content.Overlay.IsLent)
                return -(int)Errno.EIO;
            gate.BecomeExclusive();
            bool isWhole = content.Overlay.TryRepeat();
            gate.BecomeShared();
            if (!isWhole)
                return Abandon();
        }
        return -(int)Errno.EIO;
    }

    private int Abandon()
    {
        services.Log.Error($"{content.Node.AnyLink?.NativeName.ToString()}: the disk did not take all of what was written, and some of it is gone; the old version stays", "refused by the disk", content.Published.Version);
        return -(int)Errno.ESTALE;
    }

    /// <summary>The source has another version by now, which stays. What was written is kept as a plain file, and who has it open may go on reading it.</summary>
    internal void MoveToLost()
    {
        gate.BecomeExclusive();
        try
        {
            int result = content.Overlay.MoveToLost();
            content.NoteOutdated();
            string name = content.Overlay.Working is { } working ? Encoding.ASCII.GetString(working.Name) : "?";
            if (result < 0)
            {
                services.Log.Error($"what was written could not be kept as .zstdfs/lost/{name} ({(Errno)(-result)})");
                return;
            }
            content.EndRewrite();
            services.Log.Error($"what was written is kept as .zstdfs/lost/{name}");
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            ContentFault.Report(e, content, services.Log);
        }
    }
}
