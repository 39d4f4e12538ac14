using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>One name of a file that changes its form: the name of the old form, and that of the new one.</summary>
/// <param name="Folder">Where both are; retained for the job.</param>
/// <param name="Original">Name of the old form, with its NUL.</param>
/// <param name="Target">Name of the new form, with its NUL.</param>
internal sealed record SwapName(SourceFolder Folder, byte[] Original, byte[] Target)
{
    /// <summary>Name of the file that is converted.</summary>
    internal NativeName OriginalName => new(Original);

    /// <summary>Name of what it becomes.</summary>
    internal NativeName TargetName => new(Target);

    /// <summary>Path of the file below the root.</summary>
    internal byte[] Path => Folder.PathOf(OriginalName.Bytes);
}

/// <summary>Ends the work on one file: it stays as it is.</summary>
internal sealed class FileLeftException(LeftReason reason, string detail = "") : Exception(detail)
{
    /// <summary>Why the file is left.</summary>
    internal LeftReason Reason { get; } = reason;

    /// <summary>What ends a file's conversion after this −errno.</summary>
    internal static FileLeftException Of(int result, string doing) => (Errno)(-result) switch
    {
        Errno.ENOSPC or Errno.EDQUOT => new(LeftReason.NoSpace, doing),
        Errno.EACCES or Errno.EPERM or Errno.EROFS => new(LeftReason.NotPermitted, $"{doing}: {(Errno)(-result)}"),
        Errno.ENOENT or Errno.ESTALE => new(LeftReason.Changed, doing),
        Errno.EEXIST => new(LeftReason.Conflict, ""),
        Errno.ETXTBSY => new(LeftReason.OpenForWriting),
        var other => new(LeftReason.Failed, $"{doing}: {other}"),
    };

    /// <summary>Returns the result where it is no error.</summary>
    internal static int Require(int result, string doing) => result >= 0 ? result : throw Of(result, doing);
}

/// <summary>
/// One file, by all its names, on its way from the old form to the new one. The walking thread or the pipeline makes
/// and ends it; in between it belongs to the thread that works on it.
/// </summary>
internal sealed class SwapJob(SwapName[] names, in Statx stat)
{
    /// <summary>The file's names.</summary>
    internal SwapName[] Names { get; } = names;

    /// <summary>The original when it was opened; before that, as the walk saw it.</summary>
    internal Statx Stat = stat;

    /// <summary>The file that is converted, open; null before and after.</summary>
    internal FileDescriptor? Original { get; set; }

    /// <summary>What it becomes, open; null before and after.</summary>
    internal FileDescriptor? Result { get; set; }

    /// <summary>
    /// The result's name in the working folder, with its NUL; null where it has none until it is published.
    /// </summary>
    internal byte[]? WorkingName { get; set; }

    /// <summary>The target exists and gives way.</summary>
    internal bool ReplacesTarget { get; init; }

    /// <summary>The target exists, is intact, and the original gives way to it: nothing is written.</summary>
    internal bool KeepsTarget { get; init; }

    /// <summary>
    /// Frames of the stored form, which is the original where <see cref="ConversionKind.Revert"/> makes a plain file of
    /// it.
    /// </summary>
    internal FrameMap? Map { get; set; }

    /// <summary>Frames of an original that is a stored file, where <see cref="Map"/> is the result's.</summary>
    internal FrameMap? OriginalMap { get; set; }

    /// <summary>Reads the content of an original that is a stored file.</summary>
    internal StoredFileReader? Reader { get; set; }

    /// <summary>Frames of the result, in order.</summary>
    internal List<SeekTableEntry> Frames { get; } = [];

    /// <summary>A frame of the result is zeros alone. Several threads may set it.</summary>
    internal bool HasHoles { get; set; }

    /// <summary>Length of the content.</summary>
    internal long LogicalBytes { get; set; }

    /// <summary>Length of the new file.</summary>
    internal long ResultBytes { get; set; }

    /// <summary>Inode number of the new file.</summary>
    internal ulong ResultInode { get; set; }

    /// <summary>What the progress counts of a large file that is not done.</summary>
    internal long PlainBytesUnderWay { get; set; }

    /// <summary>Bytes written to the new file so far.</summary>
    internal long StoredBytesUnderWay { get; set; }

    /// <summary>How many of the names lead to the result.</summary>
    internal int Published { get; set; }

    /// <summary>
    /// The record of a result that is a stored file. Written again when the file gets its name, because the name moves
    /// the change time.
    /// </summary>
    internal SizeRecord? Record { get; set; }

    /// <summary>
    /// The original has a lease: a program that opens it for writing waits until its descriptor is closed.
    /// </summary>
    internal bool IsLeased { get; set; }

    /// <summary>Where the file has two forms: the one that stays, as the first look saw it.</summary>
    internal StoredIdentity? Kept { get; set; }

    /// <summary>Set from the first failure on: the file stays as it is.</summary>
    internal bool IsLeft { get; set; }

    /// <summary>Why it is left.</summary>
    internal LeftReason Reason { get; set; }

    /// <summary>Closes both files.</summary>
    internal void CloseFiles()
    {
        Reader?.Dispose();
        Reader = null;
        Original?.Dispose();
        Result?.Dispose();
        (Original, Result) = (null, null);
    }
}
