using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// Which version of a stored file this is: a file of another inode, length or modification time is another version.
/// Stored files are replaced as a whole, so this tells versions apart without reading them.
/// </summary>
/// <param name="InodeNumber">Inode number in the source.</param>
/// <param name="Size">Length of the stored file in bytes.</param>
/// <param name="ModifyTime">Modification time of the stored file.</param>
internal readonly record struct StoredIdentity(ulong InodeNumber, long Size, Timestamp ModifyTime)
{
    /// <summary>A number that another version of a file hardly has.</summary>
    internal ulong Version =>
        InodeNumber * 0x9E37_79B9_7F4A_7C15 ^ (ulong)Size << 40 ^ (ulong)ModifyTime.Seconds << 20
            ^ (ulong)ModifyTime.Nanoseconds;

    /// <summary>
    /// Compares as the compiler's own would, but without its comparer for times. That one would be compiled when the
    /// first file is opened, which takes a millisecond.
    /// </summary>
    public bool Equals(StoredIdentity other) => InodeNumber == other.InodeNumber && Size == other.Size
        && ModifyTime.Seconds == other.ModifyTime.Seconds && ModifyTime.Nanoseconds == other.ModifyTime.Nanoseconds;

    public override int GetHashCode() => Version.GetHashCode();

    /// <summary>What tells the stored file that stat(2) shows.</summary>
    internal static StoredIdentity Of(in Statx stat) => new(stat.InodeNumber, stat.Size, stat.ModifyTime.ToTimestamp());
}
