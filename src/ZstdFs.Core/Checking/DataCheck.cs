using ZstdFs.Core.Compression;
using ZstdFs.Core.Conversion;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>A run of content that cannot be decoded.</summary>
/// <param name="Start">First byte.</param>
/// <param name="End">Behind the last.</param>
/// <param name="Cause">Why.</param>
internal readonly record struct UndecodableRange(long Start, long End, UndecodableException Cause)
{
    /// <summary>Why, without the place.</summary>
    internal string Reason => Cause is DamagedFrameException damage ? damage.Reason : Cause.Message;
}

/// <summary>Decodes frames and tells which part of the content cannot be decoded.</summary>
internal sealed class DataCheck(WindowLimit windows, RateLimit rate, CheckProgress progress)
{
    private const int LargestFrameBytes = 4 * 1024 * 1024;

    // Held while a frame too large for memory is decoded: its window may be 2 GiB.
    private readonly Lock _giantGate = new();

    /// <summary>The bytes of content that these frames do not yield, in runs.</summary>
    internal List<UndecodableRange> FindLost(
        Worker worker, FileDescriptor file, FrameMap map, int first, int end, CancellationToken cancellation)
    {
        var lost = new List<UndecodableRange>();
        for (int i = first; i < end && !cancellation.IsCancellationRequested; i++)
        {
            FrameExtent frame = map[i];
            if (Try(worker, file, frame) is { } cause)
                Add(lost, frame, cause);
            progress.NoteDecoded(frame.LogicalBytes);
        }
        return lost;
    }

    private static void Add(List<UndecodableRange> lost, FrameExtent frame, UndecodableException cause)
    {
        var range = new UndecodableRange(frame.LogicalOffset, frame.LogicalOffset + frame.LogicalBytes, cause);
        if (lost.Count > 0 && lost[^1].End == range.Start && lost[^1].Reason == range.Reason)
            lost[^1] = lost[^1] with { End = range.End };
        else
            lost.Add(range);
    }

    private UndecodableException? Try(Worker worker, FileDescriptor file, FrameExtent frame)
    {
        try
        {
            if (frame.LogicalBytes > LargestFrameBytes || frame.StoredBytes > 2L * LargestFrameBytes)
                return TryGiant(file, frame);
            rate.Take((int)frame.StoredBytes);
            Span<byte> stored = worker.Frame((int)frame.StoredBytes), content = worker.Content((int)frame.LogicalBytes);
            int count = SystemCallsFile.Read(file, frame.StoredOffset, stored);
            if (count < 0)
                return new StorageException("reading it", -count);
            return worker.Decoder.Decompress(stored[..count], content) == content.Length ? null : AnotherLength();
        }
        catch (UndecodableException e)
        {
            return e;
        }
        // The cause is this machine and not the file: the other files are checked all the same.
        catch (InsufficientMemoryException e)
        {
            return new DecoderMemoryException(e.Message);
        }
        catch (ZstdLibraryException e)
        {
            return new UnsupportedContentException(e.Message);
        }
    }

    private static DamagedFrameException AnotherLength() => new("it holds another length than it should");

    private DamagedFrameException? TryGiant(FileDescriptor file, FrameExtent frame)
    {
        lock (_giantGate)
        {
            rate.Take((int)Math.Min(frame.StoredBytes, int.MaxValue));
            long length = FrameStream.MeasureContent(file, frame.StoredOffset, frame.StoredBytes, windows);
            return length == frame.LogicalBytes ? null : AnotherLength();
        }
    }
}
