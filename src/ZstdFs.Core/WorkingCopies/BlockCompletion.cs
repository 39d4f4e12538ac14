using System.Buffers;
using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>Writes blocks of a working copy that hold what shows through from below, in part or as a whole.</summary>
internal static class BlockCompletion
{
    private const int BlockBytes = BlockMap.BlockBytes;

    /// <summary>
    /// Writes a part of a block, completed with what is below. Never past the new end: the file's length is the logical
    /// size.
    /// </summary>
    internal static int Write(
        FileDescriptor file, long block, int within, ReadOnlySpan<byte> data, long newSize, ReadBelow readBelow)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            Span<byte> content = rented.AsSpan(0, (int)Math.Min(BlockBytes, newSize - block * BlockBytes));
            readBelow(block * BlockBytes, content);
            data.CopyTo(content[within..]);
            return SystemCallsFile.Write(file, block * BlockBytes, content);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Fills every unwritten block below <paramref name="limit"/> with what shows through there.</summary>
    internal static int Complete(WorkingCopy copy, long limit, long size, ReadBelow readBelow) =>
        FillUnwritten(copy, limit, size, (long at, Span<byte> content) =>
        {
            readBelow(at, content);
            return true;
        });

    /// <summary>
    /// The same, and leaves out what cannot be decoded: a block without anything else stays a hole, and the rest of
    /// another one is zeros.
    /// </summary>
    /// <param name="copy">The copy.</param>
    /// <param name="limit">Up to here something shows through.</param>
    /// <param name="size">Length of the file.</param>
    /// <param name="readBelow">Reads what shows through.</param>
    /// <param name="endOfFrame">Up to where all is lost where the byte at this offset cannot be decoded.</param>
    internal static int CompleteReadable(
        WorkingCopy copy, long limit, long size, ReadBelow readBelow, Func<long, long> endOfFrame)
    {
        // A damaged frame may be a giant one: try it once, and not for each of its blocks.
        long lostEnd = 0;
        return FillUnwritten(copy, limit, size, (long at, Span<byte> content) =>
        {
            bool isAny = false;
            for (long end; !content.IsEmpty; at = end)
            {
                end = Math.Min(at + content.Length, at < lostEnd ? lostEnd : endOfFrame(at));
                Span<byte> part = content[..(int)(end - at)];
                content = content[part.Length..];
                bool isRead = at >= lostEnd && TryRead(readBelow, at, part);
                isAny |= isRead;
                if (!isRead)
                {
                    part.Clear();
                    lostEnd = Math.Max(lostEnd, endOfFrame(at));
                }
            }
            return isAny;
        });
    }

    private static bool TryRead(ReadBelow readBelow, long at, Span<byte> content)
    {
        try
        {
            readBelow(at, content);
            return true;
        }
        catch (UndecodableException)
        {
            return false;
        }
    }

    private delegate bool TryReadBelow(long offset, Span<byte> content);

    private static int FillUnwritten(WorkingCopy copy, long limit, long size, TryReadBelow tryRead)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            int result = 0;
            for (long block = 0; block * BlockBytes < limit && result >= 0; block++)
            {
                if (copy.Blocks[block] || copy.Zeros.Find(block * BlockBytes, out _))
                    continue;
                Span<byte> content = rented.AsSpan(0, (int)Math.Min(BlockBytes, size - block * BlockBytes));
                if (tryRead(block * BlockBytes, content))
                    result = SystemCallsFile.Write(copy.File, block * BlockBytes, content);
            }
            return result;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
