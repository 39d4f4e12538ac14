using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// Which version of a stored file this is: a file of another inode, length or modification time is another version. Stored files are replaced
/// as a whole, so this tells versions apart without reading them.
/// </summary>
/// <param name="Device">Device of the file system.</param>
/// <param name="InodeNumber">Inode number in the source.</param>
/// <param name="Size">Length of the stored file in bytes.</param>
/// <param name="ModifyTime">Modification time of the stored file.</param>
internal readonly record struct StoredIdentity(ulong Device, ulong InodeNumber, long Size, Timestamp ModifyTime)
{
    internal static StoredIdentity Of(in Statx stat) => new(stat.Device, stat.InodeNumber, stat.Size, stat.ModifyTime.ToTimestamp());
}
