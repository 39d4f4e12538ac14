using ZstdFs.Core.Compression;
using ZstdFs.Core.Policy;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// The .zst files of a folder that nothing of ours wrote: they were there before it became a source, or another program
/// put them there since. A file that a mount or a tool wrote has a record with its time of birth. A file that a mount
/// only looked at has a record without one, or none. Where attributes leave no room for a record, a mark in the file
/// stands for it.
/// </summary>
public sealed class FoundFiles
{
    private const int MostNamed = 10;

    private readonly List<byte[]> _paths = [], _misread = [];

    /// <summary>How many there are.</summary>
    public long Count { get; private set; }

    /// <summary>Paths of the first ones, below the source's root.</summary>
    public IReadOnlyList<byte[]> FirstPaths => _paths;

    /// <summary>
    /// Paths of folders, symlinks and special files that the mount of a source shows under another name, because their
    /// names look like its escapes.
    /// </summary>
    public IReadOnlyList<byte[]> MisreadPaths => _misread;

    /// <summary>Looks for them below a folder. Changes nothing.</summary>
    /// <param name="root">The source's root; stays the caller's.</param>
    /// <param name="folder">Path of the folder below it.</param>
    /// <param name="options">Which folders to enter.</param>
    /// <param name="cancellation">Ends it early.</param>
    public static FoundFiles Find(FileDescriptor root, byte[] folder, ConversionOptions options,
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
        var visitor = new Visitor(found, opened, options, CanTell(source), cancellation);
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
    internal static int Contain(FileDescriptor folder, NativeName name, in Statx stat)
    {
        int result = SourceTree.ReadRecord(folder, name, out SizeRecord record);
        if (result != 0)
            return result < 0 ? result : record.Birth == default && stat.Birth.ToTimestamp() != default ? 1 : 0;
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

    private sealed class Visitor(FoundFiles found, SourceFolder start, ConversionOptions options, bool tells,
        CancellationToken cancellation) : ITreeVisitor
    {
        private readonly NamePattern[] _exclude = [.. options.Exclude.Select(static p => new NamePattern(p))];

        public bool Visit(in WalkedFile file)
        {
            if (!file.Stat.IsRegular)
                Look(file.Folder, file.Name);
            else if (tells && StoredName.TryToLogical(file.Name.Bytes, out _)
                && Contain(file.Folder.Descriptor, file.Name, file.Stat) > 0)
            {
                found.Count++;
                if (found._paths.Count < MostNamed)
                    found._paths.Add(file.Folder.PathOf(file.Name.Bytes));
            }
            return !cancellation.IsCancellationRequested;
        }

        public bool Enters(SourceFolder parent, NativeName name, in Statx stat)
        {
            ReadOnlySpan<byte> path = parent.PathOf(name.Bytes);
            Look(parent, name);
            return !ConversionWalk.IsOtherSource(parent, name)
                && !NamePattern.AnyMatches(_exclude, start.IsRoot ? path : path[(start.Path.Length + 1)..]);
        }

        public void Unreadable(byte[] path, Errno error) { }

        private void Look(SourceFolder folder, NativeName name)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            if (!StoredName.ToLogicalNode(name.Bytes, buffer).SequenceEqual(name.Bytes))
                found._misread.Add(folder.PathOf(name.Bytes));
        }
    }
}
