namespace ZstdFs.Core.Tests.Harness;

/// <summary>What calls take from the managed heap.</summary>
internal static class Allocations
{
    private const int Measurements = 5;

    /// <summary>
    /// Bytes that this thread allocates in <paramref name="calls"/> calls, after as many to warm up. The least of
    /// several measurements: the runtime makes an object of its own now and then, such as when it replaces code by a
    /// faster version. What a call takes is in every measurement.
    /// </summary>
    internal static long In(int calls, Action<int> call)
    {
        Run(calls, call);
        long least = long.MaxValue;
        for (int measurement = 0; measurement < Measurements; measurement++)
            least = Math.Min(least, Run(calls, call));
        return least;
    }

    private static long Run(int calls, Action<int> call)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < calls; i++)
            call(i);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
