using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>
/// Checks what is below one folder of a source: names, structure, records and, where asked for, the data. For the whole
/// source it checks <c>.zstdfs</c> too. Safe beside a live mount.
/// </summary>
public sealed class SourceCheck
{
    private const int FilesUnderWay = 256, SaveEveryMs = 5_000;
    private const int AnyLevel = 1;

    private readonly CheckOptions _options;
    private readonly FaultReport _report;
    private readonly InodeNumbers _numbers = new();

    // Another process serves the source, and may be in the middle of any of its files.
    private bool _mayChange;

    /// <summary>Prepares a check.</summary>
    public SourceCheck(CheckOptions options, ICheckObserver observer)
    {
        _options = options;
        _report = new FaultReport(Progress, observer);
    }

    /// <summary>How far it has come.</summary>
    public CheckProgress Progress { get; } = new();

    /// <summary>
    /// Another process serves or changes the source: the check left alone what needs the source's lock. Always false
    /// for a folder below the root.
    /// </summary>
    public bool IsServed { get; private set; }

    /// <summary>
    /// Checks. Returns early where it is cancelled; <see cref="CheckOptions.Resume"/> goes on from there.
    /// </summary>
    /// <param name="root">The source's root; taken over.</param>
    /// <param name="folder">
    /// Path of the folder below the root; empty for all of the source, which also checks <c>.zstdfs</c>.
    /// </param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="SourceException">The source cannot be read.</exception>
    public void Run(FileDescriptor root, byte[] folder, CancellationToken cancellation)
    {
        using var source = new SourceTree(root, readOnly: false);
        if (JournalRecovery.OpenFolder(source, folder) is not { } start
            || SystemCallsAt.Stat(start, out Statx stat) < 0)
            throw new SourceException(SourceProblem.Unusable, "the folder cannot be read");
        source.Devices.Learn(start, stat);
        var opened = new SourceFolder(start, folder, stat);
        var state = new StateCheck(source, _report, _options.Repair);
        if (opened.IsRoot)
            IsServed = state.Look();
        else
            state.LookForEpochs();
        _mayChange = IsServed || LockHolder.IsHeld(source.Root, new NativeName(".zstdfs/lock\0"u8));
        var mark = new CheckMark(source, folder);
        byte[] from = _options is { Resume: true, Data: true } ? mark.Resume() : [];
        bool whole;
        using (var pool = new WorkerPool(Codec.Of(_options.Codec), _options.Jobs, AnyLevel))
        {
            using var visitor = new Visitor(this, source, state, pool, mark, from, cancellation);
            whole = new TreeWalk(source, visitor, oneFileSystem: false).Run(opened);
            visitor.Wait();
            whole &= !cancellation.IsCancellationRequested;
        }
        if (_options.Data && whole)
            mark.Remove();
        else if (_options.Data)
            mark.Save();
        if (whole)
            CheckNumbers(source, opened, state);
        opened.Release();
    }

    private void CheckNumbers(SourceTree source, SourceFolder start, StateCheck state)
    {
        Dictionary<ulong, bool> duplicates = _numbers.Duplicates();
        if (start.IsRoot)
            state.LookAtNumbers(_numbers, IsServed);
        if (duplicates.Count == 0)
            return;
        using StateFolder? allocator = _options.Repair && !IsServed ? state.TryOpen() : null;
        var visitor = new DuplicateVisitor(duplicates, allocator, source, _report);
        new TreeWalk(source, visitor, oneFileSystem: false).Run(start);
        allocator?.NoteEndedWell();
    }

    private sealed class Visitor : ITreeVisitor, IDisposable
    {
        private readonly SourceCheck _check;
        private readonly SourceTree _source;
        private readonly WorkerPool _pool;
        private readonly CheckMark _mark;
        private readonly byte[] _from;
        private readonly CancellationToken _cancellation;
        private readonly StoredFileCheck _structure;
        private readonly DataCheck _data;
        private readonly SemaphoreSlim _room = new(FilesUnderWay);
        private long _savedAt = Environment.TickCount64;

        internal Visitor(SourceCheck check, SourceTree source, StateCheck state, WorkerPool pool,
            CheckMark mark, byte[] from, CancellationToken cancellation)
        {
            (_check, _source, _pool, _mark, _from, _cancellation) = (check, source, pool, mark, from, cancellation);
            WindowLimit windows = WindowLimit.OfTools(Codec.Of(check._options.Codec));
            _structure = new StoredFileCheck(source, windows, state, check._options.Repair && !state.HasNewer);
            _data = new DataCheck(windows, new RateLimit(check._options.BytesPerSecond), check.Progress);
        }

        public bool Listed(SourceFolder folder, DirectoryListing listing)
        {
            NameCheck.Look(folder, listing, _check._mayChange, _check._report);
            return false;
        }

        public void Unreadable(byte[] path, Errno error) =>
            _check._report.Add(path, FaultKind.Unreadable, error.ToString());

        public bool Enters(SourceFolder parent, NativeName name, in Statx stat)
        {
            _check._numbers.Add(_source, parent, name, stat, isStored: false);
            return true;
        }

        public bool Visit(in WalkedFile file)
        {
            bool isStored = file.Stat.IsRegular && StoredName.TryToLogical(file.Name.Bytes, out _);
            if (isStored || !file.Stat.IsRegular)
                _check._numbers.Add(_source, file.Folder, file.Name, file.Stat, isStored);
            if (isStored)
                Post(file);
            return !_cancellation.IsCancellationRequested;
        }

        /// <summary>Returns when all files that were begun have ended.</summary>
        internal void Wait()
        {
            for (int i = 0; i < FilesUnderWay; i++)
                _room.Wait();
        }

        public void Dispose() => _room.Dispose();

        private void Post(in WalkedFile file)
        {
            byte[] path = file.Folder.PathOf(file.Name.Bytes);
            bool withData = _check._options.Data && (_from.Length == 0 || CheckMark.IsAfter(path, _from));
            _room.Wait();
            Action end = _mark.Begin(path);
            var task = new FileTask(
                _source, file.Folder.Retain(), file.Name.Terminated.ToArray(), _structure, withData ? _data : null,
                _check._report, _check.Progress,
                isWhole =>
                {
                    if (isWhole)
                        end();
                    _room.Release();
                },
                _cancellation);
            _pool.Post(worker => task.Run(worker, _pool));
            if (!_check._options.Data || Environment.TickCount64 - _savedAt < SaveEveryMs)
                return;
            _savedAt = Environment.TickCount64;
            _mark.Save();
        }
    }
}
