namespace ZstdFs.Core.Inodes;

/// <summary>
/// Gives memory back to the system after most nodes were forgotten: a daemon that has nothing to do allocates nothing, so the runtime would keep it for as long as the mount lasts.
/// </summary>
internal sealed class ReturnedMemory : IDisposable
{
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(1);

    private readonly Timer _timer = new(static _ => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true));

    /// <summary>Much was let go of; a second after the last call it is collected.</summary>
    internal void Expect() => _timer.Change(Delay, Timeout.InfiniteTimeSpan);

    public void Dispose() => _timer.Dispose();
}
