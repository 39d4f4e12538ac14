using ZstdFs.Core.Commits;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>Gives files their append-only mark back that a commit had taken off when its daemon died.</summary>
internal sealed class LiftedMarks(Volume volume, StateFolder state, RecoveryTargets targets)
{
    /// <summary>Does what a note says, and removes it. 0 or −errno.</summary>
    internal int PutBack(byte[] note)
    {
        if (!WorkingName.TryParse(note.AsSpan()[..^1], out WorkingName name))
            return 0;
        byte[] path = AppendOnlyMark.ReadPath(volume.Source, state, note);
        int result = targets.Find(name.InodeNumber, 0, path, out RecoveryTarget? target);
        if (target is not null)
        {
            using (target)
                result = target.MarkAppendOnly(volume);
        }
        // A copy of the source may lie where files have no marks.
        if (result is -(int)Errno.ENOTTY or -(int)Errno.EOPNOTSUPP)
            result = 0;
        // Where the file is gone, nothing has to be marked.
        if (result >= 0)
            AppendOnlyMark.Forget(state, name.InodeNumber);
        return result;
    }
}
