using System.Text;
using ZstdFs.Core.Commits;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Names;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// Finds the stored file with a certain number: first where a hint says, else in the whole source, which it searches
/// once.
/// </summary>
internal sealed class RecoveryTargets(Volume volume)
{
    // Logical paths of all stored files with a record, by logical number; made when a hint fails for the first time.
    private Dictionary<ulong, byte[]>? _paths;
    // The same for files without a record whose number an earlier mount left. Not for a redo, which overwrites the file
    // that is found.
    private readonly Dictionary<ulong, byte[]> _unrecorded = [];

    /// <summary>Returns 0, with null where there is no such file, or −errno where a fault prevented the look.</summary>
    /// <param name="inodeNumber">Logical number.</param>
    /// <param name="storedInode">Inode number that the stored file must have; 0 where any will do.</param>
    /// <param name="hint">Its last known path: logical names with slashes.</param>
    /// <param name="target">The file; the caller disposes of it.</param>
    internal int Find(ulong inodeNumber, ulong storedInode, byte[] hint, out RecoveryTarget? target)
    {
        target = null;
        int result = hint.Length > 0 ? TryOpen(hint, inodeNumber, storedInode, out target) : 0;
        if (result < 0 || target is not null)
            return result;
        if (_paths is null)
        {
            var paths = new Dictionary<ulong, byte[]>();
            result = Search(volume.Source.Root, [], paths);
            if (result < 0)
                return result;
            _paths = paths;
        }
        return _paths.TryGetValue(inodeNumber, out byte[]? path)
            || storedInode == 0 && _unrecorded.TryGetValue(inodeNumber, out path)
            ? TryOpen(path, inodeNumber, storedInode, out target) : 0;
    }

    /// <summary>Takes references along the path, as the kernel's lookups would.</summary>
    private int TryOpen(byte[] path, ulong inodeNumber, ulong storedInode, out RecoveryTarget? target)
    {
        target = null;
        int result = 0;
        var acquired = new List<Node>();
        Node parent = volume.Nodes.Root;
        foreach (Range part in path.AsSpan().Split((byte)'/'))
        {
            Resolved resolved = default;
            byte[] name = path[part];
            result = volume.Directories.Rent(parent, out DescriptorLease lease);
            if (result >= 0)
            {
                using (lease)
                    result = volume.Resolver.Resolve(lease.Descriptor, parent == volume.Nodes.Root, name, out resolved);
            }
            if (result < 0)
                break;
            Node node = volume.Nodes.Acquire(resolved.Id, resolved.Kind, parent, name, resolved.Stat.LinkCount <= 1);
            acquired.Add(node);
            parent = node;
            if (resolved.Kind == NodeKind.Stored && resolved.Id == inodeNumber
                && (storedInode == 0 || resolved.Stat.InodeNumber == storedInode))
            {
                target = new RecoveryTarget(volume, acquired, resolved.Stat, path);
                return 0;
            }
        }
        foreach (Node node in acquired)
            volume.Descriptors.Close(volume.Nodes.Forget(node.Id, 1));
        return PassingFault.Is(result) ? result : 0;
    }

    /// <summary>
    /// Collects the paths below a folder. The first fault ends the search: a file that the search missed would count as
    /// deleted.
    /// </summary>
    private int Search(FileDescriptor folder, byte[] path, Dictionary<ulong, byte[]> paths)
    {
        int result = volume.Source.OpenListing(folder, new NativeName(".\0"u8), out FileDescriptor listing);
        if (result < 0)
            return PassingFault.Is(result) ? result : 0;
        var folders = new List<byte[]>();
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        using (listing)
        {
            result = DirectoryListing.Read(listing, volume.Source.Watches, out DirectoryListing entries);
            if (PassingFault.Is(result))
                return result;
            for (int i = 0; i < entries.Count; i++)
            {
                NativeName native = entries.Name(i);
                ReadOnlySpan<byte> name = native.Bytes;
                if (entries.TypeOf(i) is FileType.EntryDirectory or FileType.EntryUnknown
                    && !(path.Length == 0 && name.SequenceEqual(StoredName.ReservedFolder)))
                    folders.Add(native.Terminated.ToArray());
                if (!StoredName.TryToLogical(name, out _))
                    continue;
                result = SystemCallsAt.Stat(listing, native, out Statx stat);
                SizeRecord record = default;
                int recorded = result < 0 ? result : SourceTree.ReadRecord(listing, native, out record);
                if (PassingFault.Is(recorded))
                    return recorded;
                if (recorded < 0)
                    continue;
                volume.Source.Devices.Learn(listing, native, stat);
                // A copy that a program made together with its attributes has the record of another file.
                if (recorded > 0 && volume.Source.Devices.IsOf(record, stat)
                    && SourceNames.TryToLogical(listing, name, isRegular: true, buffer, out ReadOnlySpan<byte> logical))
                {
                    paths.TryAdd(record.InodeNumber, Join(path, logical));
                }
                else if (recorded == 0 && volume.Services.Inspector.LeftNumber(stat) is var noted and not 0
                    && SourceNames.TryToLogical(listing, name, isRegular: true, buffer, out logical))
                {
                    _unrecorded.TryAdd(noted, Join(path, logical));
                }
            }
        }
        foreach (byte[] name in folders)
        {
            result = volume.Source.OpenDirectory(folder, new NativeName(name), out FileDescriptor below);
            if (PassingFault.Is(result))
                return result;
            if (result < 0)
                continue;
            using (below)
                result = Search(
                    below, Join(path, StoredName.ToLogicalNode(name.AsSpan(0, name.Length - 1), buffer)), paths);
            if (result < 0)
                return result;
        }
        return 0;
    }

    private static byte[] Join(byte[] path, ReadOnlySpan<byte> name) =>
        path.Length == 0 ? name.ToArray() : [.. path, (byte)'/', .. name];
}

/// <summary>A stored file that was found, with references to the nodes along its path.</summary>
internal sealed class RecoveryTarget(Volume volume, List<Node> acquired, Statx stat, byte[] path) : IDisposable
{
    internal Statx Stat { get; } = stat;

    internal string Text { get; } = Encoding.UTF8.GetString(path);

    internal StoredFacts Facts { get; private set; }

    internal int OpenRead(Volume volume, out FileDescriptor stored, out Statx stat)
    {
        int result = Open(volume, writable: false, out stored);
        stat = default;
        if (result >= 0)
            result = SystemCallsAt.Stat(stored, out stat);
        if (result >= 0)
            result = volume.Services.Inspector.Inspect(
                stored, ref stat, acquired[^1].AnyLink!.NativeName, out StoredFacts facts) is var inspected
                && inspected >= 0 ? Note(facts) : inspected;
        if (result < 0)
            stored?.Dispose();
        return Math.Min(result, 0);
    }

    /// <summary>Gives the stored file its append-only mark. 0 or −errno.</summary>
    internal int MarkAppendOnly(Volume volume)
    {
        int result = Open(volume, writable: false, out FileDescriptor stored);
        if (result < 0)
            return result;
        using (stored)
            return AppendOnlyMark.Set(stored);
    }

    /// <summary>
    /// Opens the stored file for writing. An append-only one loses its mark for that: the note of it stays, and the
    /// caller, or the end of the recovery, gives the mark back.
    /// </summary>
    internal int OpenWrite(Volume volume, StateFolder state, out FileDescriptor stored)
    {
        int result = Open(volume, writable: true, out stored);
        if (result != -(int)Errno.EPERM || !Stat.IsAppendOnly)
            return result;
        result = Open(volume, writable: false, out FileDescriptor marked);
        if (result < 0)
            return result;
        using (marked)
            result = AppendOnlyMark.Lift(state, acquired[^1].Id, path, marked);
        return result < 0 ? result : Open(volume, writable: true, out stored);
    }

    private int Note(in StoredFacts facts)
    {
        Facts = facts;
        return 0;
    }

    private int Open(Volume volume, bool writable, out FileDescriptor stored)
    {
        stored = null!;
        Link link = acquired[^1].AnyLink!;
        int result = volume.Directories.Rent(link.Parent, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            NativeName name = link.Find(lease.Descriptor, NodeKind.Stored, buffer);
            return Math.Min(0, writable
                ? volume.Source.OpenWrite(lease.Descriptor, name, out stored)
                : volume.Source.OpenRead(lease.Descriptor, name, out stored));
        }
    }

    /// <summary>The file's node; pin it before this is disposed of.</summary>
    internal Node TakeNode() => acquired[^1];

    /// <summary>Gives the references back. A pinned node and the folders above it stay.</summary>
    public void Dispose()
    {
        for (int i = acquired.Count - 1; i >= 0; i--)
            volume.Descriptors.Close(volume.Nodes.Forget(acquired[i].Id, 1));
    }
}
