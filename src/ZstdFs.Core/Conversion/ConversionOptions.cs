
namespace ZstdFs.Core.Conversion;

/// <summary>What a conversion makes of the files it finds.</summary>
public enum ConversionKind
{
    /// <summary>Plain files become stored files.</summary>
    Convert,
    /// <summary>Stored files become plain files.</summary>
    Revert,
    /// <summary>Stored files are compressed anew.</summary>
    Recompress,
}

/// <summary>What is done where both <c>x</c> and <c>x.zst</c> are there.</summary>
public enum ConflictChoice
{
    /// <summary>Both stay and are named.</summary>
    Skip,
    /// <summary><c>x</c> counts, <c>x.zst</c> goes.</summary>
    KeepPlain,
    /// <summary><c>x.zst</c> counts, once it has been decoded to its end, and <c>x</c> goes.</summary>
    KeepCompressed,
}

/// <summary>What is done with the .zst files that nothing of ours wrote.</summary>
public enum ExistingChoice
{
    /// <summary>They stay as they are, there and back: a mount shows what they hold.</summary>
    Show,
    /// <summary>
    /// Convert: they are converted like any other file, so that a mount shows them as <c>.zst</c> files.
    /// </summary>
    Wrap,
    /// <summary>Revert: they become plain files, too.</summary>
    Decode,
}

/// <summary>Why a file was left as it is.</summary>
public enum LeftReason
{
    /// <summary>Its other form has the name that it would get.</summary>
    Conflict,
    /// <summary>Another file has the name that it would get.</summary>
    NameTaken,
    /// <summary>A mount would show it under another name.</summary>
    Misread,
    /// <summary>It, or its folder, cannot be read or changed by this user.</summary>
    NotPermitted,
    /// <summary>A program has it open for writing.</summary>
    OpenForWriting,
    /// <summary>The kernel cannot tell whether a program has it open for writing.</summary>
    WritersUnknown,
    /// <summary>The folder is a source of its own, which a mount may serve at this moment.</summary>
    OtherSource,
    /// <summary>It was changed meanwhile.</summary>
    Changed,
    /// <summary>Some of its hard links are not among the files converted.</summary>
    LinkedElsewhere,
    /// <summary>Compressing it saves nothing, and it was asked to leave such files plain.</summary>
    Incompressible,
    /// <summary>The stored file is damaged.</summary>
    Damaged,
    /// <summary>
    /// The stored file may be intact, and cannot be decoded here: a window larger than the machine's memory, a
    /// dictionary, another format.
    /// </summary>
    NotDecodable,
    /// <summary>A newer zstdfs wrote its record, which this one cannot read.</summary>
    Newer,
    /// <summary>Its name is too long for the suffix.</summary>
    NameTooLong,
    /// <summary>Its whole name has no room among its extended attributes.</summary>
    NoRoomForName,
    /// <summary>An attribute of it cannot be put on the new file.</summary>
    AttributesNotKept,
    /// <summary>The disk is full.</summary>
    NoSpace,
    /// <summary>Reading or writing failed, or what was read back is not what was written.</summary>
    Failed,
}

/// <summary>How a conversion goes about it.</summary>
public sealed record ConversionOptions
{
    /// <summary>What is made of the files.</summary>
    public ConversionKind Kind { get; init; }

    /// <summary>What compresses and decodes.</summary>
    public CodecChoice Codec { get; init; }

    /// <summary>zstd level, −7 to 22.</summary>
    public int Level { get; init; } = 3;

    /// <summary>Logical bytes in each frame, as the mount writes them.</summary>
    public int FrameBytes { get; init; } = new FileSystemOptions().FrameBytes;

    /// <summary>Threads that compress and compare.</summary>
    public int Jobs { get; init; } = Environment.ProcessorCount;

    /// <summary>
    /// Only files that match one of these patterns; all where empty. Shell patterns over bytes. A pattern with a slash
    /// is matched against the path, any other against the name.
    /// </summary>
    public IReadOnlyList<byte[]> Include { get; init; } = [];

    /// <summary>Neither files nor folders that match one of these.</summary>
    public IReadOnlyList<byte[]> Exclude { get; init; } = [];

    /// <summary>All that was stored becomes plain. So folders get their own names again, too.</summary>
    internal bool RevertsAll => this is { Kind: ConversionKind.Revert, Include.Count: 0, Exclude.Count: 0 };

    /// <summary>Only files of at least this many (logical) bytes.</summary>
    public long MinBytes { get; init; }

    /// <summary>Other file systems mounted below are passed over.</summary>
    public bool OneFileSystem { get; init; } = true;

    /// <summary>Files that compression hardly makes smaller stay plain.</summary>
    public bool SkipIncompressible { get; init; }

    /// <summary>Logical bytes a second that are worked on at most; 0 for no limit.</summary>
    public long BytesPerSecond { get; init; }

    /// <summary>What is done where both forms of a file are there.</summary>
    public ConflictChoice OnConflict { get; init; }

    /// <summary>What is done with the .zst files that nothing of ours wrote.</summary>
    public ExistingChoice Existing { get; init; }

    /// <summary>Recompress: only files that no program has read for so long.</summary>
    public TimeSpan ColdFor { get; init; }

    /// <summary>Recompress: the new version must be smaller by this part, 0 to 1, or the old one stays.</summary>
    public double IfSaves { get; init; }
}

/// <summary>Is told which files are left as they are. Called from any thread.</summary>
public interface IConversionObserver
{
    /// <summary>A file was left.</summary>
    /// <param name="path">Below the source's root, as bytes.</param>
    /// <param name="reason">Why.</param>
    /// <param name="detail">More about it; may be empty.</param>
    void Left(ReadOnlySpan<byte> path, LeftReason reason, string detail);
}
