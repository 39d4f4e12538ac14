using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// A file of ours whose content must reach the disk. Where a write does not get there, Linux says so once, counts the page as clean and drops it when it likes: the next sync would succeed
/// without it, and the next read find what the disk has. So what failed is written into the page cache again, for as long as it is still there, and the next sync is one.
/// Not synchronised: the content's lock is.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="written">Which of its blocks count; null for all.</param>
internal sealed class DurableFile(FileDescriptor file, BlockMap? written = null)
{
    // What the page cache keeps together is no longer and begins at a multiple of its length, and is dropped as a whole or not at all.
    private const int StepBytes = 2 * 1024 * 1024;

    private bool _mustRepeat;

    /// <summary>Content did not reach the disk and is not in memory any more: it is gone.</summary>
    internal bool IsLost { get; private set; }

    /// <summary>fsync(2). It fails until what failed before was repeated.</summary>
    internal int Synchronize() => _mustRepeat || IsLost ? -(int)Errno.EIO : Conclude(SystemCallsFile.Synchronize(file));

    /// <summary>−EIO where something of it did not reach the disk, and may read as something else any time.</summary>
    internal int Check() => _mustRepeat || IsLost ? -(int)Errno.EIO : Conclude(SystemCallsFile.CheckWriteback(file));

    /// <summary>A sync of this file, by whomever, was tried. Returns its result.</summary>
    internal int Conclude(int result)
    {
        _mustRepeat |= result < 0;
        return result;
    }

    /// <summary>Writes again what failed. Nobody may read the file meanwhile.</summary>
    internal void Repeat()
    {
        if (!_mustRepeat)
            return;
        _mustRepeat = false;
        IsLost |= !TryRepeat();
    }

    private bool TryRepeat()
    {
        if (SystemCallsAt.Stat(file, out Statx stat) < 0)
            return false;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(StepBytes);
        try
        {
            bool isWhole = true;
            for (long start = 0; start < stat.Size && isWhole; start += StepBytes)
            {
                long end = Math.Min(start + StepBytes, stat.Size);
                isWhole = ForRuns(start, end, (at, bytes) => SystemCallsFile.IsCached(file, at, bytes) && SystemCallsFile.Read(file, at, buffer.AsSpan((int)(at - start), bytes)) == bytes);
                // A page to which ext4 gave a place before its write failed would be written there without a word in the file's map: it needs to be a new one.
                FileAdvice.DontNeed(file, start, StepBytes);
                isWhole = isWhole && ForRuns(start, end, (at, bytes) => SystemCallsFile.Write(file, at, buffer.AsSpan((int)(at - start), bytes)) >= 0);
            }
            return isWhole;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The runs of blocks that count. The file's own hole map would not tell: space that was allocated and not written is a hole in it.</summary>
    private bool ForRuns(long start, long end, Func<long, int, bool> act)
    {
        long last = (end + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes;
        for (long block = start / BlockMap.BlockBytes, next; block < last; block = next)
        {
            next = written?.RunEnd(block, last) ?? last;
            if (written?[block] != false && !act(block * BlockMap.BlockBytes, (int)(Math.Min(next * BlockMap.BlockBytes, end) - block * BlockMap.BlockBytes)))
                return false;
        }
        return true;
    }
}
