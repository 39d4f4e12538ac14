using ZstdFs.Core.Compression;
using ZstdFs.Core.Conversion;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>Decodes frames and tells which part of the content is lost.</summary>
internal sealed class DataCheck(RateLimit rate, CheckProgress progress)
{
    private const int LargestFrameBytes = 4 * 1024 * 1024;

    private readonly Lock _giantGate = new(); // held while a frame too large for memory is decoded: its window may be 128 MiB

    /// <summary>The bytes of content that cannot be read among these frames: start and end of each run, and why.</summary>
    internal List<(long Start, long End, string Reason)> FindLost(Worker worker, FileDescriptor file, FrameMap map, int first, int end, CancellationToken cancellation)
    {
        var lost = new List<(long Start, long End, string Reason)>();
        for (int i = first; i < end && !cancellation.IsCancellationRequested; i++)
        {
            FrameExtent frame = map[i];
            if (Try(worker, file, frame) is { } reason)
                Add(lost, frame, reason);
            progress.NoteDecoded(frame.LogicalBytes);
        }
        return lost;
    }

    private static void Add(List<(long Start, long End, string Reason)> lost, FrameExtent frame, string reason)
    {
        if (lost.Count > 0 && lost[^1].End == frame.LogicalOffset && lost[^1].Reason == reason)
            lost[^1] = lost[^1] with { End = frame.LogicalOffset + frame.LogicalBytes };
        else
            lost.Add((frame.LogicalOffset, frame.LogicalOffset + frame.LogicalBytes, reason));
    }

    private string? Try(Worker worker, FileDescriptor file, FrameExtent frame)
    {
        try
        {
            if (frame.LogicalBytes > LargestFrameBytes || frame.StoredBytes > 2L * LargestFrameBytes)
                return TryGiant(file, frame);
            rate.Take((int)frame.StoredBytes);
            Span<byte> stored = worker.Frame((int)frame.StoredBytes), content = worker.Content((int)frame.LogicalBytes);
            int count = SystemCallsFile.Read(file, frame.StoredOffset, stored);
            if (count < 0)
                return $"it cannot be read ({(Errno)(-count)})";
            return worker.Decoder.Decompress(stored[..count], content) == content.Length ? null : "it holds another length than it should";
        }
        catch (DamagedFrameException e)
        {
            return e.Reason;
        }
        catch (Exception e) when (e is StorageException or WindowTooLargeException)
        {
            return e.Message;
        }
    }

    private string? TryGiant(FileDescriptor file, FrameExtent frame)
    {
        lock (_giantGate)
        {
            rate.Take((int)Math.Min(frame.StoredBytes, int.MaxValue));
            long length = FrameStream.MeasureContent(file, frame.StoredOffset, frame.StoredBytes, StreamDecoder.DefaultWindowLogMax);
            return length == frame.LogicalBytes ? null : "it holds another length than it should";
        }
    }
}
