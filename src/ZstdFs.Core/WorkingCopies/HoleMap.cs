using ZstdFs.Linux;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>The hole map of a working copy's file: it is the record of what was written.</summary>
internal static class HoleMap
{
    /// <summary>Finds what an earlier mount wrote. 0 or −errno.</summary>
    internal static int Load(FileDescriptor file, BlockMap blocks, long size)
    {
        // When the machine stopped, space may have been allocated and not written. It counts as a hole only while it is
        // not in the page cache: if a backup has read this file since, the space looks like written zeros.
        FileAdvice.DontNeed(file);
        return Read(file, blocks, size);
    }

    /// <summary>Marks the blocks that are no holes. 0 or −errno.</summary>
    internal static int Read(FileDescriptor file, BlockMap blocks, long size)
    {
        for (long at = 0; at < size;)
        {
            long data = SystemCallsFile.Seek(file, at, SeekWhence.Data);
            if (data == -(int)Errno.ENXIO)
                break;
            long hole = data < 0 ? data : SystemCallsFile.Seek(file, data, SeekWhence.Hole);
            if (hole < 0)
                return (int)hole;
            blocks.Set(data / BlockMap.BlockBytes, BlockMap.CountOf(hole));
            at = hole;
        }
        return 0;
    }

    /// <summary>
    /// Punches out the unmarked blocks of a range. When the disk has no room for a write, the kernel may leave zeros in
    /// blocks that it got. The next mount would take them for content. 0 or −errno.
    /// </summary>
    internal static int TakeBack(FileDescriptor file, BlockMap blocks, long block, long end)
    {
        int result = 0;
        for (; block * BlockMap.BlockBytes < end && result >= 0; block++)
        {
            long at = block * BlockMap.BlockBytes;
            if (!blocks[block] && SystemCallsFile.Seek(file, at, SeekWhence.Data) is var data and >= 0
                && data < at + BlockMap.BlockBytes)
                result = SystemCallsFile.Allocate(
                    file, AllocateFlags.PunchHole | AllocateFlags.KeepSize, at, BlockMap.BlockBytes);
        }
        return result;
    }

    /// <summary>
    /// Whether the file has a hole here. <paramref name="end"/> is where that hole ends, or else the data.
    /// </summary>
    internal static bool IsHole(FileDescriptor file, long offset, out long end)
    {
        long data = SystemCallsFile.Seek(file, offset, SeekWhence.Data);
        bool isHole = data > offset || data == -(int)Errno.ENXIO;
        end = data > offset ? data
            : isHole ? long.MaxValue
            : Math.Max(SystemCallsFile.Seek(file, offset, SeekWhence.Hole), offset + 1);
        return isHole;
    }
}
