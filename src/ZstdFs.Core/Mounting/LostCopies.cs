using System.Text;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Compression;
using ZstdFs.Core.State;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>Moves what no mount can commit to <c>.zstdfs/lost</c>, where a user finds it.</summary>
internal sealed class LostCopies(Volume volume, StateFolder state)
{
    /// <summary>Moves one, and disposes of it. 0 or −errno; after an error it stays where it was.</summary>
    /// <param name="copy">A working copy, or a redo.</param>
    /// <param name="logicalBytes">Its length.</param>
    /// <param name="reason">For the log.</param>
    internal int GiveUp(WorkingCopy copy, long logicalBytes, string reason)
    {
        using (copy)
        {
            int result = copy.Record.HasEarlyFrames ? TakeIn(copy, logicalBytes) : 0;
            if (result >= 0)
                result = copy.MoveToLost();
            if (result >= 0)
                volume.Services.Log.Error(
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
}
