namespace ZstdFs.Core.Overlays;

/// <summary>
/// Lets readers take several attributes, all of one moment, without a lock, beside the one thread that changes them.
/// The number is odd while that thread changes several together. A change does nothing but set the fields: readers spin
/// meanwhile.
/// </summary>
internal sealed class ShownSequence
{
    private int _number;

    /// <summary>The caller holds the content's lock alone, and ends the change before it waits for anything.</summary>
    internal Scope Change()
    {
        Interlocked.Increment(ref _number);
        return new Scope(this);
    }

    /// <summary>Before reading; waits for a change under way.</summary>
    internal int Look()
    {
        var wait = new SpinWait();
        int number;
        while (((number = Volatile.Read(ref _number)) & 1) != 0)
            wait.SpinOnce(sleep1Threshold: -1);
        return number;
    }

    /// <summary>After reading: what was read is not of one moment.</summary>
    internal bool HasChanged(int look)
    {
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref _number) != look;
    }

    /// <summary>A change under way.</summary>
    internal readonly ref struct Scope(ShownSequence sequence)
    {
        public void Dispose() => Interlocked.Increment(ref sequence._number);
    }
}
