using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// The .zst files of a folder that nothing of this source wrote: they were there before it became a source, or another
/// program put them there since. A file that a mount or a tool wrote has a record with its time of birth and a number
/// of this source. A file that a mount only looked at has a record without a birth; one of another source may have that
/// one's record, or none. Where attributes leave no room for a record, a mark in the file stands for it.
/// </summary>
public sealed class FoundFiles
{
    /// <summary>Paths below the source's root: how many, and the first ones.</summary>
    public sealed class Paths
    {
        private const int MostNamed = 10;

        private readonly List<byte[]> _first = [];

        /// <summary>How many there are.</summary>
        public long Count { get; private set; }

        /// <summary>The first ones.</summary>
        public IReadOnlyList<byte[]> First => _first;

        internal void Add(byte[] path)
        {
            Count++;
            if (_first.Count < MostNamed)
                _first.Add(path);
        }
    }

    private readonly List<byte[]> _misread = [];

    /// <summary>Those that stay as they are: a mount shows what they hold.</summary>
    public Paths Kept { get; } = new();

    /// <summary>Those that the conversion wraps: a mount shows them as they are.</summary>
    public Paths Wrapped { get; } = new();

    /// <summary>
    /// Folders, symlinks and special files that a mount does not show, because a .zst file that stays has their name
    /// there.
    /// </summary>
    public Paths Hidden { get; } = new();

    /// <summary>
    /// Paths of folders, symlinks and special files that the mount of a source shows under another name, because their
    /// names look like its escapes.
    /// </summary>
    public IReadOnlyList<byte[]> MisreadPaths => _misread;

    /// <summary>Looks for them below a folder. Changes nothing.</summary>
    /// <param name="root">The source's root; stays the caller's.</param>
    /// <param name="folder">Path of the folder below it.</param>
    /// <param name="isSource">The root is a source already. Otherwise all .zst files count.</param>
    /// <param name="options">Which folders to enter, and which files are wrapped.</param>
    /// <param name="cancellation">Ends it early.</param>
    public static FoundFiles Find(FileDescriptor root, byte[] folder, bool isSource, ConversionOptions options,
        CancellationToken cancellation)
    {
        var found = new FoundFiles();
        if (SystemCallsAt.Open(root, new NativeName(".\0"u8), OpenFlags.ReadOnly | OpenFlags.Directory, 0,
            out FileDescriptor own) < 0)
            return found;
        using var source = new SourceTree(own, readOnly: true);
        if (JournalRecovery.OpenFolder(source, folder) is not { } start
            || SystemCallsAt.Stat(start, out Statx stat) < 0)
            return found;
        var opened = new SourceFolder(start, folder, stat);
        GivenNumbers given = isSource ? StateFile.ReadGiven(source) : GivenNumbers.None;
        var visitor = new Visitor(found, new WantedFiles(opened, options), options, given, CanTell(source),
            cancellation);
        new TreeWalk(source, visitor, options.OneFileSystem).Run(opened);
        opened.Release();
        return found;
    }

    /// <summary>
    /// Whether records can be kept. Without records nothing tells a file that we wrote from one that was found.
    /// </summary>
    internal static bool CanTell(SourceTree source) =>
        ExtendedAttributes.Get(source.Root, SizeRecord.AttributeName, default) != -(int)Errno.EOPNOTSUPP;

    /// <summary>
    /// Whether a stored file is one of them: 1 or 0, or −errno where the source could not tell at this moment. Where
    /// the file system tells no times of birth, a file that a mount has looked at counts as written by us.
    /// </summary>
    internal static int Contain(FileDescriptor folder, NativeName name, in Statx stat, GivenNumbers given)
    {
        int result = SourceTree.ReadRecord(folder, name, out SizeRecord record);
        if (result < 0)
            return result;
        if (result > 0 && given.Contain(record))
            return record.Birth == default && stat.Birth.ToTimestamp() != default ? 1 : 0;
        // Whether a newer zstdfs wrote the file or only looked at it, this one cannot tell. The conversion then reports
        // the file and leaves it.
        if (record.IsNewer)
            return 0;
        // fuse-zstd wrote it, or we did and found no room for a record.
        result = ExtendedAttributes.Get(folder, name, SizeRecord.ForeignAttributeName, default);
        if (result >= 0 || PassingFault.Is(result))
            return Math.Min(result, 0);
        result = IsMarked(folder, name);
        return result < 0 ? result : 1 - result;
    }

    private static int IsMarked(FileDescriptor folder, NativeName name)
    {
        const int Flags = OpenFlags.ReadOnly | OpenFlags.NoFollow;
        // The look moves no access time where this user owns the file.
        int result = SystemCallsAt.Open(folder, name, Flags | OpenFlags.NoAccessTime, 0, out FileDescriptor file);
        if (result == -(int)Errno.EPERM)
            result = SystemCallsAt.Open(folder, name, Flags, 0, out file);
        if (result < 0)
            return PassingFault.Is(result) ? result : 0;
        using (file)
        {
            result = SystemCallsAt.Stat(file, out Statx stat);
            return result < 0 ? result : OwnMark.Look(file, stat.Size, stat.InodeNumber);
        }
    }

    private sealed class Visitor(FoundFiles found, WantedFiles wanted, ConversionOptions options, GivenNumbers given,
        bool tells, CancellationToken cancellation) : ITreeVisitor
    {
        public bool Visit(in WalkedFile file)
        {
            if (!file.Stat.IsRegular)
                Look(file.Folder, file.Name);
            else if (IsFound(file.Folder, file.Name, file.Stat))
                (IsWrapped(file) ? found.Wrapped : found.Kept).Add(file.Folder.PathOf(file.Name.Bytes));
            return !cancellation.IsCancellationRequested;
        }

        public bool Enters(SourceFolder parent, NativeName name, in Statx stat)
        {
            Look(parent, name);
            return !ConversionWalk.IsOtherSource(parent, name) && wanted.Enters(parent.PathOf(name.Bytes));
        }

        public void Unreadable(byte[] path, Errno error) { }

        private bool IsFound(SourceFolder folder, NativeName name, in Statx stat) =>
            tells && StoredName.TryToLogical(name.Bytes, out _)
                && Contain(folder.Descriptor, name, stat, given) > 0;

        private bool IsWrapped(in WalkedFile file) =>
            options.Existing == ExistingChoice.Wrap && wanted.Contain(file);

        private void Look(SourceFolder folder, NativeName name)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes],
                stored = stackalloc byte[StoredName.BufferBytes];
            ReadOnlySpan<byte> logical = StoredName.ToLogicalNode(name.Bytes, buffer);
            if (!logical.SequenceEqual(name.Bytes))
                found._misread.Add(folder.PathOf(name.Bytes));
            NativeName file = SourceNames.FindFile(folder.Descriptor, logical, stored);
            if (SystemCallsAt.Stat(folder.Descriptor, file, out Statx stat) >= 0 && stat.IsRegular
                && !(IsWrapped(new WalkedFile(folder, file, stat)) && IsFound(folder, file, stat)))
                found.Hidden.Add(folder.PathOf(name.Bytes));
        }
    }
}
