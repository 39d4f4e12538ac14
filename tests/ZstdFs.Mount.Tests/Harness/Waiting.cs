using System.Diagnostics;

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>Waits for a condition, never longer than a limit.</summary>
internal static class Waiting
{
    private static readonly TimeSpan DefaultLimit = TimeSpan.FromSeconds(20);

    internal static bool For(Func<bool> condition, TimeSpan? limit = null)
    {
        TimeSpan longest = Patience.For(limit ?? DefaultLimit);
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > longest)
                return condition();
            Thread.Sleep(5);
        }
        return true;
    }
}
