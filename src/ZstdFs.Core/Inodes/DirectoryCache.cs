using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// Keeps a bounded number of folders open, so that one system call reaches a name whatever its depth, and paths longer
/// than PATH_MAX are no special case.
/// </summary>
internal sealed class DirectoryCache(SourceTree source, Node root, int capacity) : IDisposable
{
    // Guards the list and every node's Descriptor and list links. Nothing is opened under it, and only Dispose closes
    // under it.
    private readonly Lock _gate = new();
    private readonly AgeList<Node> _open = new();
    private int _count;

    internal Node Root => root;

    /// <summary>A folder's descriptor, kept open until the lease is disposed of. Returns 0 or −errno.</summary>
    internal int Rent(Node node, out DescriptorLease lease)
    {
        if (TryRentOpen(node, out lease))
            return 0;
        if (node.AnyLink is not { } link)
            return node.TryRentNameless(out lease) ? 0 : -(int)Errno.ENOENT;
        // Nearly always the folder above is open.
        int result = TryRentOpen(link.Parent, out DescriptorLease parent) ? 0 : RentFromAbove(link.Parent, out parent);
        return result < 0 ? result : Open(node, link, parent, out lease);
    }

    private bool TryRentOpen(Node node, out DescriptorLease lease)
    {
        if (node == root)
        {
            lease = new DescriptorLease(source.Root);
            return true;
        }
        lock (_gate)
        {
            if (node.Descriptor is { } descriptor)
            {
                _open.Touch(node);
                lease = new DescriptorLease(descriptor);
                return true;
            }
        }
        lease = default;
        return false;
    }

    /// <summary>
    /// The same for a folder below others that are not open either. Not by recursion: there may be more levels than the
    /// stack has room for.
    /// </summary>
    private int RentFromAbove(Node node, out DescriptorLease lease)
    {
        var closed = new Stack<(Node Node, Link Link)>();
        Node above = node, seen = node;
        while (!TryRentOpen(above, out lease))
        {
            if (above.AnyLink is not { } link)
            {
                if (above.TryRentNameless(out lease))
                    break;
                return -(int)Errno.ENOENT;
            }
            closed.Push((above, link));
            above = link.Parent;
            // Another program may have moved a folder into one that was below it, of which the kernel still knows the
            // old place: then the way up leads in a circle.
            if (above == seen)
                return -(int)Errno.ESTALE;
            if (int.IsPow2(closed.Count))
                seen = above;
        }
        int result = 0;
        while (result >= 0 && closed.TryPop(out (Node Node, Link Link) below))
            result = Open(below.Node, below.Link, lease, out lease);
        return result;
    }

    /// <summary>Closes the folder: its name leads elsewhere or nowhere from here on.</summary>
    internal void Drop(Node node)
    {
        FileDescriptor? descriptor;
        lock (_gate)
            descriptor = Remove(node);
        descriptor?.Dispose();
    }

    /// <summary>
    /// Opens a folder that is about to lose its name: a program may still have it open or work in it. The caller owns
    /// the descriptor.
    /// </summary>
    internal FileDescriptor? Take(Node node, FileDescriptor parent, NativeName name)
    {
        FileDescriptor? descriptor;
        lock (_gate)
            descriptor = Remove(node);
        if (descriptor is not null)
            return descriptor;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        return source.OpenDirectory(parent, NameInSource.Find(parent, NodeKind.Directory, name.Bytes, buffer),
            out descriptor) >= 0 ? descriptor : null;
    }

    /// <summary>Opens a folder below one that is open, and gives the parent's lease back.</summary>
    private int Open(Node node, Link link, DescriptorLease parent, out DescriptorLease lease)
    {
        lease = default;
        int result;
        FileDescriptor descriptor;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        using (parent)
            result = source.OpenDirectory(parent.Descriptor, link.Find(parent.Descriptor, NodeKind.Directory, buffer),
                out descriptor);
        if (result < 0)
            return result;
        // Behind the mount's back, another program may have given the name to another folder.
        result = SystemCallsAt.Stat(descriptor, out Statx stat);
        source.Devices.Learn(descriptor, stat);
        if (result < 0 || source.Numbers.Of(stat) != node.Id)
        {
            descriptor.Dispose();
            return result < 0 ? result : -(int)Errno.ESTALE;
        }
        lease = new DescriptorLease(descriptor);
        Keep(node, descriptor);
        return 0;
    }

    private void Keep(Node node, FileDescriptor descriptor)
    {
        FileDescriptor? excess = descriptor, evicted = null;
        lock (_gate)
        {
            if (node.Descriptor is null)
            {
                excess = null;
                node.Descriptor = descriptor;
                _open.Add(node);
                if (++_count > capacity)
                    evicted = Remove(_open.Oldest!);
            }
        }
        // A lease holds a reference of its own: the descriptor stays open until its users are done.
        excess?.Dispose();
        evicted?.Dispose();
    }

    private FileDescriptor? Remove(Node node)
    {
        FileDescriptor? descriptor = node.Descriptor;
        if (descriptor is null)
            return null;
        _open.Remove(node);
        _count--;
        node.Descriptor = null;
        return descriptor;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            while (_open.Oldest is not null)
                Remove(_open.Oldest)?.Dispose();
        }
    }
}
