using System.Text;
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
    private const long MemoryBytes = 192 * 1024 * 1024;
    private const long FramesForThread = 8; // its own buffers, and two pieces of a large file

    private readonly ConvertedSource _opened;
    private readonly ConversionOptions _options;
    private readonly WorkerPool _pool;
    private readonly StoredOriginals _originals;
    private readonly SwapContent _content;
    private readonly SwapPublisher _publisher;
    private readonly JobOutcomes _outcomes;
    private readonly FolderTimes _folderTimes;
    private readonly BatchFeed _feed;

    // Paths (Latin-1) of what could not be looked at or entered: several walks meet it, and it is told once.
    private readonly HashSet<string> _told = [];

    private HardLinks _links = new(); // of the walk that is under way
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
        _outcomes = new JobOutcomes(options.Kind, Progress, observer, _publisher);
        _feed = new BatchFeed(opened, options.Kind, _content, _originals, _publisher, _pool, threads * 2, _outcomes,
            _folderTimes, Progress);
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
        bool revertsAll = RunWalks(start) && _options.RevertsAll;
        if (revertsAll)
            revertsAll = GiveNamesBack(start, isLast: true, out _);
        if (revertsAll && _opened.Start.IsRoot && Progress is { Left: 0 })
            _opened.RemoveState();
        else
            _opened.State.NoteEndedWell();
    }

    /// <summary>
    /// Walks until no file waits for another one's name: x.zst.zst can become x.zst only when x.zst has become x. After
    /// each walk come the files with several names, so that no path of theirs is older than the names in it.
    /// </summary>
    private bool RunWalks(SourceFolder start)
    {
        HashSet<NameKey>? waiting = null;
        for (bool mayDefer = true; ;)
        {
            long done = Progress.Files;
            _links = new HardLinks();
            var walk = new ConversionWalk(
                _opened.Source, start, _options, _opened.State.Given, this, _cancellation)
            {
                Only = waiting,
                MayDefer = mayDefer,
            };
            if (!_feed.Run(
                    () => new TreeWalk(_opened.Source, walk, _options.OneFileSystem, inBirthOrder: true).Run(start),
                    _cancellation)
                || !RunLinks())
                return false;
            waiting = [.. walk.Deferred, .. _links.Waiting];
            if (waiting.Count == 0)
                return true;
            bool isGivenBack = false;
            if (_options.RevertsAll && !GiveNamesBack(start, isLast: false, out isGivenBack))
                return false;
            mayDefer = Progress.Files > done || isGivenBack;
        }
    }

    /// <summary>
    /// Gives folders, symlinks and special files their own names again. False where the walk was cancelled.
    /// </summary>
    private bool GiveNamesBack(SourceFolder start, bool isLast, out bool isChanged)
    {
        isChanged = false;
        // Where nothing was ever stored, names that look escaped are no escapes.
        if (!_opened.WasSource && Progress.Files == 0)
            return true;
        var names = new RevertedNames(isLast && _opened.Start.IsRoot && Progress is { Left: 0 }, _opened.State.Given,
            isLast ? this : null, _cancellation);
        bool whole = new TreeWalk(_opened.Source, names, _options.OneFileSystem).Run(start);
        isChanged = names.HasChanged;
        return whole;
    }

    private bool RunLinks()
    {
        foreach (HardLinks.Group group in _links.Ready
            .Where(g => !g.IsComplete || _options.Kind == ConversionKind.Recompress))
        {
            _outcomes.Leave(
                group.Path,
                LeftReason.LinkedElsewhere,
                group.IsComplete
                    ? "it has several names"
                    : $"{group.Names.Count} of its {group.LinkCount} names are here");
        }
        foreach (IReadOnlyList<HardLinks.Group> chunk in _links.Ready
            .Where(g => g.IsComplete && _options.Kind != ConversionKind.Recompress)
            .Chunks(_feed.FilesInBatch / 4, FreeDescriptors / 2))
        {
            if (_cancellation.IsCancellationRequested)
                return false;
            var folders = new FolderSet(_opened.Source);
            try
            {
                _feed.Run(() =>
                {
                    foreach (HardLinks.Group group in chunk)
                        TakeGroup(folders, group);
                    return true;
                }, _cancellation);
            }
            finally
            {
                folders.Release();
            }
        }
        return true;
    }

    // Descriptors for files and folders. The folders of a chunk may take half of them.
    private static int FreeDescriptors =>
        (int)Math.Clamp(ResourceLimits.OpenFiles - BatchFeed.SpareDescriptors, 128, int.MaxValue);

    private void TakeGroup(FolderSet folders, HardLinks.Group group)
    {
        if (group.Folders.Count > FreeDescriptors)
            _outcomes.Leave(group.Path, LeftReason.Failed,
                $"its names are in {group.Folders.Count} folders, more than may be open at once: raise 'ulimit -n'");
        else if (folders.TryNames(group, out SwapName[] names, out Statx stat))
            _feed.Take(new SwapJob(names, stat));
        else
            _outcomes.Leave(group.Path, LeftReason.Changed, "its names cannot be looked at");
    }

    void IConversionCandidates.Take(SwapJob job) => _feed.Take(job);

    void IConversionCandidates.TakeLink(in WalkedFile file, byte[] original, byte[] target, bool waits) =>
        _links.Add(file, original, target, waits);

    bool IConversionCandidates.MakeRoom(SourceFolder folder, NativeName name) => _folderTimes.MakeRoom(folder, name);

    void IConversionCandidates.Keep() => Progress.NoteKept();

    void IConversionCandidates.Leave(ReadOnlySpan<byte> path, LeftReason reason, string detail)
    {
        if (reason != LeftReason.OtherSource || _told.Add(Encoding.Latin1.GetString(path)))
            _outcomes.Leave(path, reason, detail);
    }

    void IConversionCandidates.Unreadable(byte[] path, Errno error)
    {
        if (_told.Add(Encoding.Latin1.GetString(path)))
            _outcomes.Unreadable(path, error);
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
