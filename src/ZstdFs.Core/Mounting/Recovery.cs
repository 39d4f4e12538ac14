using System.Text;
using ZstdFs.Core.Commits;
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
/// Takes up what a daemon that died left in <c>.zstdfs/working</c>, before the mount serves. It removes half-made
/// versions, does rewrites in place again, and puts working copies over their base as if their last writer had just
/// closed. Each step can be interrupted and repeated.
/// </summary>
internal sealed class Recovery(Volume volume, StateFolder state)
{
    private readonly RecoveryTargets _targets = new(volume);
    private readonly HashSet<ulong> _rewritten = [];
    // Redos for which there is no room: those that a working copy makes unnecessary, and those that must stay.
    private readonly UnstartedRedos _unstarted = new(volume, state);
    private readonly UnfinishedRedos _unfinished = new(volume, state);
    private readonly List<byte[]> _redone = [];
    // Queued at the end: a commit that begins earlier could write a redo under the name of one that is to be removed.
    private readonly List<FileContent> _waiting = [];
    private int _adopted;
    private readonly BoundedLog _log = volume.Services.Log;

    /// <exception cref="SourceException">
    /// A fault prevented taking something up. Without it, the mount would show the old version, and a write to that
    /// would be a conflict.
    /// </exception>
    internal void Run()
    {
        List<byte[]> names = Names();
        foreach (byte[] name in names)
            NoteNumber(name);
        try
        {
            TakeUp(names);
        }
        finally
        {
            foreach (FileContent content in _waiting)
            {
                volume.Queue.Add(content, atOnce: true);
                volume.Release(content);
            }
        }
        RemoveOrphans();
        // Nothing is wrong with these files, so the log gives their number and no names.
        if (_redone.Count + _adopted > 0)
            _log.Information(
                $"{_redone.Count} commits that were interrupted are finished, and {_adopted} files that were written before the last mount ended are being committed");
        if (state.CopiesInLost > 0)
            _log.Error(
                $".zstdfs/state was gone: what was written to {state.CopiesInLost} files before the last mount ended may not be whole, and is kept in .zstdfs/lost");
        if (state.DiscardedCopies > 0)
            _log.Warning(
                $"the machine stopped while {state.DiscardedCopies} files were written to and not synchronised: they are as they were before");
    }

    private void TakeUp(List<byte[]> names)
    {
        // Rewrites come first: a rewrite may have left the working copy that it was made of beside it.
        foreach (byte[] name in names.Where(static n => RoleOf(n) == WorkingRole.Redo))
            Report(name, Redo(name));
        foreach (byte[] name in names)
        {
            if (RoleOf(name) is WorkingRole.Version or WorkingRole.UnnamedCopy
                || name.AsSpan().SequenceEqual(WorkingFolderProbe.Name.Terminated))
                state.RemoveWorkingFile(name);
            else if (RoleOf(name) is not (WorkingRole.Redo or WorkingRole.Early))
                Report(name, Adopt(name));
        }
        _unfinished.Serve(_targets, Report);
        // Redos go last: without its redo, a rewritten file would look to its working copy as if another program had
        // changed it.
        foreach (byte[] name in _redone)
            state.RemoveWorkingFile(name);
    }

    /// <summary>
    /// Notes the inode number that a working copy has for its file. A file whose attributes leave no room for a record
    /// keeps this number, if it is still the same version.
    /// </summary>
    private void NoteNumber(byte[] name)
    {
        if (RoleOf(name) == WorkingRole.Copy
            && WorkingCopy.TryReadRecord(volume.Services, state, name, out WorkingCopyRecord record))
            volume.Services.Inspector.NoteLeft(record.Base, record.InodeNumber);
    }

    /// <summary>Removes early frames whose working copy was discarded or committed.</summary>
    private void RemoveOrphans()
    {
        var needed = new HashSet<WorkingName>();
        var early = new List<WorkingName>();
        foreach (byte[] terminated in Names())
        {
            if (!WorkingName.TryParse(terminated.AsSpan()[..^1], out WorkingName name))
                continue;
            if (name.Role == WorkingRole.Early)
                early.Add(name);
            else
                needed.Add(name.OfEarlyFrames());
        }
        foreach (WorkingName orphan in early.Where(name => !needed.Contains(name)))
            state.RemoveWorkingFile(orphan.Terminated());
    }

    private static WorkingRole? RoleOf(byte[] terminated) =>
        WorkingName.TryParse(terminated.AsSpan()[..^1], out WorkingName name) ? name.Role : null;

    private void Report(byte[] name, int result)
    {
        bool isFull = result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT && RoleOf(name) != WorkingRole.Redo;
        if (isFull || PassingFault.Is(result))
            throw Unread($"'.zstdfs/working/{Text(name)}'", result);
        else if (result < 0)
            _log.Error(
                $".zstdfs/working/{Text(name)}: what it holds could not be committed ({(Errno)(-result)}); it is kept, and the next mount tries again");
    }

    private List<byte[]> Names()
    {
        var names = new List<byte[]>();
        int result = volume.Source.OpenListing(state.Working, new NativeName(".\0"u8), out FileDescriptor folder);
        if (result < 0)
            throw Unread("'.zstdfs/working'", result);
        using (folder)
        {
            var entries = new EntryReader(folder, new byte[32 * 1024]);
            while (entries.MoveNext())
                names.Add(entries.Name.ToArray());
            if (entries.Error < 0)
                throw Unread("'.zstdfs/working'", entries.Error);
        }
        // By name, so that the order does not depend on the file system of the source.
        names.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        return names;
    }

    private static SourceException Unread(string place, int result) =>
        new(SourceProblem.UnfinishedWrites,
            $"what was written before the last mount ended could not be taken up: {place} ({(Errno)(-result)}); mount again when that is mended, or move it away to do without");

    /// <summary>Does a rewrite in place again that may have stopped half-way.</summary>
    private int Redo(byte[] name)
    {
        int result = WorkingCopy.Open(volume.Services, state, name, out WorkingCopy version, out _);
        if (result == -(int)Errno.ENODATA)
            return SystemCallsAt.Unlink(state.Working, new NativeName(name)); // its target was not touched yet
        if (result != 0)
            return result;
        using (version)
        {
            WorkingCopyRecord record = version.Record;
            result = _targets.Find(
                record.InodeNumber, record.Base.InodeNumber, version.ReadPath(), out RecoveryTarget? target);
            if (result < 0)
                return result;
            if (target is null)
                return GiveUp(version, 0, "the file that it belongs to is gone");
            using (target)
            {
                result = target.OpenWrite(volume, out FileDescriptor stored);
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
                        .Run(version.File, stored, out _);
                }
                // A passing fault refuses the mount.
                if (result < 0)
                    return PassingFault.Is(result) ? result : GiveUpRedo(name, version, isUntouched: false, result);
                _redone.Add(name);
                _rewritten.Add(record.InodeNumber);
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
        if (isUntouched && _unstarted.TryGiveUp(name, redo.Record, Names()))
            return 0;
        _unfinished.Add(name, redo.Record, redo.ReadPath());
        return reason;
    }

    private bool IsThere(WorkingName name) =>
        SystemCallsAt.Stat(state.Working, new NativeName(name.Terminated()), out _) != -(int)Errno.ENOENT;

    /// <summary>Takes up a working copy.</summary>
    private int Adopt(byte[] name)
    {
        int result = WorkingCopy.Open(volume.Services, state, name, out WorkingCopy copy, out long logicalBytes);
        if (result == -(int)Errno.ENODATA)
            return SystemCallsAt.Unlink(state.Working, new NativeName(name)); // none of it was promised to last
        if (result != 0)
            return result;
        WorkingCopyRecord record = copy.Record;
        if (record.IsIncomplete)
        {
            _log.Warning(
                $"{Encoding.UTF8.GetString(copy.ReadPath())}: it was being replaced when the last mount ended; the old version stays");
            copy.Discard();
            return 0;
        }
        result = _targets.Find(record.InodeNumber, 0, copy.ReadPath(), out RecoveryTarget? target);
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
            return GiveUp(copy, logicalBytes,
                $"{Encoding.UTF8.GetString(copy.ReadPath())} was replaced or deleted in the source meanwhile");
        using (target)
        {
            bool isCommitted =
                record.CommittedInode != 0 && record.CommittedInode == target.Stat.InodeNumber;
            bool isUnfinished = _unfinished.Contains(record.InodeNumber);
            // The copy was written to after the rewrite had failed. So it lies over what the redo put there, or holds
            // the same.
            bool isOverRedo = isUnfinished || _rewritten.Contains(record.InodeNumber);
            // The early frames' file became the redo, and the daemon died before it noted that: the redo has all of the
            // content.
            bool isInRedo = record.HasEarlyFrames && isOverRedo && !IsThere(copy.Id.OfEarlyFrames());
            // A program may have written to a lent copy after its commit: the kernel does not tell the daemon.
            if (isInRedo || isCommitted && !record.IsLent)
            {
                copy.Discard();
                return 0;
            }
            if (!isCommitted && (target.Stat.InodeNumber != record.Base.InodeNumber
                || !isOverRedo && StoredIdentity.Of(target.Stat) != record.Base))
                return GiveUp(copy, logicalBytes, $"{target.Text} was changed in the source meanwhile");
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
                result = _unfinished.Open(target, record.InodeNumber, out redo, out rewrite, out birth);
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
                return GiveUp(copy, logicalBytes, $"{target.Text} cannot be decoded to its end ({damage.Reason})");
            }
            Node node = target.TakeNode();
            var content = new FileContent(volume.Services, node, lower, copy, early, logicalBytes)
            {
                Birth = redo is null ? target.Facts.Birth : birth,
                Unfinished = rewrite,
            };
            OpenFile file = volume.Contents.Add(content, OpenAccess.Read);
            // The handle is closed and only its hold stays: while a handle is open, the queue lets go of a lent copy.
            _ = volume.Contents.Close(file);
            _waiting.Add(file.Content);
            _adopted++;
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

    private int GiveUp(WorkingCopy copy, long logicalBytes, string reason)
    {
        using (copy)
        {
            int result = copy.Record.HasEarlyFrames ? TakeIn(copy, logicalBytes) : 0;
            if (result >= 0)
                result = copy.MoveToLost();
            if (result >= 0)
                _log.Error(
                    $"{reason}; what was written to it is kept as .zstdfs/lost/{Encoding.ASCII.GetString(copy.Name)}");
            return result;
        }
    }

    /// <summary>Writes the content of the early frames into the copy itself.</summary>
    private int TakeIn(WorkingCopy copy, long logicalBytes)
    {
        int result = EarlyFrames.Open(volume.Services, state, copy.Id, copy.Record.BaseLimit, out EarlyFrames early);
        if (result < 0)
            return result;
        using (early)
        {
            try
            {
                result = copy.Complete(copy.Record.BaseLimit, logicalBytes, early.Content.Read);
                // The early frames are orphans after this, and are removed.
                return result < 0 ? result : SystemCallsFile.SynchronizeData(copy.File);
            }
            catch (UndecodableException e)
            {
                return -(int)e.Errno;
            }
        }
    }

    private static string Text(byte[] terminated) => Encoding.UTF8.GetString(terminated.AsSpan(0, terminated.Length - 1));
}
