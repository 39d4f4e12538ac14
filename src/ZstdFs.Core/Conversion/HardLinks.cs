namespace ZstdFs.Core.Conversion;

/// <summary>
/// Files with several names, collected until the walk has seen all of them: each is converted once, under all its
/// names. Takes about 150 bytes a name.
/// </summary>
internal sealed class HardLinks
{
    /// <summary>Names of one file that were found.</summary>
    internal sealed record Group(uint LinkCount)
    {
        /// <summary>Folder path, old name with NUL, new name with NUL.</summary>
        internal List<(byte[] Folder, byte[] Original, byte[] Target)> Names { get; } = [];

        /// <summary>Paths (Latin-1) of the folders that the names are in.</summary>
        internal HashSet<string> Folders =>
            [.. Names.Select(static n => System.Text.Encoding.Latin1.GetString(n.Folder))];

        /// <summary>The first of its paths, for people.</summary>
        internal byte[] Path
        {
            get
            {
                (byte[] folder, byte[] name, _) = Names[0];
                byte[] separator = folder.Length == 0 ? [] : [(byte)'/'];
                return [.. folder, .. separator, .. name.AsSpan(0, name.Length - 1)];
            }
        }

        /// <summary>All names were found.</summary>
        internal bool IsComplete => Names.Count == LinkCount;
    }

    private readonly Dictionary<(ulong Device, ulong Inode), Group> _groups = [];

    /// <summary>A name was found.</summary>
    internal void Add(ulong device, ulong inode, uint linkCount, byte[] folder, byte[] original, byte[] target)
    {
        if (!_groups.TryGetValue((device, inode), out Group? group))
            _groups.Add((device, inode), group = new Group(linkCount));
        group.Names.Add((folder, original, target));
    }

    /// <summary>The files with several names.</summary>
    internal IEnumerable<Group> Groups => _groups.Values;
}

/// <summary>Parts of a list of files with several names.</summary>
internal static class LinkChunks
{
    /// <summary>
    /// Cuts the list so that no part has more than so many files, nor its names in more than so many folders: each
    /// folder takes a descriptor while its part is worked on. A file with names in more folders is a part by itself.
    /// </summary>
    internal static IEnumerable<IReadOnlyList<HardLinks.Group>> Chunks(
        this IEnumerable<HardLinks.Group> groups, int mostFiles, int mostFolders)
    {
        var chunk = new List<HardLinks.Group>();
        var folders = new HashSet<string>();
        foreach (HardLinks.Group group in groups)
        {
            HashSet<string> its = group.Folders;
            int more = its.Count(f => !folders.Contains(f));
            if (chunk.Count == mostFiles || chunk.Count > 0 && more > 0 && folders.Count + more > mostFolders)
            {
                yield return chunk;
                (chunk, folders) = ([], []);
            }
            chunk.Add(group);
            folders.UnionWith(its);
        }
        if (chunk.Count > 0)
            yield return chunk;
    }
}
