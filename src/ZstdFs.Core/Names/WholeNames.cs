using System.Text;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Names;

/// <summary>
/// Adds to the <see cref="FullNames"/> of a file that may have hard links. Such a file keeps the names that it lost,
/// too, because another folder may have it under the same name. They are removed when there is no room for one more.
/// </summary>
internal sealed class WholeNames(SourceTree source, DirectoryCache directories)
{
    private const int ListingBytes = 32 * 1024;

    /// <summary>Adds a name that the file is about to get, as <see cref="FullNames.Add"/> does.</summary>
    /// <param name="node">The file's node, or null. The caller holds its gate.</param>
    /// <param name="place">A name that the file has.</param>
    /// <param name="stored">That name in the source.</param>
    /// <param name="target">The folder of the new name.</param>
    /// <param name="name">The new name.</param>
    /// <param name="isOnlyLink">The file is about to lose the name that it has, and has no other.</param>
    internal int Add(Node? node, Place place, NativeName stored, Node target, ReadOnlySpan<byte> name, bool isOnlyLink)
    {
        int result = FullNames.Add(source, place.Directory, stored, name, isOnlyLink);
        return result == -(int)Errno.EMLINK && TryDropUnused(node, place.Directory, stored, [place.Folder, target])
            ? FullNames.Add(source, place.Directory, stored, name, isOnlyLink) : result;
    }

    /// <summary>
    /// Looks for the file in each folder where it may be, and drops the whole names that it did not find. It drops them
    /// only where it found as many names as the file has links: else another folder may have the file under one of
    /// them.
    /// </summary>
    private bool TryDropUnused(Node? node, FileDescriptor directory, NativeName stored, HashSet<Node> folders)
    {
        if (SystemCallsAt.Stat(directory, stored, out Statx file) < 0)
            return false;
        for (int i = 0; node?.LinkAt(i) is { } link; i++)
            folders.Add(link.Parent);
        HashSet<string> used = [];
        int found = 0;
        foreach (Node folder in folders)
        {
            if (directories.Rent(folder, out DescriptorLease lease) < 0)
                return false;
            using (lease)
                found += FindNames(lease.Descriptor, file, used);
        }
        List<byte[]> whole = FullNames.All(directory, stored);
        List<byte[]> kept = whole.FindAll(name => used.Contains(InSource(name)));
        return found == file.LinkCount && kept.Count < whole.Count
            && FullNames.Keep(source, directory, stored, kept) >= 0;
    }

    private int FindNames(FileDescriptor folder, in Statx file, HashSet<string> used)
    {
        if (source.OpenListing(folder, new NativeName(".\0"u8), out FileDescriptor listing) < 0)
            return 0;
        using (listing)
        {
            int found = 0;
            var entries = new EntryReader(listing, new byte[ListingBytes]);
            while (entries.MoveNext())
            {
                var name = new NativeName(entries.Name);
                if (entries.InodeNumber != file.InodeNumber || SystemCallsAt.Stat(folder, name, out Statx stat) < 0
                    || stat.InodeNumber != file.InodeNumber || stat.Device != file.Device)
                    continue;
                used.Add(Encoding.Latin1.GetString(name.Bytes));
                found++;
            }
            return found;
        }
    }

    private static string InSource(byte[] name) =>
        Encoding.Latin1.GetString(StoredName.Of(name, stackalloc byte[StoredName.BufferBytes]).Bytes);
}

/// <summary>A name in an open folder.</summary>
internal readonly ref struct Place(Node folder, FileDescriptor directory, NativeName name)
{
    internal Node Folder { get; } = folder;
    internal FileDescriptor Directory { get; } = directory;
    internal NativeName Name { get; } = name;
}
