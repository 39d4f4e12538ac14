using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>What is known about a stored file without reading all of it.</summary>
/// <param name="InodeNumber">Inode number that users see.</param>
/// <param name="LogicalBytes">Length that users see.</param>
/// <param name="IsFresh">Created, and no content committed yet: it is empty, whatever is in it.</param>
/// <param name="IsOneFrame">The stored file is one frame from its first byte to its last.</param>
/// <param name="Birth">When the logical file was made.</param>
internal readonly record struct StoredFacts(
    ulong InodeNumber, long LogicalBytes, bool IsFresh, bool IsOneFrame, Timestamp Birth)
{
    /// <summary>It is known to have whole frames of zeros.</summary>
    internal bool HasHoles { get; init; }

    /// <summary>The record said so, and the frames were not asked.</summary>
    internal bool IsFromRecord { get; init; }

    /// <summary>Neither this mount nor, as far as is known, another program has written it without a sync.</summary>
    internal bool IsOnDisk { get; init; }

    /// <summary>The length of a file that cannot be opened: it is not known at all.</summary>
    internal const long UnknownBytes = -1;

    /// <summary>What the record says of the change time that users see.</summary>
    internal RecordedChange Change { get; init; }
}

/// <summary>
/// What a record says of the change time that users see, where it covers the stored file's own
/// (<see cref="SizeRecord.CoversChange"/>).
/// </summary>
/// <param name="Time">Zero where it does not: then the stored file's own counts.</param>
/// <param name="WindowEnd">End of the record's window.</param>
/// <param name="IsNew">The record was written just now, and the stored file's own change time is of that
/// moment.</param>
internal readonly record struct RecordedChange(Timestamp Time, long WindowEnd, bool IsNew = false)
{
    /// <summary>A change that a user makes now falls into the window.</summary>
    internal bool IsOpen => Time != default && ChangeWindow.MayCoverNow(WindowEnd);

    internal static RecordedChange Of(in SizeRecord record, in Statx stat) =>
        record.CoversChange(stat) ? new(record.ChangeTime, record.WindowEnd) : default;
}
