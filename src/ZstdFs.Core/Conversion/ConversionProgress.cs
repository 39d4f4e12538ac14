namespace ZstdFs.Core.Conversion;

/// <summary>How far a conversion has come: counts that only grow, readable at any time from any thread.</summary>
public sealed class ConversionProgress
{
    private long _files, _left, _asked, _plainBytes, _storedBytes, _recovered;

    /// <summary>Files that are done, hard links counted once.</summary>
    public long Files => Volatile.Read(ref _files);

    /// <summary>Files that should have been converted and were left as they are.</summary>
    public long Left => Volatile.Read(ref _left);

    /// <summary>Files left because the options ask for it (incompressible ones).</summary>
    public long LeftAsAsked => Volatile.Read(ref _asked);

    /// <summary>Logical bytes of the files that are done.</summary>
    public long PlainBytes => Volatile.Read(ref _plainBytes);

    /// <summary>Bytes that these files take, or took, as stored files.</summary>
    public long StoredBytes => Volatile.Read(ref _storedBytes);

    /// <summary>Files of an interrupted earlier run that were put in order first.</summary>
    public long Recovered => Volatile.Read(ref _recovered);

    internal void Done(long plainBytes, long storedBytes)
    {
        Interlocked.Add(ref _plainBytes, plainBytes);
        Interlocked.Add(ref _storedBytes, storedBytes);
        Interlocked.Increment(ref _files);
    }

    internal void NoteLeft(LeftReason reason) => Interlocked.Increment(ref reason == LeftReason.Incompressible ? ref _asked : ref _left);

    internal void NoteRecovered() => Interlocked.Increment(ref _recovered);
}
