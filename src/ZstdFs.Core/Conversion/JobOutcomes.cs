using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>A conversion cannot go on; the message says why, in one line.</summary>
public sealed class ConversionException(string message) : Exception(message);

/// <summary>Counts what is done and tells of what is left. Thread-safe.</summary>
internal sealed class JobOutcomes(
    ConversionKind kind, ConversionProgress progress, IConversionObserver observer, SwapPublisher publisher)
{
    /// <summary>Does one step of a job. A failure ends the job: the result goes, and the file stays as it is.</summary>
    internal bool Try(SwapJob job, Action step)
    {
        if (job.IsLeft)
            return false;
        try
        {
            step();
            return true;
        }
        catch (FileLeftException e)
        {
            Leave(job, e.Reason, e.Message);
        }
        catch (Exception e) when (e is UndecodableException or ZstdLibraryException or InsufficientMemoryException)
        {
            Leave(job, LeftReason.Failed, e.Message);
        }
        return false;
    }

    /// <summary>A file is converted.</summary>
    internal void Done(SwapJob job)
    {
        progress.NoteUnderWay(job, 0, 0);
        progress.Done(job.LogicalBytes, kind == ConversionKind.Revert ? job.Stat.Size : job.ResultBytes);
    }

    /// <summary>A file is left as it is; its job ends.</summary>
    internal void Leave(SwapJob job, LeftReason reason, string detail)
    {
        (job.IsLeft, job.Reason) = (true, reason);
        progress.NoteUnderWay(job, 0, 0);
        publisher.RemoveWorkingName(job);
        job.CloseFiles();
        progress.NoteLeft(reason);
        observer.Left(job.Names[0].Path, reason, detail);
    }

    /// <summary>A file is left as it is.</summary>
    internal void Leave(ReadOnlySpan<byte> path, LeftReason reason, string detail = "")
    {
        progress.NoteLeft(reason);
        observer.Left(path, reason, detail);
    }

    /// <summary>A name cannot be read.</summary>
    internal void Unreadable(ReadOnlySpan<byte> path, Errno error) =>
        Leave(
            path,
            error is Errno.EACCES or Errno.EPERM ? LeftReason.NotPermitted : LeftReason.Failed,
            error.ToString());
}
