using System.Text;
using ZstdFs.Core.Source;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// A name in a folder, whatever the folder is called: a folder gets another name when a stored file needs its own.
/// </summary>
/// <param name="Device">The folder's file system.</param>
/// <param name="Inode">The folder's inode number there.</param>
/// <param name="Name">The name (Latin-1).</param>
internal readonly record struct NameKey(ulong Device, ulong Inode, string Name)
{
    internal static NameKey Of(SourceFolder folder, ReadOnlySpan<byte> name) =>
        new(folder.Stat.Device, folder.Stat.InodeNumber, Encoding.Latin1.GetString(name));
}
