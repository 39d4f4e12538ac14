using ZstdFs.Core.Compression.Cache;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>Keeps idle watches for reuse: the kernel takes milliseconds to end one, and lets a user have 128.</summary>
internal sealed class FolderWatches : IDisposable
{
    private const int MostIdle = 4;

    private readonly BoundedStack<FolderWatch> _idle = new(MostIdle);

    /// <summary>
    /// A watch that has begun to note the names that come into the folder; null where the kernel grants none. It goes
    /// back with <see cref="Return"/>.
    /// </summary>
    internal FolderWatch? TryWatch(FileDescriptor folder)
    {
        FolderWatch? watch = _idle.TryPop();
        if (watch is null && FolderWatch.Create(out watch) < 0)
            return null;
        if (watch!.Begin(folder) >= 0)
            return watch;
        Return(watch);
        return null;
    }

    /// <summary>Takes a watch back; null is none.</summary>
    internal void Return(FolderWatch? watch)
    {
        if (watch is null)
            return;
        watch.End();
        if (!_idle.TryPush(watch))
            watch.Dispose();
    }

    public void Dispose()
    {
        while (_idle.TryPop() is { } watch)
            watch.Dispose();
    }
}
