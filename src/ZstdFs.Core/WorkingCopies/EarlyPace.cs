using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>
/// Tells when the beginning of a long write is to be compressed behind its writer: where the working copy takes up much
/// of the disk's room, or much altogether.
/// </summary>
internal struct EarlyPace
{
    /// <summary>Compressed in one go: twice what is written between two looks.</summary>
    internal const long StepBytes = DiskReserve.StepBytes;

    private const long LookBytes = 8 * 1024 * 1024;
    private const int LargestShare = 4;
    private const int SectorBytes = 512;

    private long _nextLook;

    /// <summary>Looks at the file system's room once in 8 MiB.</summary>
    internal bool IsDue(WorkingCopy working, long logicalBytes, long mostBytes)
    {
        if (logicalBytes < _nextLook + LookBytes)
            return false;
        _nextLook = logicalBytes;
        if (SystemCallsAt.Stat(working.File, out Statx stat) < 0
            || SystemCallsFile.StatFileSystem(working.File, out StatFs room) < 0)
            return false;
        ulong free = room.BlocksAvailable * (ulong)room.FragmentSize;
        return stat.Blocks * SectorBytes > Math.Min((ulong)mostBytes, free / LargestShare);
    }
}
