using System.Text;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Finds the stored file with a certain number: where a hint says, else by looking through the whole source, once.</summary>
internal sealed class RecoveryTargets(Volume volume)
{
    // Logical paths of every stored file with a record, by logical number; made when a hint fails.
    private Dictionary<ulong, byte[]>? _paths;

    /// <param name="inodeNumber">Logical number.</param>
    /// <param name="storedInode">Number of the stored file, where it must be that one; 0 where any will do.</param>
    /// <param name="hint">Where it was: logical names with slashes.</param>
    internal RecoveryTarget? Find(ulong inodeNumber, ulong storedInode, byte[] hint)
    {
        if (hint.Length > 0 && TryOpen(hint, inodeNumber, storedInode) is { } hinted)
            return hinted;
        if (_paths is null)
        {
            _paths = [];
            Search(volume.Source.Root, []);
        }
        return _paths.TryGetValue(inodeNumber, out byte[]? path) ? TryOpen(path, inodeNumber, storedInode) : null;
    }

    /// <summary>Takes references along the path, as the kernel's lookups would.</summary>
    private RecoveryTarget? TryOpen(byte[] path, ulong inodeNumber, ulong storedInode)
    {
        var acquired = new List<Node>();
        Node parent = volume.Nodes.Root;
        foreach (Range part in path.AsSpan().Split((byte)'/'))
        {
            Resolved resolved = default;
            byte[] name = path[part];
            int result = volume.Directories.Rent(parent, out DescriptorLease lease);
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
            if (resolved.Kind == NodeKind.Stored && resolved.Id == inodeNumber && (storedInode == 0 || resolved.Stat.InodeNumber == storedInode))
                return new RecoveryTarget(volume, acquired, resolved.Stat, path);
        }
        foreach (Node node in acquired)
            volume.Forgotten(volume.Nodes.Forget(node.Id, 1));
        return null;
    }

    private void Search(FileDescriptor folder, byte[] path)
    {
        if (volume.Source.OpenListing(folder, new NativeName(".\0"u8), out FileDescriptor listing) < 0)
            return;
        var folders = new List<byte[]>();
        using (listing)
        {
            var entries = new EntryReader(listing, new byte[32 * 1024]);
            while (entries.MoveNext())
            {
                ReadOnlySpan<byte> name = entries.Name[..^1];
                if (entries.Type is FileType.EntryDirectory or FileType.EntryUnknown && !(path.Length == 0 && name.SequenceEqual(StoredName.ReservedFolder)))
                    folders.Add(entries.Name.ToArray());
                if (!StoredName.TryToLogical(name, out ReadOnlySpan<byte> logical) || SystemCallsAt.Stat(listing, new NativeName(entries.Name), out Statx stat) < 0)
                    continue;
                volume.Source.Devices.Learn(listing, new NativeName(entries.Name), stat);
                // A copy made with its attributes has the record of another file.
                if (SourceTree.TryReadRecord(listing, new NativeName(entries.Name), out SizeRecord record) && volume.Source.Devices.IsOf(record, stat))
                    _paths!.TryAdd(record.InodeNumber, Join(path, logical));
            }
        }
        foreach (byte[] name in folders)
        {
            if (volume.Source.OpenDirectory(folder, new NativeName(name), out FileDescriptor below) < 0)
                continue;
            using (below)
                Search(below, Join(path, name.AsSpan(0, name.Length - 1)));
        }
    }

    private static byte[] Join(byte[] path, ReadOnlySpan<byte> name) => path.Length == 0 ? name.ToArray() : [.. path, (byte)'/', .. name];
}

/// <summary>A stored file that was found, with references along its path.</summary>
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
            result = volume.Services.Inspector.Inspect(stored, ref stat, acquired[^1].AnyLink!.NativeName, out StoredFacts facts) is var inspected && inspected >= 0 ? Note(facts) : inspected;
        return Math.Min(result, 0);
    }

    internal int OpenWrite(Volume volume, out FileDescriptor stored) => Open(volume, writable: true, out stored);

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
            NativeName name = StoredName.Of(link.Bytes, buffer);
            return Math.Min(0, writable ? volume.Source.OpenWrite(lease.Descriptor, name, out stored) : volume.Source.OpenRead(lease.Descriptor, name, out stored));
        }
    }

    /// <summary>The file's node; pin it before this is disposed of.</summary>
    internal Node TakeNode() => acquired[^1];

    /// <summary>Gives the references back. What is pinned stays, and all above it.</summary>
    public void Dispose()
    {
        for (int i = acquired.Count - 1; i >= 0; i--)
            volume.Forgotten(volume.Nodes.Forget(acquired[i].Id, 1));
    }
}
