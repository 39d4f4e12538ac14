namespace ZstdFs.Core.Source;

/// <summary>
/// The inode numbers that a source's allocator may have given. A record with another number is of another source: its
/// file was copied or moved here with its attributes, and nothing of this source wrote it.
/// </summary>
/// <param name="First">The first one.</param>
/// <param name="End">The first one beyond.</param>
internal readonly record struct GivenNumbers(ulong First, ulong End)
{
    /// <summary>
    /// The state may be older than its files (it came back from a backup), and does not know of their numbers then.
    /// Another source's numbers begin elsewhere among 2^48, and hardly ever this near.
    /// </summary>
    private const ulong NotKnownYet = 1UL << 32;

    /// <summary>It is not known where the source's numbers begin: every record counts as one of its own.</summary>
    internal static GivenNumbers Any => new(0, ulong.MaxValue);

    /// <summary>The folder is no source yet, and has given none.</summary>
    internal static GivenNumbers None => default;

    /// <summary>What a source has given whose numbers begin there; 0 where that is not known.</summary>
    internal static GivenNumbers Of(ulong first, ulong reservedUpTo) =>
        first == 0 ? Any : new GivenNumbers(first, reservedUpTo + NotKnownYet);

    /// <summary>Whether the record may be one of this source.</summary>
    internal bool Contain(in SizeRecord record) => record.InodeNumber >= First && record.InodeNumber < End;
}
