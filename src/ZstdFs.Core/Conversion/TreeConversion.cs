using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Conversion.Forms;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Converts, reverts or recompresses what is below one folder of a source, in place. Whenever it is interrupted, every
/// file is there in one complete form at least, and the next run goes on. It holds the source's lock until it is
/// disposed of.
/// </summary>
public sealed class TreeConversion : IConversionCandidates, IDisposable
{
    private const long BatchBytes = 256 * 1024 * 1024, OpenInCallerBytes = 1024 * 1024;
    private const int MostFilesInBatch = 1024, DescriptorsPerFile = 16, SpareDescriptors = 200;
    private const long MemoryBytes = 192 * 1024 * 1024;
    private const long FramesForThread = 8; // its own buffers, and two pieces of a large file

    private readonly ConvertedSource _opened;
    private readonly ConversionOptions _options;
    private readonly WorkerPool _pool;
    private readonly StoredOriginals _originals;
    private readonly SwapContent _content;
    private readonly SwapPublisher _publisher;
    private readonly PieceWork _pieces;
    private readonly JobOutcomes _outcomes;
    private readonly FolderTimes _folderTimes;
    private readonly HardLinks _links = new();
    private readonly int _filesInBatch;

    private int _batchNumber;
    private Batch _batch = new(0);
    private BatchPipeline? _pipeline;
    private CancellationToken _cancellation;

    private TreeConversion(ConvertedSource opened, ConversionOptions options, IConversionObserver observer)
    {
        (SourceTree source, StateFolder state) = (opened.Source, opened.State);
        (_opened, _options) = (opened, options);
        int threads = ThreadsFor(options);
        var codec = Codec.Of(options.Codec);
        _pool = new WorkerPool(codec, threads, options.Level);
        _originals = new StoredOriginals(codec, threads);
        var rate = new RateLimit(options.BytesPerSecond);
        _content = options.Kind switch
        {
            ConversionKind.Convert => new StoredContent(source, state, options, rate),
            ConversionKind.Revert => new PlainContent(source, _originals, rate),
            _ => new RecompressedContent(source, state, _originals, options, rate),
        };
        _publisher = new SwapPublisher(source, state);
        _folderTimes = new FolderTimes(source, state);
        _folderTimes.NoteRoot();
        _pieces = new PieceWork(_content, _pool, threads * 2, Progress);
        _outcomes = new JobOutcomes(options.Kind, Progress, observer, _publisher);
        _filesInBatch = (int)Math.Clamp(
            (ResourceLimits.OpenFiles - SpareDescriptors) / DescriptorsPerFile, 16, MostFilesInBatch);
    }

    /// <summary>As many as memory allows.</summary>
    internal static int ThreadsFor(ConversionOptions options)
    {
        if (options.Jobs == 1)
            return 1;
        long perThread = FramesForThread * options.FrameBytes
            + FrameEncoder.MemoryBytes(Codec.Of(options.Codec), options.Level, options.FrameBytes);
        return (int)Math.Clamp(MemoryBytes / perThread, 1, options.Jobs);
    }

    /// <summary>How far it has come.</summary>
    public ConversionProgress Progress { get; } = new();

    /// <summary>
    /// The file system did not tell of some file whether a program has it open for writing, and the conversion did not
    /// leave the file for that.
    /// </summary>
    public bool WentWithoutLease => _content.WentWithoutLease;

    /// <summary>Takes the source's lock.</summary>
    /// <param name="root">The source's root, open for reading; taken over.</param>
    /// <param name="folder">Path of the folder below it, empty for the root.</param>
    /// <param name="options">How.</param>
    /// <param name="observer">Is told what is left.</param>
    /// <exception cref="SourceException">The source is in use, cannot be written, or has unfinished writes.</exception>
    public static TreeConversion Open(
        FileDescriptor root, ReadOnlySpan<byte> folder, ConversionOptions options, IConversionObserver observer)
    {
        var opened = ConvertedSource.Open(root, folder, options);
        try
        {
            return new TreeConversion(opened, options, observer);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Does it. A cancelled run returns early, and has ended or taken back everything that it had begun.
    /// </summary>
    /// <exception cref="ConversionException">It could not go on.</exception>
    public void Run(CancellationToken cancellation)
    {
        _cancellation = cancellation;
        if (new JournalRecovery(_opened.Source, _opened.State, Progress).Run() < 0)
            throw new ConversionException(
                "what an earlier run left could not be put in order: the disk reports errors");
        _publisher.RemoveLeftovers();
        // Looks only after the recovery, which also restores folder times.
        if (SystemCallsAt.Stat(_opened.Start.Descriptor, out Statx stat) is < 0 and var unseen)
            throw new ConversionException($"the folder cannot be looked at ({(Errno)(-unseen)})");
        var start = new SourceFolder(_opened.Start.Descriptor, _opened.Start.Path, stat, ownsDescriptor: false);
        // The first walk wraps found .zst files, which may have the plain files' new names.
        bool whole = (_options.Existing != ExistingChoice.Wrap || RunWalks(start, wraps: true))
            && RunWalks(start, wraps: false);
        if (whole)
            RunLinks();
        bool revertsAll = whole && _options is { Kind: ConversionKind.Revert, Include.Count: 0, Exclude.Count: 0 };
        // Where nothing was ever stored, names that look escaped are no escapes.
        if (revertsAll && (_opened.WasSource || Progress.Files > 0))
            revertsAll = new TreeWalk(_opened.Source,
                new RevertedNames(_opened.Start.IsRoot && Progress is { Left: 0 }, this, cancellation),
                _options.OneFileSystem).Run(start);
        if (revertsAll && _opened.Start.IsRoot && Progress is { Left: 0 })
            _opened.RemoveState();
        else
            _opened.State.NoteEndedWell();
    }

    /// <summary>
    /// Walks until no file waits for another one's name: x.zst.zst can become x.zst only when x.zst has become x.
    /// </summary>
    private bool RunWalks(SourceFolder start, bool wraps)
    {
        var walk = new ConversionWalk(_opened.Source, start, _options, this, _cancellation) { Wraps = wraps };
        while (true)
        {
            long done = Progress.Files;
            ConversionWalk current = walk;
            if (!Through(() =>
                new TreeWalk(_opened.Source, current, _options.OneFileSystem, inBirthOrder: true).Run(start)))
                return false;
            if (walk.Deferred.Count == 0)
                return true;
            walk = new ConversionWalk(_opened.Source, start, _options, this, _cancellation)
            {
                Wraps = wraps,
                Only = walk.Deferred,
                MayDefer = Progress.Files > done,
            };
        }
    }

    /// <summary>Runs what makes jobs, and then the jobs to their end.</summary>
    private bool Through(Func<bool> makeJobs)
    {
        using (_pipeline = new BatchPipeline(
            _opened.Source, _opened.State, _content, _publisher, _pieces, _pool, _outcomes, _folderTimes))
        {
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
            _pipeline.Complete();
            return whole;
        }
    }

    /// <summary>
    /// Hands the batch over. Where an exception has ended the pipeline, throws it, and the batch stays here.
    /// </summary>
    private void Submit()
    {
        _pipeline!.Submit(_batch);
        _batch = new Batch(_batchNumber++);
    }

    private void Abandon(Batch batch)
    {
        batch.Writing.Wait();
        foreach (SwapJob job in batch.Jobs)
            _publisher.RemoveWorkingName(job);
        batch.Release();
    }

    private void RunLinks()
    {
        foreach (HardLinks.Group group in _links.Groups
            .Where(g => !g.IsComplete || _options.Kind == ConversionKind.Recompress))
        {
            _outcomes.Leave(
                group.Path,
                LeftReason.LinkedElsewhere,
                group.IsComplete
                    ? "it has several names"
                    : $"{group.Names.Count} of its {group.LinkCount} names are here");
        }
        foreach (IReadOnlyList<HardLinks.Group> chunk in _links.Groups
            .Where(g => g.IsComplete && _options.Kind != ConversionKind.Recompress)
            .Chunks(_filesInBatch / 4, FreeDescriptors / 2))
        {
            if (_cancellation.IsCancellationRequested)
                return;
            var folders = new FolderSet(_opened.Source);
            try
            {
                Through(() =>
                {
                    foreach (HardLinks.Group group in chunk)
                        TakeGroup(folders, group);
                    return true;
                });
            }
            finally
            {
                folders.Release();
            }
        }
    }

    // Descriptors for files and folders. The folders of a chunk may take half of them.
    private static int FreeDescriptors =>
        (int)Math.Clamp(ResourceLimits.OpenFiles - SpareDescriptors, 128, int.MaxValue);

    private void TakeGroup(FolderSet folders, HardLinks.Group group)
    {
        if (group.Folders.Count > FreeDescriptors)
            _outcomes.Leave(group.Path, LeftReason.Failed,
                $"its names are in {group.Folders.Count} folders, more than may be open at once: raise 'ulimit -n'");
        else if (folders.TryNames(group, out SwapName[] names, out Statx stat))
            Take(new SwapJob(names, stat));
        else
            _outcomes.Leave(group.Path, LeftReason.Changed, "its names cannot be looked at");
    }

    void IConversionCandidates.Take(SwapJob job) => Take(job);

    void IConversionCandidates.TakeLink(in WalkedFile file, byte[] original, byte[] target) =>
        _links.Add(file.Stat.Device, file.Stat.InodeNumber, file.Stat.LinkCount, file.Folder.Path, original, target);

    void IConversionCandidates.Keep() => Progress.NoteKept();

    void IConversionCandidates.Leave(ReadOnlySpan<byte> path, LeftReason reason, string detail) =>
        _outcomes.Leave(path, reason, detail);

    void IConversionCandidates.Unreadable(byte[] path, Errno error) => _outcomes.Unreadable(path, error);

    private void Take(SwapJob job)
    {
        if (!_batch.HasRoomFor(job))
            SubmitBefore(job);
        Batch batch = _batch;
        batch.Add(job);
        bool fits = _outcomes.Try(job, () => ConversionJournal.RequireRoom(job));
        bool created = fits && (job.KeepsTarget
            || _outcomes.Try(job, () => FileLeftException.Require(_publisher.Create(job), "making the new file")));
        if (created && job.Stat.Size >= OpenInCallerBytes && !job.KeepsTarget)
            TakeLarge(batch, job);
        else if (created)
            Post(batch, job, () => _content.Open(job));
        if (batch.Jobs.Count < _filesInBatch && batch.Bytes < BatchBytes)
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
        if (!_outcomes.Try(job, () => _content.Open(job)))
            return;
        if (!_pieces.IsLarge(job))
        {
            Post(batch, job, () => { });
            return;
        }
        try
        {
            _outcomes.Try(job, () => _pieces.WriteLarge(job, _cancellation));
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
        _pool.Post(worker =>
        {
            _outcomes.Try(job, () =>
            {
                open();
                if (job.KeepsTarget)
                    KeptTarget.RequireIntact(_opened.Source, _originals, _options.Kind, job);
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

    /// <summary>Lets go of the source.</summary>
    public void Dispose()
    {
        _pool.Dispose();
        _originals.Dispose();
        _folderTimes.Dispose();
        _opened.Dispose();
    }
}
