using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Opens what a node stands for.</summary>
internal sealed class FileOpener(Volume volume)
{
    /// <param name="nodeId">The file.</param>
    /// <param name="writable">To write.</param>
    /// <param name="handle">The open file.</param>
    /// <param name="isUnchanged">The kernel's cached pages are of this version.</param>
    internal int Open(ulong nodeId, bool writable, out OpenHandle handle, out bool isUnchanged)
    {
        handle = null!;
        isUnchanged = false;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        if (writable && volume.IsReadOnly)
            return -(int)Errno.EROFS;
        int result = -(int)Errno.ESTALE;
        // A rename may move the node between reading its name and using it: then it has another name by now.
        for (int attempt = 0; attempt < 3 && node.AnyLink is { } link; attempt++)
        {
            result = node.Kind switch
            {
                NodeKind.Stored => OpenStored(node, link, writable, out handle, out isUnchanged),
                NodeKind.Plain => OpenPlain(link, writable, out handle),
                _ => -(int)Errno.EOPNOTSUPP,
            };
            if (result != -(int)Errno.ENOENT)
                return result;
        }
        // Unlinked, and still open elsewhere: /proc/PID/fd leads here.
        if (volume.Contents.Hold(nodeId) is not { } held)
            return result;
        handle = volume.Contents.TryShare(held.Content, writable);
        volume.Contents.Close(held);
        return 0;
    }

    private int OpenStored(Node node, Link link, bool writable, out OpenHandle handle, out bool isUnchanged)
    {
        handle = null!;
        isUnchanged = false;
        // No commit moves the name while its version is compared with the open one.
        lock (node.LinksGate)
        {
            int result = Find(link, out FileDescriptor stored, out Statx stat);
            if (result < 0)
                return result;
            OpenFile? shared = volume.Contents.TryShare(node, stat, writable);
            if (shared is not null)
            {
                stored.Dispose();
                handle = shared;
            }
            else
            {
                result = volume.Services.Inspector.Inspect(stored, stat, link.NativeName, out StoredFacts facts);
                if (result < 0)
                {
                    stored.Dispose();
                    return result;
                }
                // Finding the size may have written a record, which moves the change time only.
                handle = volume.Contents.Add(new FileContent(volume.Services, node, new StoredBase(volume.Services, stored, stat, facts.IsFresh)) { Birth = facts.Birth }, writable);
            }
            ulong version = ((OpenFile)handle).Content.Published.Version;
            isUnchanged = node.CachedVersion == version;
            node.CachedVersion = version;
            return 0;
        }
    }

    private int Find(Link link, out FileDescriptor stored, out Statx stat)
    {
        stored = null!;
        stat = default;
        int result = volume.Directories.Rent(link.Parent, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            result = volume.Source.OpenRead(lease.Descriptor, StoredName.Of(link.Bytes, buffer), out stored);
        }
        return result < 0 ? result : Math.Min(SystemCallsAt.Stat(stored, out stat), 0);
    }

    private int OpenPlain(Link link, bool writable, out OpenHandle handle)
    {
        handle = null!;
        int result = volume.Directories.Rent(link.Parent, out DescriptorLease lease);
        if (result < 0)
            return result;
        FileDescriptor file;
        using (lease)
            result = writable ? volume.Source.OpenWrite(lease.Descriptor, link.NativeName, out file) : volume.Source.OpenRead(lease.Descriptor, link.NativeName, out file);
        if (result >= 0)
            handle = new OpenPlainFile(file, writable);
        return Math.Min(result, 0);
    }
}
