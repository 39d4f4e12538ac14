using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Makes stored files of single plain files, beside a mount that serves them. The steps are those of a <see cref="TreeConversion"/>; the caller takes them in the order
/// of the methods here and sees to it that nobody looks while names change. A step that fails leaves the file plain: see <see cref="SwapJob.IsLeft"/>.
/// </summary>
internal sealed class FileConverter : IDisposable
{
    private readonly SourceTree _source;
    private readonly StateFolder _state;
    private readonly WorkerPool _pool;
    private readonly StoredContent _content;
    private readonly SwapPublisher _publisher;
    private readonly PieceWork _pieces;
    private readonly JobOutcomes _outcomes;
    private bool _hasJournal;

    // Where the next batch's journal goes. One sync serves two batches, the data of this one and the removals of the
    // one before, whose journal is not written over until then.
    private int _slot;

    internal FileConverter(SourceTree source, StateFolder state, ConversionOptions options, IConversionObserver observer)
    {
        (_source, _state) = (source, state);
        int threads = TreeConversion.ThreadsFor(options);
        _pool = new WorkerPool(Codec.Of(options.Codec), threads, options.Level);
        _content = new StoredContent(source, state, options, new RateLimit(options.BytesPerSecond))
        {
            NeedsLease = true,
        };
        _publisher = new SwapPublisher(source, state);
        var progress = new ConversionProgress();
        _pieces = new PieceWork(_content, _pool, threads * 2, progress);
        _outcomes = new JobOutcomes(ConversionKind.Convert, progress, observer, _publisher);
    }

    /// <summary>Puts in order what any interrupted conversion left. Returns 0 or −errno.</summary>
    internal static int Recover(SourceTree source, StateFolder state)
    {
        int result = new JournalRecovery(source, state, new ConversionProgress()).Run();
        new SwapPublisher(source, state).RemoveLeftovers();
        return result;
    }

    /// <summary>Opens the original; refused where somebody has it open for writing.</summary>
    internal bool Open(SwapJob job) => _outcomes.Try(job, () => _content.Open(job));

    /// <summary>Writes the stored forms, without names yet.</summary>
    internal void Write(IReadOnlyList<SwapJob> jobs, CancellationToken cancellation)
    {
        foreach (SwapJob job in jobs)
            _outcomes.Try(job, () => FileLeftException.Require(_publisher.Create(job), "making the new file"));
        _pool.ForEach([.. Remaining(jobs).Where(j => !_pieces.IsLarge(j))], (worker, job) => _outcomes.Try(job, () => _pieces.Write(worker, job)));
        foreach (SwapJob job in Remaining(jobs).Where(_pieces.IsLarge))
            _outcomes.Try(job, () => WriteLarge(job, cancellation));
        foreach (SwapJob job in Remaining(jobs))
            _outcomes.Try(job, () => NoteResult(job));
    }

    /// <summary>Content, and what is about to happen to the names, are on disk when it returns 0.</summary>
    internal int MakeDurable(IReadOnlyList<SwapJob> jobs)
    {
        if (_publisher.Unfinished is < 0 and var unfinished)
            return unfinished;
        _hasJournal = true;
        int result = ConversionJournal.Of(Remaining(jobs), keepsFolderTimes: false).Write(_state.Folder, _slot);
        if (result >= 0)
            result = Synchronize();
        if (result >= 0)
            _slot = (_slot + 1) % ConversionJournal.Slots;
        return result;
    }

    /// <summary>Those that are mounted below, too: no order of metadata holds between them and the journal.</summary>
    private int Synchronize()
    {
        int result = SystemCallsFile.SynchronizeFileSystem(_source.Root);
        return result < 0 ? result : _source.Devices.Synchronize();
    }

    /// <summary>Reads the stored forms back from the disk and compares them.</summary>
    internal void Compare(IReadOnlyList<SwapJob> jobs)
    {
        foreach (SwapJob job in Remaining(jobs))
            FileAdvice.DontNeed(job.Result!);
        _pool.ForEach([.. Remaining(jobs).Where(j => !_pieces.IsLarge(j))], (worker, job) => _outcomes.Try(job, () => _pieces.Compare(worker, job)));
        foreach (SwapJob job in Remaining(jobs).Where(_pieces.IsLarge))
            _outcomes.Try(job, () => _pieces.CompareLarge(job));
    }

    /// <summary>The original is what was converted, and stays so until the job's files are closed. Then the stored form gets its name.</summary>
    internal bool Publish(SwapJob job) => _outcomes.Try(job, () =>
    {
        _content.RequireUnchanged(job);
        _publisher.Publish(job);
    });

    /// <summary>
    /// Takes the plain name away, once the stored form's name is on disk. Where the plain file was changed since
    /// <see cref="Publish"/>, the stored form's name goes instead.
    /// </summary>
    internal bool Retire(SwapJob job) => _outcomes.Try(job, () =>
    {
        try
        {
            // While the folder was synchronised its mode, attributes or links may have been changed in the source.
            _content.RequireUnchanged(job);
        }
        catch (FileLeftException)
        {
            _publisher.Withdraw(job);
            throw;
        }
        _publisher.Retire(job);
    });

    /// <summary>Takes the stored form's name away again.</summary>
    internal void Withdraw(SwapJob job, int error) => _outcomes.Try(job, () =>
    {
        _publisher.Withdraw(job);
        throw FileLeftException.Of(error, "synchronising its folder");
    });

    /// <summary>Closes what is still open of a job that is not gone through.</summary>
    internal void Abandon(SwapJob job)
    {
        _publisher.RemoveWorkingName(job);
        job.CloseFiles();
    }

    private static IReadOnlyList<SwapJob> Remaining(IReadOnlyList<SwapJob> jobs) => [.. jobs.Where(j => !j.IsLeft)];

    private void WriteLarge(SwapJob job, CancellationToken cancellation)
    {
        try
        {
            _pieces.WriteLarge(job, cancellation);
        }
        catch (OperationCanceledException)
        {
            throw new FileLeftException(LeftReason.Changed, "the mount ends");
        }
    }

    private static void NoteResult(SwapJob job)
    {
        FileLeftException.Require(SystemCallsAt.Stat(job.Result!, out Statx stat), "looking at the stored file");
        job.ResultInode = stat.InodeNumber;
    }

    /// <summary>
    /// Forgets the journals, once what they tell of is on disk. False where they have to stay: no other converter may
    /// write over them.
    /// </summary>
    internal bool TryForgetJournals()
    {
        if (_hasJournal && _publisher.Unfinished >= 0 && Synchronize() >= 0)
            _hasJournal = JournalRecovery.RemoveJournals(_state) < 0;
        return !_hasJournal;
    }

    public void Dispose()
    {
        _pool.Dispose();
        _ = TryForgetJournals();
    }
}
