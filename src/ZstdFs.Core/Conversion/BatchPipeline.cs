using System.Runtime.ExceptionServices;
using ZstdFs.Core.Conversion.Forms;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Takes batches through steps whose order keeps every file whole at every instant, power cuts included. One
/// synchronisation of the file system serves three batches. It makes the data and the journal of the latest batch
/// durable, the new names of the batch before, and the removals of the batch before that.
/// <code>
/// written → [sync] → read back and compared → new names → [sync] → old names removed → [sync] → journal forgotten
/// </code>
/// A thread of its own waits for the disk while other threads write the next batch.
/// </summary>
internal sealed class BatchPipeline : IDisposable
{
    private readonly SourceTree _source;
    private readonly StateFolder _state;
    private readonly SwapContent _content;
    private readonly SwapPublisher _publisher;
    private readonly PieceWork _pieces;
    private readonly WorkerPool _pool;
    private readonly JobOutcomes _outcomes;
    private readonly Thread _thread;

    // Guards the three fields below; a monitor, because both sides wait on it.
    private readonly object _gate = new();
    private Batch? _handedOver;
    private bool _completed;
    private ExceptionDispatchInfo? _failure;

    // One folder of every other file system below: each has to be synchronised by itself. Only the thread uses it.
    private readonly Dictionary<ulong, SourceFolder> _others = [];

    private readonly FolderTimes _folderTimes;

    // Only the thread uses them: its batch, and the batch whose new names wait for the next synchronisation.
    private Batch? _current, _named;

    internal BatchPipeline(
        SourceTree source, StateFolder state, SwapContent content, SwapPublisher publisher, PieceWork pieces,
        WorkerPool pool, JobOutcomes outcomes, FolderTimes folderTimes)
    {
        (_source, _state, _content, _publisher, _pieces, _pool, _outcomes) =
            (source, state, content, publisher, pieces, pool, outcomes);
        _folderTimes = folderTimes;
        _thread = new Thread(Run) { IsBackground = true, Name = "convert-sync" };
        _thread.Start();
    }

    /// <summary>
    /// Hands a batch over when the thread has taken the one before. Throws the exception that ended the pipeline.
    /// </summary>
    internal void Submit(Batch batch)
    {
        lock (_gate)
        {
            while (_handedOver is not null && _failure is null)
                Monitor.Wait(_gate);
            _failure?.Throw();
            _handedOver = batch;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Returns when everything handed over is done and durable.</summary>
    internal void Complete()
    {
        lock (_gate)
        {
            _completed = true;
            Monitor.PulseAll(_gate);
        }
        _thread.Join();
        _failure?.Throw();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _completed = true;
            Monitor.PulseAll(_gate);
        }
        _thread.Join();
    }

    private void Run()
    {
        try
        {
            while ((_current = Take()) is { } batch)
                Step(batch);
            Flush();
        }
        catch (Exception e)
        {
            lock (_gate)
            {
                _failure = ExceptionDispatchInfo.Capture(e);
                Monitor.PulseAll(_gate);
            }
            // New names stay beside the old ones: the journal tells the next run what to do with them.
            GiveUp(_current);
            if (_named != _current)
                GiveUp(_named);
            GiveUp(_handedOver);
        }
        foreach (SourceFolder other in _others.Values)
            other.Release();
    }

    private void GiveUp(Batch? batch)
    {
        if (batch is null)
            return;
        batch.Writing.Wait();
        foreach (SwapJob job in batch.Jobs)
            _publisher.RemoveWorkingName(job);
        batch.Release();
    }

    private Batch? Take()
    {
        lock (_gate)
        {
            while (_handedOver is null && !_completed)
                Monitor.Wait(_gate);
            Batch? batch = _handedOver;
            _handedOver = null;
            Monitor.PulseAll(_gate);
            return batch;
        }
    }

    private void Step(Batch batch)
    {
        batch.Writing.Wait();
        NoteFileSystems(batch);
        Require(
            ConversionJournal.Of(batch.Remaining)
                .Write(_state.Folder, batch.Number % ConversionJournal.Slots, saysUntouched: true),
            "writing the journal");
        NoteTouched();
        Synchronize();
        RetireNamed();
        Compare(batch);
        _pool.ForEach(batch.Remaining, (_, job) => _outcomes.Try(job, () => Publish(job)));
        _named = batch;
        Require(_publisher.Unfinished, "taking new names back");
    }

    /// <summary>After the next sync the thread takes the first old name of the named batch away.</summary>
    private void NoteTouched()
    {
        if (_named is { } batch)
            Require(
                ConversionJournal.NoteTouched(_state.Folder, batch.Number % ConversionJournal.Slots),
                "writing the journal");
    }

    private void Flush()
    {
        if (_named is null)
            return;
        NoteTouched();
        Synchronize();
        RetireNamed();
        Synchronize();
        Require(JournalRecovery.RemoveJournals(_state), "removing the journal");
    }

    /// <summary>
    /// Compares the results as the disk has them. Drops their clean pages first, and asks for all results before it
    /// waits for the first.
    /// </summary>
    private void Compare(Batch batch)
    {
        IReadOnlyList<SwapJob> jobs = [.. batch.Remaining.Where(j => j.Result is not null)];
        foreach (SwapJob job in jobs)
            FileAdvice.DontNeed(job.Result!);
        foreach (SwapJob job in jobs)
            FileAdvice.WillNeed(job.Result!);
        _pool.ForEach(
            [.. jobs.Where(j => !_pieces.IsLarge(j))],
            (worker, job) => _outcomes.Try(job, () => _pieces.Compare(worker, job)));
        foreach (SwapJob job in jobs.Where(_pieces.IsLarge))
            _outcomes.Try(job, () => _pieces.CompareLarge(job));
    }

    private void Publish(SwapJob job)
    {
        if (job.KeepsTarget)
            return;
        // The rename also removes the target, so the original is looked at first.
        if (job.ReplacesTarget)
            _content.RequireUnchanged(job);
        _publisher.Publish(job);
    }

    private void RetireNamed()
    {
        if (_named is not { } batch)
            return;
        _pool.ForEach(batch.Remaining, (_, job) => _outcomes.Try(job, () => Retire(job)));
        batch.RestoreFolderTimes(_folderTimes);
        batch.Release();
        _named = null;
        Require(_publisher.Unfinished, "taking names away");
    }

    private void Retire(SwapJob job)
    {
        bool isInPlace = job.Names[0].Original.AsSpan().SequenceEqual(job.Names[0].Target);
        if (!isInPlace)
        {
            try
            {
                _content.RequireUnchanged(job);
                KeptTarget.RequireSame(job);
            }
            catch (FileLeftException)
            {
                // A form that was replaced on request is gone already. The original is newer, and stays.
                _publisher.Withdraw(job);
                throw;
            }
            _publisher.Retire(job);
        }
        _outcomes.Done(job);
    }

    private void NoteFileSystems(Batch batch)
    {
        foreach (SourceFolder folder in batch.Jobs.SelectMany(j => j.Names).Select(n => n.Folder))
        {
            if (folder.Stat.Device != _source.RootStat.Device && _others.TryAdd(folder.Stat.Device, folder))
                folder.Retain();
        }
    }

    private void Synchronize()
    {
        Require(SystemCallsFile.SynchronizeFileSystem(_source.Root), "synchronising the source");
        foreach (SourceFolder other in _others.Values)
            Require(
                SystemCallsFile.SynchronizeFileSystem(other.Descriptor),
                "synchronising a file system mounted below");
    }

    private static void Require(int result, string doing)
    {
        if (result < 0)
            throw new ConversionException(
                $"{doing} failed ({(Errno)(-result)}): nothing is lost; run it again when that is mended");
    }
}
