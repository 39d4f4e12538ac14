using ZstdFs.Core.Commits;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// Rewrites in place that an earlier mount did not end: this mount does them again, from their redos.
/// </summary>
internal sealed class InterruptedRewrites(
    Volume volume, StateFolder state, WorkingFolder working, RecoveryTargets targets, UnfinishedRedos unfinished,
    LostCopies lost)
{
    private readonly UnstartedRedos _unstarted = new(volume, state);

    /// <summary>Names of the redos whose rewrites are done now.</summary>
    internal List<byte[]> Redone { get; } = [];

    /// <summary>Numbers of the files that were rewritten.</summary>
    internal HashSet<ulong> Files { get; } = [];

    /// <summary>Does a rewrite in place again that may have stopped half-way.</summary>
    internal int Redo(byte[] name)
    {
        int result = WorkingCopy.Open(volume.Services, state, name, out WorkingCopy version, out _);
        if (result == -(int)Errno.ENODATA)
            return SystemCallsAt.Unlink(state.Working, new NativeName(name)); // its target was not touched yet
        if (result != 0)
            return result;
        using (version)
        {
            WorkingCopyRecord record = version.Record;
            result = targets.Find(
                record.InodeNumber, record.Base.InodeNumber, version.ReadPath(), out RecoveryTarget? target);
            if (result < 0)
                return result;
            if (target is null)
                return lost.GiveUp(version, 0, "the file that it belongs to is gone");
            using (target)
            {
                bool appendsOnly = target.Stat.IsAppendOnly || AppendOnlyMark.IsNoted(state, record.InodeNumber);
                result = target.OpenWrite(volume, state, out FileDescriptor stored);
                if (result < 0)
                    return result;
                using (stored)
                {
                    // The crash may have come before the rewrite reserved its space. If the disk fills up half-way, the
                    // target holds neither version.
                    bool isUntouched = StoredIdentity.Of(target.Stat) == record.Base;
                    result = InPlaceRewrite.Reserve(version.File, stored, target.Stat);
                    if (result < 0)
                        return GiveUpRedo(name, version, isUntouched, result);
                    result = SourceTree.ReadRecord(stored, out SizeRecord old);
                    if (result < 0)
                        return result;
                    Timestamp birth = old.Birth != default ? old.Birth : target.Stat.Birth.ToTimestamp();
                    result = new InPlaceRewrite(volume.Services, record.InodeNumber,
                        record.BaseLimit, record.ModifyTime, record.ChangeTime, birth)
                    {
                        AppendsOnly = appendsOnly
                    }.Run(version.File, stored, out _);
                }
                if (result >= 0 && appendsOnly)
                    AppendOnlyMark.Forget(state, record.InodeNumber);
                // A passing fault refuses the mount.
                if (result < 0)
                    return PassingFault.Is(result) ? result : GiveUpRedo(name, version, isUntouched: false, result);
                Redone.Add(name);
                Files.Add(record.InodeNumber);
                return 0;
            }
        }
    }

    /// <summary>
    /// The rewrite cannot be done, mostly because there is no room. Where the target is unchanged, the working copy
    /// may still lie over it. Else the redo stays, and users get the content from it.
    /// </summary>
    private int GiveUpRedo(byte[] name, WorkingCopy redo, bool isUntouched, int reason)
    {
        if (isUntouched && _unstarted.TryGiveUp(name, redo.Record, working.Names()))
            return 0;
        unfinished.Add(name, redo.Record, redo.ReadPath());
        return reason;
    }
}
