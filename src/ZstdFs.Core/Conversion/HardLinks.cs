using ZstdFs.Core.Source;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Files with several names, collected until the walk has seen all of them: each is converted once, under all its
/// names. Takes about 250 bytes a name.
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

        /// <summary>The same names, for a later walk.</summary>
        internal List<NameKey> Keys { get; } = [];

        /// <summary>Another file has one of the new names, and this run takes it away.</summary>
        internal bool Waits { get; private set; }

        internal void Add(in WalkedFile file, byte[] original, byte[] target, bool waits)
        {
            Names.Add((file.Folder.Path, original, target));
            Keys.Add(NameKey.Of(file.Folder, file.Name.Bytes));
            Waits |= waits;
        }

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
    internal void Add(in WalkedFile file, byte[] original, byte[] target, bool waits)
    {
        (ulong Device, ulong Inode) key = (file.Stat.Device, file.Stat.InodeNumber);
        if (!_groups.TryGetValue(key, out Group? group))
            _groups.Add(key, group = new Group(file.Stat.LinkCount));
        group.Add(file, original, target, waits);
    }

    /// <summary>The files of which no name waits.</summary>
    internal IEnumerable<Group> Ready => _groups.Values.Where(static g => !g.Waits);

    /// <summary>All names of the files that wait: a file is converted under all its names at once.</summary>
    internal IEnumerable<NameKey> Waiting => _groups.Values.Where(static g => g.Waits).SelectMany(static g => g.Keys);
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
