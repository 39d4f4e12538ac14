namespace ZstdFs.Core.Inodes;

/// <summary>
/// Gives memory back to the system after most nodes were forgotten. A daemon that has nothing to do allocates nothing,
/// so the runtime would keep the memory for as long as the mount lasts.
/// </summary>
internal sealed class ReturnedMemory : IDisposable
{
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(1);

    private readonly Timer _timer = new(
        static _ => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true));

    /// <summary>Most nodes were forgotten: their memory is collected a second after the last call.</summary>
    internal void Expect() => _timer.Change(Delay, Timeout.InfiniteTimeSpan);

    public void Dispose() => _timer.Dispose();
}
