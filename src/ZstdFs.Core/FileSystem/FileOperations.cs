using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Ops on open files.</summary>
internal sealed class FileOperations(Volume volume)
{
    private readonly HandleTable<OpenFile> _handles = new();

    internal int Open(ulong nodeId, int flags, out FuseOpenOut reply)
    {
        reply = default;
        bool writable = (flags & OpenFlags.AccessMask) != OpenFlags.ReadOnly;
        int result = OpenContent(nodeId, writable, out OpenFile file);
        if (result < 0)
            return result;
        if (writable && (flags & OpenFlags.Truncate) != 0)
            result = file.Content.Truncate(0);
        if (result < 0)
        {
            Close(file);
            return result;
        }
        reply = Register(file);
        return 0;
    }

    /// <summary>A handle for a file just opened. Read-only handles have nothing to flush.</summary>
    internal FuseOpenOut Register(OpenFile file) => new()
    {
        Handle = _handles.Add(file),
        OpenFlags = file.IsWritable ? OpenReplyFlags.None : OpenReplyFlags.NoFlush,
    };

    private int OpenContent(ulong nodeId, bool writable, out OpenFile file)
    {
        file = null!;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        if (writable && volume.IsReadOnly)
            return -(int)Errno.EROFS;
        if (node.Kind != NodeKind.Stored)
            return -(int)Errno.EOPNOTSUPP;
        int result = -(int)Errno.ESTALE;
        for (int attempt = 0; attempt < 3 && node.AnyLink is { } link; attempt++)
        {
            result = OpenStored(link, out FileDescriptor stored, out Statx stat, out bool isFresh);
            if (result < 0)
                continue;
            // Rename over one of several names would split them, so writing to them is refused until they can be rewritten in place safely.
            if (writable && stat.LinkCount > 1)
            {
                stored.Dispose();
                return -(int)Errno.EOPNOTSUPP;
            }
            file = volume.Contents.Open(node, stored, stat, isFresh, writable);
            return 0;
        }
        return result;
    }

    private int OpenStored(Link link, out FileDescriptor stored, out Statx stat, out bool isFresh)
    {
        stored = null!;
        stat = default;
        isFresh = false;
        int result = volume.Directories.Rent(link.Parent, out DirectoryLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            result = volume.Source.OpenRead(lease.Descriptor, StoredName.Of(link.Bytes, buffer), out stored);
        }
        if (result < 0)
            return result;
        result = SystemCallsAt.Stat(stored, out stat);
        isFresh = SourceTree.TryReadRecord(stored, out SizeRecord record) && record.IsFresh;
        return Math.Min(result, 0);
    }

    internal int Read(ulong handle, long offset, Span<byte> destination) =>
        _handles.Find(handle) is { } file ? file.Content.Read(offset, destination) : -(int)Errno.EBADF;

    internal int Write(ulong handle, long offset, ReadOnlySpan<byte> data) =>
        _handles.Find(handle) is { IsWritable: true } file ? file.Content.Write(offset, data) : -(int)Errno.EBADF;

    /// <summary>close(2): by the only writer commits; beside other writers it makes what was written survive this process.</summary>
    internal int Flush(ulong handle)
    {
        if (_handles.Find(handle) is not { IsWritable: true } file)
            return 0;
        return volume.Committer.Commit(file.Content);
    }

    internal void Release(ulong handle)
    {
        if (_handles.Remove(handle) is { } file)
            Close(file);
    }

    internal void Close(OpenFile file)
    {
        if (volume.Contents.CloseWriter(file))
        {
            int result = volume.Committer.Commit(file.Content);
            if (result < 0)
                volume.Services.Log.Error($"{file.Content.Node.AnyLink?.NativeName.ToString()}: what was written could not be committed: {(Errno)(-result)}");
        }
        volume.Contents.Close(file);
    }

    /// <summary>fsync(2): content, size and name are on disk when it returns 0.</summary>
    internal int Synchronize(ulong handle)
    {
        if (_handles.Find(handle) is not { } file)
            return -(int)Errno.EBADF;
        int result = volume.Committer.Commit(file.Content);
        if (result >= 0)
            result = SystemCallsFile.Synchronize(file.Content.Base.Stored);
        return result < 0 || file.Content.Node.AnyLink is not { } link ? result : SynchronizeFolder(link.Parent);
    }

    internal int SynchronizeFolder(Node folder)
    {
        int result = volume.Directories.Rent(folder, out DirectoryLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            result = volume.Source.OpenListing(lease.Descriptor, new NativeName(".\0"u8), out FileDescriptor listing);
            if (result < 0)
                return result;
            using (listing)
                return SystemCallsFile.Synchronize(listing);
        }
    }

    /// <summary>Everything written so far is committed and durable when it returns 0. The first error is returned, the rest is tried all the same.</summary>
    internal int SynchronizeAll()
    {
        int first = 0;
        foreach (FileContent content in volume.Contents.All())
        {
            int result = content.IsDirty ? volume.Committer.Commit(content) : 0;
            if (first == 0)
                first = Math.Min(result, 0);
        }
        int synced = SystemCallsFile.SynchronizeFileSystem(volume.Source.Root);
        return first < 0 ? first : Math.Min(synced, 0);
    }

    /// <summary>truncate(2), with or without a handle.</summary>
    internal int Truncate(ulong nodeId, ulong handle, long size)
    {
        if (_handles.Find(handle) is { } open)
            return open.IsWritable ? open.Content.Truncate(size) : -(int)Errno.EINVAL;
        int result = OpenContent(nodeId, writable: true, out OpenFile file);
        if (result < 0)
            return result;
        result = file.Content.Truncate(size);
        int committed = volume.Contents.IsOnlyWriter(file) ? volume.Committer.Commit(file.Content) : 0;
        Close(file);
        return result < 0 ? result : committed;
    }

    internal long Seek(ulong handle, long offset, uint whence)
    {
        if (_handles.Find(handle) is not { } file)
            return -(int)Errno.EBADF;
        long size = file.Content.LoadedBytes();
        if (offset < 0 || offset >= size)
            return -(int)Errno.ENXIO;
        return whence switch { SeekWhence.Data => offset, SeekWhence.Hole => size, _ => -(int)Errno.EINVAL };
    }

    internal int Allocate(ulong handle, long offset, long length, uint mode)
    {
        if (_handles.Find(handle) is not { IsWritable: true } file)
            return -(int)Errno.EBADF;
        if (mode == AllocateFlags.KeepSize)
            return 0;
        if (mode != 0)
            return -(int)Errno.EOPNOTSUPP;
        return offset + length > file.Content.LoadedBytes() ? file.Content.Truncate(offset + length) : 0;
    }
}
