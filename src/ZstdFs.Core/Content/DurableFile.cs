using System.Buffers;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// A file of ours whose content must reach the disk. Where a write does not get there, Linux says so once, counts the page as clean and drops it when it likes: the next sync would succeed
/// without it, and the next read find what the disk has. So what failed is written into the page cache again, for as long as it is still there, and the next sync is one.
/// Not synchronised: the content's lock is.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="written">Which of its blocks count; null for all.</param>
/// <param name="isWritable">The descriptor is for writing too.</param>
internal sealed class DurableFile(FileDescriptor file, BlockMap? written = null, bool isWritable = true)
{
    // What the page cache keeps together is no longer and begins at a multiple of its length, and is dropped as a whole or not at all.
    private const int StepBytes = 2 * 1024 * 1024;

    private enum Repeated
    {
        Whole,
        NotYet,
        Lost,
    }

    private bool _mustRepeat;

    // What was read out of the page cache, and could not be written into it again.
    private (long Start, long End, byte[] Content)? _taken;

    /// <summary>Content did not reach the disk and is not in memory any more: it is gone.</summary>
    internal bool IsLost { get; private set; }

    /// <summary>Puts back what is not in the file at this moment, before somebody writes beside it. 0, or −EIO where that cannot be done yet. Nobody may read meanwhile.</summary>
    internal int Complete() => _taken is null || PutBack() == Repeated.Whole ? 0 : -(int)Errno.EIO;

    /// <summary>What was read from the file is completed by what is not in it at this moment.</summary>
    internal void FillIn(long offset, Span<byte> content)
    {
        if (_taken is not { } taken)
            return;
        long from = Math.Max(offset, taken.Start), to = Math.Min(offset + content.Length, taken.End);
        if (from < to)
            taken.Content.AsSpan((int)(from - taken.Start), (int)(to - from)).CopyTo(content[(int)(from - offset)..]);
    }

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

    /// <summary>Writes again what failed. What cannot be at this moment stays to be repeated. Nobody may read the file meanwhile.</summary>
    internal void Repeat()
    {
        if (!_mustRepeat)
            return;
        Repeated result = PutBack();
        if (result == Repeated.Whole)
            result = RepeatAll();
        _mustRepeat = result == Repeated.NotYet;
        IsLost |= result == Repeated.Lost;
    }

    private Repeated RepeatAll()
    {
        if (SystemCallsAt.Stat(file, out Statx stat) < 0)
            return Repeated.NotYet;
        // What could not be put back is not taken.
        if (OpenWriter(out FileDescriptor? writer) < 0)
            return Repeated.NotYet;
        writer?.Dispose();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(StepBytes);
        try
        {
            Repeated result = Repeated.Whole;
            for (long start = 0; start < stat.Size && result == Repeated.Whole; start += StepBytes)
            {
                long end = Math.Min(start + StepBytes, stat.Size);
                result = ForRuns(start, end, (at, bytes) => Take(at, buffer.AsSpan((int)(at - start), bytes)));
                if (result != Repeated.Whole)
                    break;
                // A page to which ext4 gave a place before its write failed would be written there without a word in the file's map: it needs to be a new one.
                FileAdvice.DontNeed(file, start, StepBytes);
                _taken = (start, end, buffer);
                result = PutBack();
            }
            // It is kept, and the pool gets another one.
            if (_taken is not null)
                buffer = new byte[StepBytes];
            return result;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private Repeated Take(long at, Span<byte> content) => SystemCallsFile.IsCached(file, at, content.Length) switch
    {
        0 => Repeated.Lost,
        < 0 => Repeated.NotYet,
        _ => SystemCallsFile.Read(file, at, content) == content.Length ? Repeated.Whole : Repeated.NotYet,
    };

    private Repeated PutBack()
    {
        if (_taken is not { } taken)
            return Repeated.Whole;
        if (OpenWriter(out FileDescriptor? writer) < 0)
            return Repeated.NotYet;
        using FileDescriptor? ended = writer;
        Repeated result = ForRuns(taken.Start, taken.End, (at, bytes) =>
            SystemCallsFile.Write(writer ?? file, at, taken.Content.AsSpan((int)(at - taken.Start), bytes)) >= 0 ? Repeated.Whole : Repeated.NotYet);
        if (result == Repeated.Whole)
            _taken = null;
        return result;
    }

    private int OpenWriter(out FileDescriptor? writer)
    {
        writer = null;
        return isWritable ? 0 : SourceTree.ReopenWrite(file, out writer);
    }

    /// <summary>The runs of blocks that count. The file's own hole map would not tell: space that was allocated and not written is a hole in it.</summary>
    private Repeated ForRuns(long start, long end, Func<long, int, Repeated> act)
    {
        long last = (end + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes;
        Repeated result = Repeated.Whole;
        for (long block = start / BlockMap.BlockBytes, next; block < last && result == Repeated.Whole; block = next)
        {
            next = written?.RunEnd(block, last) ?? last;
            if (written?[block] != false)
                result = act(block * BlockMap.BlockBytes, (int)(Math.Min(next * BlockMap.BlockBytes, end) - block * BlockMap.BlockBytes));
        }
        return result;
    }
}
