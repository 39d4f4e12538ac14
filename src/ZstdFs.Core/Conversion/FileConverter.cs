using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Conversion.Forms;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Makes stored files of single plain files, beside a mount that serves them. The steps are those of a
/// <see cref="TreeConversion"/>. The caller takes them in the order of the methods here, and keeps the mount's users
/// from seeing names change. A step that fails leaves the file plain: see <see cref="SwapJob.IsLeft"/>.
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

    // Where the next batch's journal goes. One sync serves two batches: it makes the data of this batch durable, and
    // the removals of the batch before. Until then the journal of the batch before stays.
    private int _slot;

    internal FileConverter(
        SourceTree source, StateFolder state, ConversionOptions options, IConversionObserver observer)
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

    /// <summary>Opens the original; refuses where a program has it open for writing.</summary>
    internal bool Open(SwapJob job) => _outcomes.Try(job, () => _content.Open(job));

    /// <summary>Writes the stored forms, without names yet.</summary>
    internal void Write(IReadOnlyList<SwapJob> jobs, CancellationToken cancellation)
    {
        foreach (SwapJob job in jobs)
            _outcomes.Try(job, () => FileLeftException.Require(_publisher.Create(job), "making the new file"));
        _pool.ForEach(
            [.. Remaining(jobs).Where(j => !_pieces.IsLarge(j))],
            (worker, job) => _outcomes.Try(job, () => _pieces.Write(worker, job)));
        foreach (SwapJob job in Remaining(jobs).Where(_pieces.IsLarge))
            _outcomes.Try(job, () => WriteLarge(job, cancellation));
        foreach (SwapJob job in Remaining(jobs))
            _outcomes.Try(job, () => NoteResult(job));
    }

    /// <summary>When it returns 0, the content and the journal of the coming name changes are on disk.</summary>
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

    /// <summary>
    /// Synchronises the file systems mounted below too: no order of metadata holds between them and the journal.
    /// </summary>
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
        _pool.ForEach(
            [.. Remaining(jobs).Where(j => !_pieces.IsLarge(j))],
            (worker, job) => _outcomes.Try(job, () => _pieces.Compare(worker, job)));
        foreach (SwapJob job in Remaining(jobs).Where(_pieces.IsLarge))
            _outcomes.Try(job, () => _pieces.CompareLarge(job));
    }

    /// <summary>
    /// Checks that the original is still what was converted: its lease keeps it so until the job's files are closed.
    /// Then gives the stored form its name.
    /// </summary>
    internal bool Publish(SwapJob job) => _outcomes.Try(job, () =>
    {
        _content.RequireUnchanged(job);
        _publisher.Publish(job);
    });

    /// <summary>
    /// Takes the plain name away, once the stored form's name is on disk. Where another program changed the plain file
    /// since <see cref="Publish"/>, takes the stored form's name away instead.
    /// </summary>
    internal bool Retire(SwapJob job) => _outcomes.Try(job, () =>
    {
        try
        {
            // While the folder was synchronised, another program may have changed the file's mode, attributes or links.
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

    /// <summary>Ends a job that does not go on: removes its working name and closes its files.</summary>
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
    /// Makes the work of the journals durable and forgets them. False where they have to stay: then no other converter
    /// may write over them.
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
