using ZstdFs.Core.Conversion.Forms;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// The walking thread's side of a conversion: has the new form of each file made, collects files into batches, and
/// hands the batches to a <see cref="BatchPipeline"/>.
/// </summary>
internal sealed class BatchFeed(
    ConvertedSource opened, ConversionKind kind, SwapContent content, StoredOriginals originals,
    SwapPublisher publisher, WorkerPool pool, int slots, JobOutcomes outcomes, FolderTimes folderTimes,
    ConversionProgress progress)
{
    private const long BatchBytes = 256 * 1024 * 1024, OpenInCallerBytes = 1024 * 1024;
    private const int MostFilesInBatch = 1024, DescriptorsPerFile = 16;

    private readonly SourceTree _source = opened.Source;
    private readonly StateFolder _state = opened.State;
    private readonly PieceWork _pieces = new(content, pool, slots, progress);

    private int _batchNumber;
    private Batch _batch = new(0);
    private Action<Batch>? _handOver; // to the pipeline of this run
    private CancellationToken _cancellation;

    /// <summary>Descriptors that are left to what is no file of a batch.</summary>
    internal const int SpareDescriptors = 200;

    /// <summary>Files in a batch.</summary>
    internal int FilesInBatch { get; } = (int)Math.Clamp(
        (ResourceLimits.OpenFiles - SpareDescriptors) / DescriptorsPerFile, 16, MostFilesInBatch);

    /// <summary>
    /// Runs what makes jobs, and then the jobs to their end. False where <paramref name="makeJobs"/> returns false.
    /// </summary>
    internal bool Run(Func<bool> makeJobs, CancellationToken cancellation)
    {
        _cancellation = cancellation;
        using var pipeline = new BatchPipeline(
            _source, _state, content, publisher, _pieces, pool, outcomes, folderTimes);
        _handOver = pipeline.Submit;
        _batch = new Batch(_batchNumber++);
        bool whole = false;
        try
        {
            whole = makeJobs();
            if (whole && _batch.Jobs.Count > 0)
                Submit();
        }
        finally
        {
            Abandon(_batch);
        }
        pipeline.Complete();
        return whole;
    }

    /// <summary>
    /// Hands the batch over. Where an exception has ended the pipeline, throws it, and the batch stays here.
    /// </summary>
    private void Submit()
    {
        _handOver!(_batch);
        _batch = new Batch(_batchNumber++);
    }

    private void Abandon(Batch batch)
    {
        batch.Writing.Wait();
        foreach (SwapJob job in batch.Jobs)
            publisher.RemoveWorkingName(job);
        batch.Release();
    }

    /// <summary>Takes a file over, with the folders that its job has retained.</summary>
    internal void Take(SwapJob job)
    {
        if (!_batch.HasRoomFor(job))
            SubmitBefore(job);
        Batch batch = _batch;
        batch.Add(job);
        bool fits = outcomes.Try(job, () => ConversionJournal.RequireRoom(job));
        bool created = fits && (job.KeepsTarget
            || outcomes.Try(job, () => FileLeftException.Require(publisher.Create(job), "making the new file")));
        if (created && job.Stat.Size >= OpenInCallerBytes && !job.KeepsTarget)
            TakeLarge(batch, job);
        else if (created)
            Post(batch, job, () => content.Open(job));
        if (batch.Jobs.Count < FilesInBatch && batch.Bytes < BatchBytes)
            return;
        Submit();
    }

    private void SubmitBefore(SwapJob job)
    {
        try
        {
            Submit();
        }
        catch
        {
            _batch.Add(job); // released with the batch
            throw;
        }
    }

    private void TakeLarge(Batch batch, SwapJob job)
    {
        if (!outcomes.Try(job, () => content.Open(job)))
            return;
        if (!_pieces.IsLarge(job))
        {
            Post(batch, job, () => { });
            return;
        }
        try
        {
            outcomes.Try(job, () => _pieces.WriteLarge(job, _cancellation));
            NoteResult(job);
        }
        catch (OperationCanceledException)
        {
            job.IsLeft = true; // the walk ends at its next name
            job.CloseFiles();
        }
    }

    private void Post(Batch batch, SwapJob job, Action open)
    {
        batch.Writing.Add();
        pool.Post(worker =>
        {
            outcomes.Try(job, () =>
            {
                open();
                if (job.KeepsTarget)
                    KeptTarget.RequireIntact(_source, originals, kind, job);
                else
                    _pieces.Write(worker, job);
            });
            NoteResult(job);
            batch.Writing.Done();
        });
    }

    private static void NoteResult(SwapJob job)
    {
        if (!job.IsLeft && job.Result is { } file && SystemCallsAt.Stat(file, out Statx stat) >= 0)
            job.ResultInode = stat.InodeNumber;
    }
}
