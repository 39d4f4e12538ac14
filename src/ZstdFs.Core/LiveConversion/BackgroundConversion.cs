using System.Diagnostics;
using System.Text;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;

namespace ZstdFs.Core.LiveConversion;

/// <summary>
/// <c>--plain=convert</c>: a thread of its own makes stored files of plain files that were looked up or closed. It
/// tries a file again later where the file is open through the mount, another process writes to it, or it was changed.
/// </summary>
internal sealed class BackgroundConversion : IConversionObserver, IDisposable
{
    private const int MostWaiting = 64 * 1024, FilesInBatch = 64;
    private const long BytesInBatch = 256 * 1024 * 1024;

    // A program that looks a file up is likely to open it next.
    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1), LongestDelay = TimeSpan.FromSeconds(10);

    private readonly StorageServices _services;
    private readonly StateFolder _state;
    private readonly NodeTable _nodes;
    private readonly NodeDescriptors _descriptors;
    private readonly PlainFileSwap _swap;
    private readonly CancellationTokenSource _stopping = new();

    // Guards what follows; a monitor, because the thread waits on it.
    private readonly object _gate = new();
    private readonly HashSet<Node> _known = [];
    private readonly PriorityQueue<Waiting, long> _queue = new();
    private Thread? _thread;

    private readonly record struct Waiting(Node Node, TimeSpan Delay);

    internal BackgroundConversion(
        StorageServices services, StateFolder state, NodeTable nodes, NodeDescriptors descriptors, PlainFileSwap swap)
    {
        (_services, _state, _swap) = (services, state, swap);
        (_nodes, _descriptors) = (nodes, descriptors);
    }

    /// <summary>
    /// A program looked a file up, or closed it. Nothing happens where the file waits already, or cannot be converted.
    /// </summary>
    internal void Consider(Node node)
    {
        // A file whose number is not from the allocator would get another number with its new form.
        if (node.Kind != NodeKind.Plain || node.StaysPlain || !InodeNumber.IsAllocated(node.Id))
            return;
        lock (_gate)
        {
            if (_stopping.IsCancellationRequested || _known.Count >= MostWaiting || !_known.Add(node))
                return;
            _nodes.Pin(node);
            Put(new Waiting(node, FirstDelay));
            if (_thread is not null)
                return;
            _thread = new Thread(Run) { IsBackground = true, Name = "convert" };
            _thread.Start();
        }
    }

    private void Put(Waiting waiting)
    {
        _queue.Enqueue(waiting, Stopwatch.GetTimestamp() + (long)(waiting.Delay.TotalSeconds * Stopwatch.Frequency));
        Monitor.PulseAll(_gate);
    }

    private void Run()
    {
        try
        {
            ConvertAll();
        }
        catch (Exception e)
        {
            // The files that wait stay plain until the next mount.
            _services.Log.Unexpected("converting plain files", e);
        }
    }

    private void ConvertAll()
    {
        FileConverter? converter = null;
        bool waits = true;
        while (!_stopping.IsCancellationRequested)
        {
            List<Waiting> batch = Take(waits);
            waits = batch.Count == 0;
            if (batch.Count > 0)
                Convert(batch, converter ??= new FileConverter(_services.Source, _state, Options(), this));
            else if (converter?.TryForgetJournals() == true)
            {
                converter.Dispose();
                converter = null;
            }
        }
        converter?.Dispose();
    }

    /// <summary>Half of the mount's threads, because programs that use the mount come first.</summary>
    private ConversionOptions Options() => new()
    {
        Codec = _services.Options.Codec,
        Level = _services.Options.Level,
        FrameBytes = _services.Options.FrameBytes,
        Jobs = Math.Max(1, _services.Options.Jobs / 2),
    };

    /// <summary>
    /// Takes the files that are due. None where it is time to stop, or where none is due and the caller does not wait.
    /// </summary>
    private List<Waiting> Take(bool waits)
    {
        var batch = new List<Waiting>();
        lock (_gate)
        {
            while (!_stopping.IsCancellationRequested && batch.Count < FilesInBatch)
            {
                bool any = _queue.TryPeek(out Waiting waiting, out long due);
                TimeSpan left = any
                    ? Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due)
                    : Timeout.InfiniteTimeSpan;
                if (any && left <= TimeSpan.Zero)
                    batch.Add(_queue.Dequeue());
                else if (batch.Count > 0 || !waits)
                    break;
                else
                    Monitor.Wait(_gate, left);
            }
        }
        return batch;
    }

    private void Convert(List<Waiting> batch, FileConverter converter)
    {
        var begun = new List<(Waiting Waiting, PlainFile File)>();
        long bytes = 0;
        foreach (Waiting waiting in batch)
        {
            PlainFile file = _swap.Begin(waiting.Node, converter);
            begun.Add((waiting, file));
            bytes += file.Job?.Stat.Size ?? 0;
            if (bytes < BytesInBatch)
                continue;
            Finish(begun, converter);
            bytes = 0;
        }
        Finish(begun, converter);
    }

    private void Finish(List<(Waiting Waiting, PlainFile File)> begun, FileConverter converter)
    {
        _swap.Run([.. begun.Select(b => b.File)], converter, _stopping.Token);
        foreach ((Waiting waiting, PlainFile file) in begun)
            End(waiting, file);
        begun.Clear();
    }

    private void End(Waiting waiting, PlainFile file)
    {
        file.Release();
        if (file.Outcome == SwapOutcome.StaysPlain)
            waiting.Node.StaysPlain = true;
        lock (_gate)
        {
            if (file.Outcome == SwapOutcome.Later && !_stopping.IsCancellationRequested)
            {
                Put(waiting with { Delay = TimeSpan.FromTicks(Math.Min(LongestDelay.Ticks, waiting.Delay.Ticks * 2)) });
                return;
            }
            _known.Remove(waiting.Node);
        }
        _descriptors.Unpin(waiting.Node);
    }

    void IConversionObserver.Left(ReadOnlySpan<byte> path, LeftReason reason, string detail)
    {
        // This reason holds for all files of the source, or of one user. The text is the same, so the log has one line.
        if (reason == LeftReason.WritersUnknown)
        {
            _services.Log.Warning(
                $"plain files stay as they are where it cannot be told who has them open for writing ({detail})");
        }
        else if (!PlainFileSwap.IsPassing(reason))
            _services.Log.Warning(
                $"'{Encoding.UTF8.GetString(path)}' stays plain: {reason}{(detail.Length == 0 ? "" : $" ({detail})")}");
    }

    /// <summary>Ends what is under way. The files that wait stay plain, and no more files are taken.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping.Cancel();
            Monitor.PulseAll(_gate);
        }
        _thread?.Join();
        while (_queue.TryDequeue(out Waiting waiting, out _))
            _descriptors.Unpin(waiting.Node);
        _known.Clear();
    }
}
