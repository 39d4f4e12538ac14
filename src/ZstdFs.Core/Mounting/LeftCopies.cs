using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// Working copies that an earlier mount left: each is put over its base as if its last writer had just closed it.
/// </summary>
internal sealed class LeftCopies(
    Volume volume, StateFolder state, WorkingFolder working, RecoveryTargets targets, InterruptedRewrites rewrites,
    UnfinishedRedos unfinished, LostCopies lost)
{
    /// <summary>What was taken up, and is to be committed. The caller gives each one back.</summary>
    internal List<FileContent> Waiting { get; } = [];

    /// <summary>Takes up a working copy.</summary>
    internal int Adopt(byte[] name)
    {
        int result = WorkingCopy.Open(volume.Services, state, name, out WorkingCopy copy, out long logicalBytes);
        if (result == -(int)Errno.ENODATA)
            return SystemCallsAt.Unlink(state.Working, new NativeName(name)); // none of it was promised to last
        if (result == -(int)Errno.ENOENT)
            return 0; // the look at its redo has moved it to lost
        if (result != 0)
            return result;
        WorkingCopyRecord record = copy.Record;
        if (record.IsIncomplete)
        {
            volume.Services.Log.Warning(
                $"{Encoding.UTF8.GetString(copy.ReadPath())}: it was being replaced when the last mount ended; the "
                    + "old version stays");
            copy.Discard();
            return 0;
        }
        result = targets.Find(record.InodeNumber, 0, copy.ReadPath(), out RecoveryTarget? target);
        if (result < 0)
        {
            copy.Dispose();
            return result;
        }
        if (target is null && copy.MayBeOfNone)
        {
            copy.Discard();
            return 0;
        }
        if (target is null)
            return lost.GiveUp(copy, logicalBytes,
                $"{Encoding.UTF8.GetString(copy.ReadPath())} was replaced or deleted in the source meanwhile");
        using (target)
        {
            bool isCommitted =
                record.CommittedInode != 0 && record.CommittedInode == target.Stat.InodeNumber;
            bool isUnfinished = unfinished.Contains(record.InodeNumber);
            // The copy was written to after the rewrite had failed. So it lies over what the redo put there, or holds
            // the same.
            bool isOverRedo = isUnfinished || rewrites.Files.Contains(record.InodeNumber);
            // The early frames' file became the redo, and the daemon died before it noted that: the redo has all of the
            // content.
            bool isInRedo = record.HasEarlyFrames && isOverRedo && !working.IsThere(copy.Id.OfEarlyFrames());
            // A program may have written to a lent copy after its commit: the kernel does not tell the daemon.
            if (isInRedo || isCommitted && !record.IsLent)
            {
                copy.Discard();
                return 0;
            }
            if (!isCommitted && (target.Stat.InodeNumber != record.Base.InodeNumber
                || !isOverRedo && StoredIdentity.Of(target.Stat) != record.Base))
                return lost.GiveUp(copy, logicalBytes, $"{target.Text} was changed in the source meanwhile");
            // The copy lies over the version that holds its commit, or over what the redo put there. Its record must
            // say so before the redo is removed.
            if (isCommitted || isOverRedo)
                result = copy.WriteRecord(record with { Base = StoredIdentity.Of(target.Stat), CommittedInode = 0 });
            EarlyFrames? early = null;
            if (result >= 0 && record.HasEarlyFrames)
                result = EarlyFrames.Open(volume.Services, state, copy.Id, record.BaseLimit, out early);
            else if (result >= 0)
                // The early frames were begun after the copy's last sync, so the copy still has all of their content.
                // Their name must be free.
                _ = SystemCallsAt.Unlink(state.Working, new NativeName(copy.Id.OfEarlyFrames().Terminated()));
            FileDescriptor stored = null!;
            Statx stat = default;
            StoredBase? redo = null;
            UnfinishedRewrite? rewrite = null;
            Timestamp birth = default;
            if (result >= 0 && isUnfinished)
                result = unfinished.Open(target, record.InodeNumber, out redo, out rewrite, out birth);
            else if (result >= 0)
                result = target.OpenRead(volume, out stored, out stat);
            if (result < 0)
            {
                early?.Dispose();
                copy.Dispose();
                return result;
            }
            StoredBase lower = redo ?? StoredBase.Of(volume.Services, stored, stat, target.Facts);
            long limit = Math.Min(record.BaseLimit, logicalBytes);
            bool isKnown = redo is null && target.Facts.IsFromRecord && limit == target.Facts.LogicalBytes;
            if (early is null && !isKnown && HidesItsEnd(lower, limit) is { } damage)
            {
                lower.Dispose();
                return lost.GiveUp(copy, logicalBytes, $"{target.Text} cannot be decoded to its end ({damage.Reason})");
            }
            Node node = target.TakeNode();
            var content = new FileContent(volume.Services, node, lower, copy, early, logicalBytes)
            {
                Birth = redo is null ? target.Facts.Birth : birth,
                Unfinished = rewrite,
            };
            OpenContent open = volume.Contents.Add(content, OpenAccess.Read);
            // The handle is closed and only its hold stays: while a handle is open, the queue lets go of a lent copy.
            _ = volume.Contents.Close(open);
            Waiting.Add(open.Content);
            return 0;
        }
    }

    /// <summary>
    /// The damage because of which the length of the file below is unknown, where an earlier version of this program
    /// guessed the length and let users write over it; else null.
    /// </summary>
    private static FrameDamage? HidesItsEnd(StoredBase lower, long limit)
    {
        try
        {
            return limit > 0 && lower.EndDamage is { Cause.MayPass: false } damage && limit == lower.LogicalBytes
                ? damage : null;
        }
        catch (UndecodableException)
        {
            return null;
        }
    }
}
