namespace ZstdFs.Core.Conversion;

/// <summary>
/// Lets all threads together work on so many bytes a second. Unused time is not saved up. Thread-safe.
/// </summary>
internal sealed class RateLimit(long bytesPerSecond)
{
    private readonly Lock _gate = new(); // guards _free
    private long _free = Environment.TickCount64 * 1000; // microseconds: when the next byte may go

    /// <summary>Waits until these bytes may be worked on.</summary>
    internal void Take(int bytes)
    {
        if (bytesPerSecond <= 0)
            return;
        long waitUs;
        lock (_gate)
        {
            long now = Environment.TickCount64 * 1000;
            waitUs = Math.Max(0, _free - now);
            _free = Math.Max(_free, now) + (long)(bytes * 1e6 / bytesPerSecond);
        }
        if (waitUs > 0)
            Thread.Sleep(TimeSpan.FromMicroseconds(waitUs));
    }
}
