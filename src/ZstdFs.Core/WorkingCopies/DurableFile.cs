using System.Buffers;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>
/// A file of ours whose content must reach the disk. Where a write fails, Linux reports it once, counts the page as
/// clean and may drop it at any time. The next sync would succeed without the page, and the next read would find the
/// disk's old content. So this class writes into the page cache again what failed, for as long as it is still there,
/// and the next sync covers it. The content's lock guards it.
/// </summary>
/// <param name="file">The file.</param>
/// <param name="written">Which of its blocks count; null for all.</param>
/// <param name="unsynced">
/// Which of them may have been written since the last sync that succeeded; null for all. The others are on disk,
/// whatever becomes of these.
/// </param>
/// <param name="isWritable">The descriptor is for writing too.</param>
internal sealed class DurableFile(
    FileDescriptor file, BlockMap? written = null, BlockMap? unsynced = null, bool isWritable = true)
{
    // The page cache keeps pages together in folios: none is longer than this, and each begins at a multiple of its
    // length. The kernel drops a folio as a whole or not at all.
    private const int StepBytes = 2 * 1024 * 1024;

    private enum Repeated
    {
        Whole,
        NotYet,
        Lost,
    }

    private bool _mustRepeat;

    // Content that was read out of the page cache and could not be written into it again.
    private (long Start, long End, byte[] Content)? _taken;

    /// <summary>Content did not reach the disk and is not in memory any more: it is gone.</summary>
    internal bool IsLost { get; private set; }

    /// <summary>
    /// Puts back the content that was taken out of the file, before a caller writes beside it. 0, or −EIO where that
    /// cannot be done yet. No reader may read meanwhile.
    /// </summary>
    internal int Complete() => _taken is null || PutBack() == Repeated.Whole ? 0 : -(int)Errno.EIO;

    /// <summary>
    /// Completes what was read from the file with the content that is taken out of it at this moment.
    /// </summary>
    internal void FillIn(long offset, Span<byte> content)
    {
        if (_taken is not { } taken)
            return;
        for (long at = taken.Start; FindRun(ref at, taken.End, out long end); at = end)
        {
            long from = Math.Max(offset, at), to = Math.Min(offset + content.Length, end);
            if (from < to)
                taken.Content.AsSpan((int)(from - taken.Start), (int)(to - from))
                    .CopyTo(content[(int)(from - offset)..]);
        }
    }

    /// <summary>fsync(2). After a failure it fails until the content was written again.</summary>
    internal int Synchronize() => _mustRepeat || IsLost ? -(int)Errno.EIO : Conclude(SystemCallsFile.Synchronize(file));

    /// <summary>−EIO where some content did not reach the disk: at any time it may read as something else.</summary>
    internal int Check() => _mustRepeat || IsLost ? -(int)Errno.EIO : Conclude(SystemCallsFile.CheckWriteback(file));

    /// <summary>Notes the result of a sync of this file, whichever caller made it. Returns that result.</summary>
    internal int Conclude(int result)
    {
        _mustRepeat |= result < 0;
        return result;
    }

    /// <summary>
    /// Writes again what failed. What cannot be written at this moment stays to be repeated. No reader may read the
    /// file meanwhile.
    /// </summary>
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
        // Take nothing out of the page cache that could not be put back.
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
                // ext4 may have given a page its place before the page's write failed. It would write that page there
                // again without entering it in the file's map. So drop the page: the write must make a new one.
                FileAdvice.DontNeed(file, start, StepBytes);
                _taken = (start, end, buffer);
                result = PutBack();
            }
            // _taken keeps the buffer, and the pool gets another one.
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
            SystemCallsFile.Write(writer ?? file, at, taken.Content.AsSpan((int)(at - taken.Start), bytes)) >= 0
                ? Repeated.Whole
                : Repeated.NotYet);
        if (result == Repeated.Whole)
            _taken = null;
        return result;
    }

    private int OpenWriter(out FileDescriptor? writer)
    {
        writer = null;
        return isWritable ? 0 : SourceTree.ReopenWrite(file, out writer);
    }

    /// <summary>
    /// Acts on the runs of blocks that count and may not be on disk. The file's own hole map cannot tell them: space
    /// that was allocated and not written is a hole in it.
    /// </summary>
    private Repeated ForRuns(long start, long end, Func<long, int, Repeated> act)
    {
        Repeated result = Repeated.Whole;
        for (long at = start, runEnd; result == Repeated.Whole && FindRun(ref at, end, out runEnd); at = runEnd)
            result = act(at, (int)(runEnd - at));
        return result;
    }

    /// <summary>
    /// Finds the next such run, from the beginning of a block or the end of the last run on. False where there is none.
    /// </summary>
    private bool FindRun(ref long at, long end, out long runEnd)
    {
        long last = BlockMap.CountOf(end);
        for (long block = BlockMap.CountOf(at), next; block < last; block = next)
        {
            next = Math.Min(written?.RunEnd(block, last) ?? last, unsynced?.RunEnd(block, last) ?? last);
            if (written?[block] == false || unsynced?[block] == false)
                continue;
            (at, runEnd) = (block * BlockMap.BlockBytes, Math.Min(next * BlockMap.BlockBytes, end));
            return true;
        }
        runEnd = end;
        return false;
    }
}
