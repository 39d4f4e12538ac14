using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// The frames of one stored file that are too large for the cache, and the spill file that they share. Thread-safe.
/// </summary>
internal sealed class GiantFrames(FileDescriptor stored, StreamBudget budget, Func<FileDescriptor>? spillFile)
    : IDisposable
{
    // Guards the table and the making of the spill file.
    private readonly Lock _gate = new();
    private readonly Dictionary<int, GiantFrame> _frames = [];
    private FileDescriptor? _spill;

    internal void Read(int frame, FrameExtent extent, long within, Span<byte> destination) =>
        Find(frame, extent).Read(within, destination);

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (GiantFrame frame in _frames.Values)
                frame.Dispose();
            _frames.Clear();
            _spill?.Dispose();
        }
    }

    private GiantFrame Find(int frame, FrameExtent extent)
    {
        lock (_gate)
        {
            if (_frames.TryGetValue(frame, out GiantFrame? giant))
                return giant;
            _spill ??= spillFile?.Invoke();
            giant = new GiantFrame(stored, extent, budget, _spill);
            _frames.Add(frame, giant);
            return giant;
        }
    }
}
