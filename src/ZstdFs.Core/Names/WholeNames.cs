using System.Diagnostics;
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
    /// <summary>A file may change while it is looked for.</summary>
    private const int MostAttempts = 3;

    /// <summary>
    /// A search that freed nothing is not made again for so many times as long as it took, unless the file changed.
    /// </summary>
    private const int Pause = 10;
    private const int MostFruitless = 1000;

    // Guards what follows. A search holds it while it walks through the whole source; others wait for it.
    private readonly Lock _searching = new();
    private readonly Dictionary<(ulong Device, ulong Inode), (Timestamp Change, long Until)> _fruitless = [];

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
    /// Looks for the file where it may be, and drops the whole names that it did not find. It drops them only where it
    /// found as many names as the file has links: else another folder may have the file under one of them.
    /// </summary>
    private bool TryDropUnused(Node? node, FileDescriptor directory, NativeName stored, HashSet<Node> folders)
    {
        for (int i = 0; node?.LinkAt(i) is { } link; i++)
            folders.Add(link.Parent);
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            if (SystemCallsAt.Stat(directory, stored, out Statx file) < 0)
                return false;
            var search = new LinkSearch(source, file);
            foreach (Node folder in folders)
            {
                if (directories.Rent(folder, out DescriptorLease lease) < 0)
                    continue;
                using (lease)
                    search.Look(lease.Descriptor);
            }
            // The kernel may have forgotten the other names, and with them the node.
            if (!search.IsComplete && !TryWalk(search, file))
                return false;
            // A name that moved meanwhile was met twice, or not at all.
            if (SystemCallsAt.Stat(directory, stored, out Statx now) < 0)
                return false;
            if (now.ChangeTime.ToTimestamp() != file.ChangeTime.ToTimestamp() || now.LinkCount != file.LinkCount)
                continue;
            return search.IsComplete && TryKeep(directory, stored, search);
        }
        return false;
    }

    private bool TryKeep(FileDescriptor directory, NativeName stored, LinkSearch search)
    {
        List<byte[]> whole = FullNames.All(directory, stored);
        List<byte[]> kept = whole.FindAll(
            name => search.Contains(StoredName.Of(name, stackalloc byte[StoredName.BufferBytes])));
        return kept.Count < whole.Count && FullNames.Keep(source, directory, stored, kept) >= 0;
    }

    /// <summary>
    /// Looks in the whole source. False where that was of no use a moment ago: a program that asks again and again must
    /// not keep the disk busy.
    /// </summary>
    private bool TryWalk(LinkSearch search, in Statx file)
    {
        (ulong, ulong) key = (file.Device, file.InodeNumber);
        Timestamp change = file.ChangeTime.ToTimestamp();
        lock (_searching)
        {
            if (_fruitless.TryGetValue(key, out (Timestamp Change, long Until) last) && last.Change == change
                && Stopwatch.GetTimestamp() < last.Until)
                return false;
            long begun = Stopwatch.GetTimestamp();
            search.Walk();
            long ended = Stopwatch.GetTimestamp();
            if (_fruitless.Count >= MostFruitless)
                _fruitless.Clear();
            // What it frees changes the file's attributes, and so its change time.
            _fruitless[key] = (change, ended + (ended - begun) * Pause);
            return true;
        }
    }
}

/// <summary>A name in an open folder.</summary>
internal readonly ref struct Place(Node folder, FileDescriptor directory, NativeName name)
{
    internal Node Folder { get; } = folder;
    internal FileDescriptor Directory { get; } = directory;
    internal NativeName Name { get; } = name;
}
