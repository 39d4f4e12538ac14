using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion.Forms;

/// <summary>
/// A stored file becomes a plain one. Blocks of zeros become holes, so that a sparse file is sparse again.
/// </summary>
internal sealed class PlainContent(SourceTree source, StoredOriginals originals, RateLimit rate)
    : SwapContent(source, rate)
{
    private const int SequentialBytes = 1024 * 1024;
    private const int BlockBytes = 4096;

    protected override void OpenContent(SwapJob job) => originals.Open(job);

    internal override Lock? SequentialGate => originals.GiantGate;

    internal override bool IsSequential(SwapJob job) => StoredOriginals.HasGiants(job.Map!);

    internal override int Pieces(SwapJob job)
    {
        if (job.LogicalBytes == 0)
            return 0;
        return IsSequential(job)
            ? checked((int)((job.LogicalBytes + SequentialBytes - 1) / SequentialBytes))
            : job.Map!.FrameCount;
    }

    internal override int Make(Worker worker, SwapJob job, int piece, Span<byte> room)
    {
        (long offset, int length) = Range(job, piece);
        Limit(length);
        Span<byte> content = worker.Content(length);
        StoredOriginals.Read(job, offset, content);
        for (int at = 0; at < length;)
        {
            int zeros = CountBlocks(content[at..], zero: true),
                data = CountBlocks(content[(at + zeros)..], zero: false);
            if (data > 0)
                FileLeftException.Require(
                    SystemCallsFile.Write(job.Result!, offset + at + zeros, content.Slice(at + zeros, data)),
                    "writing the plain file");
            at += zeros + data;
        }
        return 0;
    }

    internal override void Finish(Worker worker, SwapJob job)
    {
        FileLeftException.Require(SystemCallsFile.Truncate(job.Result!, job.LogicalBytes), "writing the plain file");
        job.ResultBytes = job.LogicalBytes;
        CopyAttributes(worker, job, keepsRoom: false);
    }

    internal override void Compare(Worker worker, SwapJob job, int piece)
    {
        (long offset, int length) = Range(job, piece);
        Span<byte> content = worker.Content(length), readBack = worker.Other(length);
        ReadExactly(job.Result!, offset, readBack, LeftReason.Failed);
        StoredOriginals.Read(job, offset, content);
        RequireEqual(content, readBack);
    }

    private (long Offset, int Length) Range(SwapJob job, int piece)
    {
        if (!IsSequential(job))
            return (job.Map![piece].LogicalOffset, (int)job.Map[piece].LogicalBytes);
        long offset = (long)piece * SequentialBytes;
        return (offset, (int)Math.Min(SequentialBytes, job.LogicalBytes - offset));
    }

    /// <summary>Length of the blocks at the start that are all zeros, or of those that are not.</summary>
    private static int CountBlocks(ReadOnlySpan<byte> content, bool zero)
    {
        int at = 0;
        while (at < content.Length)
        {
            ReadOnlySpan<byte> block = content.Slice(at, Math.Min(BlockBytes, content.Length - at));
            if (block.ContainsAnyExcept((byte)0) == zero)
                break;
            at += block.Length;
        }
        return at;
    }
}
