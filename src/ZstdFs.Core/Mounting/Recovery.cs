using System.Text;
using ZstdFs.Core.Content;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// Takes up what a daemon that died left in <c>.zstdfs/working</c>, before the mount serves. It removes half-made
/// versions, does rewrites in place again, and puts working copies over their base as if their last writer had just
/// closed. Each step can be interrupted and repeated.
/// </summary>
internal sealed class Recovery
{
    private readonly Volume _volume;
    private readonly StateFolder _state;
    private readonly BoundedLog _log;
    private readonly WorkingFolder _working;
    private readonly RecoveryTargets _targets;
    // Redos that must stay, because there is no room to do them.
    private readonly UnfinishedRedos _unfinished;
    private readonly InterruptedRewrites _rewrites;
    private readonly LiftedMarks _marks;
    private readonly LeftCopies _copies;

    /// <param name="volume">The source.</param>
    /// <param name="state">Its state folder.</param>
    internal Recovery(Volume volume, StateFolder state)
    {
        (_volume, _state, _log) = (volume, state, volume.Services.Log);
        _working = new WorkingFolder(volume, state);
        _targets = new RecoveryTargets(volume);
        _unfinished = new UnfinishedRedos(volume, state);
        var lost = new LostCopies(volume, state);
        _rewrites = new InterruptedRewrites(volume, state, _working, _targets, _unfinished, lost);
        _marks = new LiftedMarks(volume, state, _targets);
        _copies = new LeftCopies(volume, state, _working, _targets, _rewrites, _unfinished, lost);
    }

    /// <summary>Takes up all of it.</summary>
    /// <exception cref="SourceException">
    /// A fault prevented taking something up. Without it, the mount would show the old version, and a write to that
    /// would be a conflict.
    /// </exception>
    internal void Run()
    {
        List<byte[]> names = _working.Names();
        foreach (byte[] name in names)
            NoteNumber(name);
        try
        {
            TakeUp(names);
        }
        finally
        {
            // A commit that begins earlier could write a redo under the name of one that is to be removed.
            foreach (FileContent content in _copies.Waiting)
            {
                _volume.Queue.Add(content, atOnce: true);
                _volume.Release(content);
            }
        }
        RemoveOrphans();
        // Nothing is wrong with these files, so the log gives their number and no names.
        if (_rewrites.Redone.Count + _copies.Waiting.Count > 0)
            _log.Information(
                $"{_rewrites.Redone.Count} commits that were interrupted are finished, and {_copies.Waiting.Count} "
                    + "files that were written before the last mount ended are being committed");
        if (_state.CopiesInLost > 0)
            _log.Error(
                $".zstdfs/state was gone: what was written to {_state.CopiesInLost} files before the last mount ended "
                    + "may not be whole, and is kept in .zstdfs/lost");
        if (_state.DiscardedCopies > 0)
            _log.Warning(
                $"the machine stopped while {_state.DiscardedCopies} files were written to and not synchronised: they "
                    + "are as they were before");
    }

    private void TakeUp(List<byte[]> names)
    {
        // Rewrites come first: a rewrite may have left the working copy that it was made of beside it.
        foreach (byte[] name in names.Where(static n => WorkingFolder.RoleOf(n) == WorkingRole.Redo))
            Report(name, _rewrites.Redo(name));
        // The redos have looked at the notes, and may have made some.
        foreach (byte[] note in _working.Names().Where(static n => WorkingFolder.RoleOf(n) == WorkingRole.AppendOnly))
            Report(note, _marks.PutBack(note));
        foreach (byte[] name in names)
        {
            if (WorkingFolder.RoleOf(name) is WorkingRole.Version or WorkingRole.UnnamedCopy
                || name.AsSpan().SequenceEqual(WorkingFolderProbe.Name.Terminated))
                _state.RemoveWorkingFile(name);
            else if (WorkingFolder.RoleOf(name)
                is not (WorkingRole.Redo or WorkingRole.Early or WorkingRole.AppendOnly))
                Report(name, _copies.Adopt(name));
        }
        _unfinished.Serve(_targets, Report);
        // Redos go last: without its redo, a rewritten file would look to its working copy as if another program had
        // changed it.
        foreach (byte[] name in _rewrites.Redone)
            _state.RemoveWorkingFile(name);
    }

    /// <summary>
    /// Notes the inode number that a working copy has for its file. A file whose attributes leave no room for a record
    /// keeps this number, if it is still the same version.
    /// </summary>
    private void NoteNumber(byte[] name)
    {
        if (WorkingFolder.RoleOf(name) == WorkingRole.Copy
            && LeftWorkingCopy.TryReadRecord(_volume.Services, _state, name, out WorkingCopyRecord record))
            _volume.Services.Inspector.NoteLeft(record.Base, record.InodeNumber);
    }

    /// <summary>Removes early frames whose working copy was discarded or committed.</summary>
    private void RemoveOrphans()
    {
        var needed = new HashSet<WorkingName>();
        var early = new List<WorkingName>();
        foreach (byte[] terminated in _working.Names())
        {
            if (!WorkingName.TryParse(terminated.AsSpan()[..^1], out WorkingName name))
                continue;
            if (name.Role == WorkingRole.Early)
                early.Add(name);
            else
                needed.Add(name.OfEarlyFrames());
        }
        foreach (WorkingName orphan in early.Where(name => !needed.Contains(name)))
            _state.RemoveWorkingFile(orphan.Terminated());
    }

    private void Report(byte[] name, int result)
    {
        bool isFull = result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT
            && WorkingFolder.RoleOf(name) != WorkingRole.Redo;
        if (isFull || PassingFault.Is(result))
            throw WorkingFolder.Unread($"'.zstdfs/working/{Text(name)}'", result);
        else if (result < 0)
            _log.Error(
                $".zstdfs/working/{Text(name)}: what it holds could not be committed ({(Errno)(-result)}); it is "
                    + "kept, and the next mount tries again");
    }

    private static string Text(byte[] terminated) =>
        Encoding.UTF8.GetString(terminated.AsSpan(0, terminated.Length - 1));
}
