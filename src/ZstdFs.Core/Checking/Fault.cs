
namespace ZstdFs.Core.Checking;

/// <summary>What can be wrong in a source.</summary>
public enum FaultKind
{
    /// <summary>A file or folder cannot be read.</summary>
    Unreadable,
    /// <summary>The stored file is not a run of zstd frames from its beginning to its end.</summary>
    Structure,
    /// <summary>The seek table is at odds with the frames.</summary>
    SeekTable,
    /// <summary>A frame needs more memory than this machine has: nothing is lost.</summary>
    WindowTooLarge,
    /// <summary>A file of another format, or a frame that needs a dictionary: nothing is lost.</summary>
    Unsupported,
    /// <summary>A frame does not decode, or decodes to other content than its checksum or length says.</summary>
    Data,
    /// <summary>The record in user.zstdfs cannot be read.</summary>
    RecordDamaged,
    /// <summary>The record is about another version of the file. Harmless: the frames tell the size.</summary>
    RecordStale,
    /// <summary>The record says another size than the frames hold: a mount shows the record's size.</summary>
    RecordWrong,
    /// <summary>fuse-zstd's size attribute is wrong.</summary>
    ForeignSizeWrong,
    /// <summary>Two files have one inode number.</summary>
    DuplicateNumber,
    /// <summary>A file is there in both forms, plain and stored.</summary>
    BothForms,
    /// <summary>Two entries have one name in a mount: the mount hides one of them.</summary>
    HiddenName,
    /// <summary>Without its suffix, a stored file's name is one that no file may have.</summary>
    NoLogicalName,
    /// <summary>A stored file has a shortened name, and its whole name is lost.</summary>
    NameLost,
    /// <summary><c>.zstdfs</c>, or something that must be in it, is not what it should be.</summary>
    StateDamaged,
    /// <summary>The allocator would give out inode numbers that are in use.</summary>
    NumbersBehind,
    /// <summary>A newer zstdfs wrote it: this one cannot read it, and leaves it as it is.</summary>
    Newer,
    /// <summary>Something in <c>.zstdfs</c> that zstdfs does not know.</summary>
    UnknownState,
    /// <summary>A version under construction that a crash left. It is of no use.</summary>
    Leftover,
    /// <summary>Writes or a rename that a mount left unfinished.</summary>
    UnfinishedWrites,
    /// <summary>A working copy that no mount can finish, because its record is damaged.</summary>
    WorkingCopyDamaged,
    /// <summary>A conversion was interrupted.</summary>
    UnfinishedConversion,
}

/// <summary>One thing that is wrong.</summary>
/// <param name="Path">Path below the source's root, as bytes.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Detail">More about it, such as what is lost.</param>
/// <param name="IsMended">The check has mended it.</param>
public sealed record Fault(byte[] Path, FaultKind Kind, string Detail, bool IsMended);

/// <summary>The check tells this of each fault, from any of its threads.</summary>
public interface ICheckObserver
{
    /// <summary>Something is wrong.</summary>
    void Found(Fault fault);
}

/// <summary>How a source is checked.</summary>
public sealed record CheckOptions
{
    /// <summary>Decode every frame.</summary>
    public bool Data { get; init; }

    /// <summary>Mend what can be mended without touching content.</summary>
    public bool Repair { get; init; }

    /// <summary>Leave out the data of the files that an interrupted check has finished.</summary>
    public bool Resume { get; init; }

    /// <summary>What decodes.</summary>
    public CodecChoice Codec { get; init; }

    /// <summary>Threads.</summary>
    public int Jobs { get; init; } = Environment.ProcessorCount;

    /// <summary>Most stored bytes that are read in a second; 0 for no limit.</summary>
    public long BytesPerSecond { get; init; }
}

/// <summary>Counts of a check, readable while it runs.</summary>
public sealed class CheckProgress
{
    private long _files, _storedBytes, _plainBytes, _faults, _mended;

    /// <summary>Stored files looked at.</summary>
    public long Files => Volatile.Read(ref _files);
    /// <summary>Their bytes.</summary>
    public long StoredBytes => Volatile.Read(ref _storedBytes);
    /// <summary>Bytes of content that the check has gone through, lost ones included.</summary>
    public long PlainBytes => Volatile.Read(ref _plainBytes);
    /// <summary>Faults, mended ones included.</summary>
    public long Faults => Volatile.Read(ref _faults);
    /// <summary>Faults that were mended.</summary>
    public long Mended => Volatile.Read(ref _mended);

    internal void NoteFile(long storedBytes)
    {
        Interlocked.Increment(ref _files);
        Interlocked.Add(ref _storedBytes, storedBytes);
    }

    internal void NoteDecoded(long bytes) => Interlocked.Add(ref _plainBytes, bytes);

    internal void Note(Fault fault)
    {
        Interlocked.Increment(ref _faults);
        if (fault.IsMended)
            Interlocked.Increment(ref _mended);
    }
}
