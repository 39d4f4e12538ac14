namespace ZstdFs.Core.StoredFiles;

/// <summary>
/// Counts the versions that commits gave their file's name. Attributes that were gathered while a file's count moved
/// may be half of the version before and half of the one after.
/// </summary>
internal sealed class Publications
{
    private const int Counters = 256;

    private readonly long[] _ofSome = new long[Counters];
    private long _ofAll;

    /// <summary>Those of all files.</summary>
    internal long OfAll => Volatile.Read(ref _ofAll);

    /// <summary>Those of a file, and of the files that share its counter.</summary>
    internal long Of(ulong nodeId) => Volatile.Read(ref _ofSome[nodeId % Counters]);

    internal void Note(ulong nodeId)
    {
        Interlocked.Increment(ref _ofSome[nodeId % Counters]);
        Interlocked.Increment(ref _ofAll);
    }
}
