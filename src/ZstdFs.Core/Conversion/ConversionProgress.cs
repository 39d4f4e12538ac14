namespace ZstdFs.Core.Conversion;

/// <summary>How far a conversion has come: counts that only grow, readable at any time from any thread.</summary>
public sealed class ConversionProgress
{
    private long _files, _left, _asked, _plainBytes, _storedBytes, _recovered, _kept, _plainUnderWay, _storedUnderWay;

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

    /// <summary>Logical bytes of large files that are under way, as far as they have come.</summary>
    public long PlainBytesUnderWay => Volatile.Read(ref _plainUnderWay);

    /// <summary>The same as stored bytes.</summary>
    public long StoredBytesUnderWay => Volatile.Read(ref _storedUnderWay);

    /// <summary>Files of an interrupted earlier run that were put in order first.</summary>
    public long Recovered => Volatile.Read(ref _recovered);

    /// <summary>Revert: .zst files that stay what they are, because nothing of ours wrote them.</summary>
    public long Kept => Volatile.Read(ref _kept);

    /// <summary>A file is converted.</summary>
    internal void Done(long plainBytes, long storedBytes)
    {
        Interlocked.Add(ref _plainBytes, plainBytes);
        Interlocked.Add(ref _storedBytes, storedBytes);
        Interlocked.Increment(ref _files);
    }

    /// <summary>A large file has come so far; zeros when the work on it ends.</summary>
    internal void NoteUnderWay(SwapJob job, long plainBytes, long storedBytes)
    {
        Interlocked.Add(ref _plainUnderWay, plainBytes - job.PlainBytesUnderWay);
        Interlocked.Add(ref _storedUnderWay, storedBytes - job.StoredBytesUnderWay);
        (job.PlainBytesUnderWay, job.StoredBytesUnderWay) = (plainBytes, storedBytes);
    }

    /// <summary>A file is left as it is.</summary>
    internal void NoteLeft(LeftReason reason) =>
        Interlocked.Increment(ref reason == LeftReason.Incompressible ? ref _asked : ref _left);

    /// <summary>A .zst file stays what it is, because nothing of ours wrote it.</summary>
    internal void NoteKept() => Interlocked.Increment(ref _kept);

    /// <summary>A file of an earlier run is put in order.</summary>
    internal void NoteRecovered() => Interlocked.Increment(ref _recovered);
}
