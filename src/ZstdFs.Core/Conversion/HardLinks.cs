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
