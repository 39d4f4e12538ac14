namespace ZstdFs.Core.Content;

/// <summary>
/// Lets attributes be read without a lock, all of one moment, beside the one thread that changes them: the number is
/// odd while several of them change together. A change holds no more than the fields: the reader spins.
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
