using System.Text;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Insight;

/// <summary>Sums of one group of files.</summary>
/// <param name="Name">
/// What they have in common, as bytes: the ending of their names with its dot, or a folder's path; empty for none.
/// </param>
public sealed record GroupStatistics(byte[] Name)
{
    /// <summary>Files, hard links counted once.</summary>
    public long Files { get; internal set; }

    /// <summary>Bytes that users see.</summary>
    public long PlainBytes { get; internal set; }

    /// <summary>
    /// Bytes of the stored files; in a mount, where those are out of sight, the space that they take on the disk.
    /// </summary>
    public long StoredBytes { get; internal set; }

    /// <summary>Space on the disk.</summary>
    public long DiskBytes { get; internal set; }

    internal void Add(long plain, long stored, long disk)
    {
        Files++;
        PlainBytes += plain;
        StoredBytes += stored;
        DiskBytes += disk;
    }
}

/// <summary>
/// What compression saves in a tree, by type of file and by folder: looked at in a source or through a mount, changing
/// nothing.
/// </summary>
public sealed class TreeStatistics
{
    private const int LongestExtension = 12, MostGroups = 100_000, BlockBytes = 512;

    private readonly Dictionary<string, GroupStatistics> _types = [], _folders = [];
    private readonly HashSet<(ulong, ulong)> _linked = [];

    /// <summary>All files; in a source, all but the plain ones.</summary>
    public GroupStatistics Total { get; } = new([]);

    /// <summary>Plain files in a source, which compression has not reached yet.</summary>
    public GroupStatistics Plain { get; } = new([]);

    /// <summary>Files and folders that could not be read.</summary>
    public long Unreadable { get; private set; }

    /// <summary>By the ending of the names, most bytes first.</summary>
    public IEnumerable<GroupStatistics> Types => _types.Values.OrderByDescending(g => g.PlainBytes);

    /// <summary>By folder, most bytes first.</summary>
    public IEnumerable<GroupStatistics> Folders => _folders.Values.OrderByDescending(g => g.PlainBytes);

    /// <summary>Goes through a tree.</summary>
    /// <param name="folder">An open folder; taken over.</param>
    /// <param name="isMount">
    /// The folder is in a mount, which shows the plain form of files that are stored elsewhere.
    /// </param>
    /// <param name="depth">How many levels of folders are told apart.</param>
    /// <param name="codec">What decodes, where only decoding tells a file's size.</param>
    /// <param name="unreadable">Told each file and folder that cannot be read, by its path as users see it.</param>
    /// <param name="cancellation">Ends it early.</param>
    public static TreeStatistics Collect(
        FileDescriptor folder, bool isMount, int depth, Codec codec, Action<byte[], Errno> unreadable,
        CancellationToken cancellation)
    {
        using var source = new SourceTree(folder, readOnly: true);
        var statistics = new TreeStatistics();
        var root = new SourceFolder(source.Root, [], source.RootStat, ownsDescriptor: false);
        var visitor = new Visitor(statistics, source, isMount, depth, codec, unreadable, cancellation);
        new TreeWalk(source, visitor).Run(root);
        return statistics;
    }

    private sealed class Visitor(
        TreeStatistics statistics, SourceTree source, bool isMount, int depth, Codec codec,
        Action<byte[], Errno> unreadable, CancellationToken cancellation)
        : ITreeVisitor
    {
        public bool Enters(SourceFolder parent, NativeName name, in Statx stat) => true;

        public void Unreadable(byte[] path, Errno error) => NoteUnreadable(Shown(path), error);

        private void NoteUnreadable(byte[] shown, Errno error)
        {
            statistics.Unreadable++;
            unreadable(shown, error);
        }

        /// <summary>The path by which users of the mount know a folder, or what cannot be looked at.</summary>
        private byte[] Shown(byte[] path) => isMount ? path : SourceNames.ToLogicalPath(path);

        public bool Visit(in WalkedFile file)
        {
            if (file.Stat.IsRegular && IsFirstLink(file.Stat))
                Add(file);
            return !cancellation.IsCancellationRequested;
        }

        private bool IsFirstLink(in Statx stat) =>
            stat.LinkCount <= 1 || statistics._linked.Add((stat.Device, stat.InodeNumber));

        private void Add(in WalkedFile file)
        {
            Statx stat = file.Stat;
            long disk = (long)stat.Blocks * BlockBytes, plain = stat.Size, stored = disk;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            scoped ReadOnlySpan<byte> name = file.Name.Bytes;
            if (!isMount)
            {
                if (!StoredName.TryToLogical(name, out _))
                {
                    statistics.Plain.Add(stat.Size, stat.Size, disk);
                    return;
                }
                _ = SourceNames.TryToLogical(file.Folder.Descriptor, name, isRegular: true, buffer, out name);
                stored = stat.Size;
                plain = StoredSize.Find(source, file.Folder.Descriptor, file.Name, stat, codec);
                if (plain < 0)
                {
                    byte[] folder = Shown(file.Folder.Path);
                    NoteUnreadable(folder is [] ? name.ToArray() : [.. folder, (byte)'/', .. name], (Errno)(-plain));
                    return;
                }
            }
            statistics.Total.Add(plain, stored, disk);
            Group(statistics._types, ExtensionOf(name)).Add(plain, stored, disk);
            Group(statistics._folders, Top(Shown(file.Folder.Path), depth)).Add(plain, stored, disk);
        }

        private static ReadOnlySpan<byte> ExtensionOf(ReadOnlySpan<byte> name)
        {
            int dot = name.LastIndexOf((byte)'.');
            return dot > 0 && name.Length - dot <= LongestExtension ? name[dot..] : default;
        }

        private static ReadOnlySpan<byte> Top(ReadOnlySpan<byte> path, int depth)
        {
            int end = 0;
            for (int level = 0; level < depth && end < path.Length; level++)
            {
                int slash = path[Math.Min(end + 1, path.Length)..].IndexOf((byte)'/');
                end = slash < 0 ? path.Length : end + 1 + slash;
            }
            return path[..end];
        }
    }

    /// <summary>
    /// The group of this name. Once there are as many groups as the bound allows, it is the one without a name where
    /// there is none of this name yet.
    /// </summary>
    internal static GroupStatistics Group(Dictionary<string, GroupStatistics> groups, ReadOnlySpan<byte> name)
    {
        string key = Encoding.Latin1.GetString(name);
        if (groups.TryGetValue(key, out GroupStatistics? group))
            return group;
        if (groups.Count >= MostGroups)
            key = "";
        if (!groups.TryGetValue(key, out group))
            groups.Add(key, group = new GroupStatistics(Encoding.Latin1.GetBytes(key)));
        return group;
    }
}
