using ZstdFs.Core.Compression;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>
/// Checks one stored file, in as many steps as its frames are worth. A mount or another program may replace the file
/// meanwhile. Then what looks like a fault is none, and the new version is checked instead.
/// </summary>
internal sealed class FileTask(
    SourceTree source, SourceFolder folder, byte[] name, StoredFileCheck structure, DataCheck? data,
    FaultReport report, CheckProgress progress, Action<bool> done, CancellationToken cancellation)
{
    private const int FramesOfStep = 64, Attempts = 3;

    private readonly Lock _gate = new(); // guards _lost
    private readonly List<UndecodableRange> _lost = [];
    private int _attempt, _stepsLeft;

    private NativeName Name => new(name);

    internal void Run(Worker worker, WorkerPool pool)
    {
        if (cancellation.IsCancellationRequested)
        {
            Finish(isWhole: false);
            return;
        }
        int result = source.OpenRead(folder.Descriptor, Name, out FileDescriptor file);
        Statx stat = default;
        if (result >= 0)
            result = SystemCallsAt.Stat(file, out stat);
        if (result < 0)
        {
            if (result != -(int)Errno.ENOENT)
                report.Add(folder.PathOf(Name.Bytes), FaultKind.Unreadable, $"{(Errno)(-result)}");
            Finish(isWhole: !cancellation.IsCancellationRequested);
            return;
        }
        if (_attempt++ == 0)
            progress.NoteFile(stat.Size);
        var findings = new List<StoredFileCheck.Finding>();
        FrameMap? map = structure.Look(file, stat, findings);
        int frames = data is null || map is null ? 0 : FramesToDecode(map);
        if (frames == 0)
        {
            Conclude(worker, pool, file, stat, findings);
            return;
        }
        int steps = (frames + FramesOfStep - 1) / FramesOfStep;
        _stepsLeft = steps;
        for (int step = 1; step < steps; step++)
        {
            int first = step * FramesOfStep;
            pool.Post(w => Step(w, pool, file, stat, map!, first, frames, findings), urgent: true);
        }
        Step(worker, pool, file, stat, map!, 0, frames, findings);
    }

    /// <summary>
    /// A damaged map may end with the damaged frame, of which a structure finding tells already. Only that frame
    /// reaches to the file's end then: behind an intact one lies what the finding is about.
    /// </summary>
    private static int FramesToDecode(FrameMap map) =>
        map.FrameCount > 0 && map.Damage is not null && map.EndOfFrames == map.StoredBytes
            ? map.FrameCount - 1 : map.FrameCount;

    private void Step(
        Worker worker, WorkerPool pool, FileDescriptor file, Statx stat, FrameMap map, int first,
        int frames, List<StoredFileCheck.Finding> findings)
    {
        List<UndecodableRange> lost = data!.FindLost(
            worker, file, map, first, Math.Min(frames, first + FramesOfStep), cancellation);
        lock (_gate)
            _lost.AddRange(lost);
        if (Interlocked.Decrement(ref _stepsLeft) > 0)
            return;
        foreach (UndecodableRange range in _lost.OrderBy(l => l.Start))
            Add(findings, range);
        Conclude(worker, pool, file, stat, findings);
    }

    private static void Add(List<StoredFileCheck.Finding> findings, in UndecodableRange range)
    {
        FaultKind kind = range.Cause is StorageException ? FaultKind.Data : StoredFileCheck.KindOf(range.Cause);
        // The structure's finding already tells of a dictionary.
        if (range.Cause.IsIntact && findings.Any(f => f.Kind == kind))
            return;
        findings.Add(new StoredFileCheck.Finding(kind, range.Cause.IsIntact
            ? $"bytes {range.Start} to {range.End - 1} of its content cannot be decoded here: {range.Reason}"
            : $"bytes {range.Start} to {range.End - 1} of its content are lost: {range.Reason}", false));
    }

    private void Conclude(
        Worker worker, WorkerPool pool, FileDescriptor file, in Statx stat, List<StoredFileCheck.Finding> findings)
    {
        file.Dispose();
        if (findings.Count > 0 && _attempt < Attempts && WasReplaced(stat))
        {
            lock (_gate)
                _lost.Clear();
            Run(worker, pool);
            return;
        }
        foreach (StoredFileCheck.Finding finding in findings)
            report.Add(folder.PathOf(Name.Bytes), finding.Kind, finding.Detail, finding.IsMended);
        Finish(isWhole: !cancellation.IsCancellationRequested);
    }

    private bool WasReplaced(in Statx stat) =>
        SystemCallsAt.Stat(folder.Descriptor, Name, out Statx now) < 0
        || StoredIdentity.Of(now) != StoredIdentity.Of(stat);

    private void Finish(bool isWhole)
    {
        folder.Release();
        done(isWhole);
    }
}
