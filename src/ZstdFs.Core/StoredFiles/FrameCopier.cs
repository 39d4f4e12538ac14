using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>
/// Copies stored bytes of one version into the next, by reference where the file system shares extents. It shares whole
/// blocks that begin at the same place within a block in both files. Behind a newly compressed frame the places differ,
/// and <see cref="PaddingFor"/> says how far the copy must be moved on.
/// </summary>
internal sealed class FrameCopier(FileDescriptor output)
{
    /// <summary>A shorter run is copied: padding and a call cost more.</summary>
    private const long LeastClonedBytes = 1024 * 1024;

    // Found out at the first long run.
    private bool? _clones;

    /// <summary>Bytes of the output that the disk need not write.</summary>
    internal long ClonedBytes { get; private set; }

    /// <summary>
    /// How long a skippable frame has to be at the output's end, so that the run can be cloned behind it. 0 where none
    /// is needed, or the run is not worth one.
    /// </summary>
    internal int PaddingFor(FileDescriptor input, long inputOffset, long outputOffset, long length)
    {
        int padding = (int)((inputOffset - outputOffset) % FileClone.BlockBytes + FileClone.BlockBytes)
            % FileClone.BlockBytes;
        if (padding == 0 || length < LeastClonedBytes || !Clones(input, inputOffset, outputOffset))
            return 0;
        return padding < FrameHeader.SkippableHeaderBytes ? padding + FileClone.BlockBytes : padding;
    }

    /// <summary>Copies. 0 or −errno.</summary>
    internal int Copy(FileDescriptor input, long inputOffset, long outputOffset, long length)
    {
        if (length < LeastClonedBytes || (inputOffset - outputOffset) % FileClone.BlockBytes != 0
            || !Clones(input, inputOffset, outputOffset))
            return SystemCallsFile.CopyRange(input, inputOffset, output, outputOffset, length);
        long head = RoundUp(inputOffset) - inputOffset,
            middle = (length - head) / FileClone.BlockBytes * FileClone.BlockBytes;
        int result = head > 0 ? SystemCallsFile.CopyRange(input, inputOffset, output, outputOffset, head) : 0;
        if (result < 0)
            return result;
        // This pair of files may refuse clones, for instance because one of them has no copy on write. Then the kernel
        // copies.
        if (FileClone.Range(input, inputOffset + head, output, outputOffset + head, middle) >= 0)
            ClonedBytes += middle;
        else
            result = SystemCallsFile.CopyRange(input, inputOffset + head, output, outputOffset + head, middle);
        long tail = length - head - middle;
        return result < 0 || tail == 0 ? result
            : SystemCallsFile.CopyRange(input, inputOffset + head + middle, output, outputOffset + head + middle, tail);
    }

    /// <summary>
    /// Finds out whether clones work: clones one block to a place behind the output's end. The next write begins before
    /// that block and goes over it.
    /// </summary>
    private bool Clones(FileDescriptor input, long inputOffset, long outputOffset) => _clones ??=
        FileClone.Range(input, RoundUp(inputOffset), output, RoundUp(outputOffset), FileClone.BlockBytes) >= 0;

    private static long RoundUp(long offset) =>
        (offset + FileClone.BlockBytes - 1) / FileClone.BlockBytes * FileClone.BlockBytes;
}
