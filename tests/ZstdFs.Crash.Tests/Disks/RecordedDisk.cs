using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Disks;

/// <summary>
/// A folder with one file, <c>disk</c>, for a loop device to lie on: remembers every write and every flush in their
/// order.
/// </summary>
internal class RecordedDisk(byte[] content) : FuseFileSystem
{
    private const ulong Root = 1, Disk = 2;

    // Guards both.
    private readonly Lock _gate = new();
    private readonly List<DiskEvent> _events = [];

    /// <summary>Number of writes and flushes so far: a moment in the disk's life.</summary>
    internal int Position
    {
        get
        {
            lock (_gate)
                return _events.Count;
        }
    }

    /// <summary>All that it was told. Nothing uses the disk any more.</summary>
    internal IReadOnlyList<DiskEvent> Events => _events;

    public override int Lookup(in RequestContext context, ulong parent, NativeName name, out FuseEntryOut entry)
    {
        entry = default;
        if (parent != Root || !name.Bytes.SequenceEqual("disk"u8))
            return -(int)Errno.ENOENT;
        entry = new FuseEntryOut { NodeId = Disk, EntryValid = 3600, AttrValid = 3600, Attr = Attributes(Disk) };
        return 0;
    }

    public override int GetAttributes(in RequestContext context, ulong node, ulong handle, out FuseAttrOut attributes)
    {
        attributes = new FuseAttrOut { AttrValid = 3600, Attr = Attributes(node) };
        return 0;
    }

    private FuseAttr Attributes(ulong node) => new()
    {
        Ino = node,
        Mode = node == Root ? FileType.Directory | 0b111_000_000 : FileType.Regular | 0b110_000_000,
        Nlink = 1,
        Size = node == Root ? 0 : (ulong)content.Length,
        Blksize = 4096,
    };

    public override int SetAttributes(in RequestContext context, ulong node, in FuseSetattrIn change,
        out FuseAttrOut attributes) =>
        GetAttributes(context, node, NoHandle, out attributes);

    public override int Open(in RequestContext context, ulong node, int flags, bool killSuidSgid, out FuseOpenOut reply)
    {
        reply = default;
        return 0;
    }

    public override int Read(in RequestContext context, ulong node, ulong handle, long offset, Span<byte> destination)
    {
        int count = (int)Math.Clamp(content.Length - offset, 0, destination.Length);
        lock (_gate)
            content.AsSpan((int)offset, count).CopyTo(destination);
        return count;
    }

    public override int Write(
        in RequestContext context, ulong node, ulong handle, long offset, ReadOnlySpan<byte> data, WriteFlags flags,
            int openFlags)
    {
        if (offset + data.Length > content.Length)
            return -(int)Errno.ENOSPC;
        lock (_gate)
        {
            data.CopyTo(content.AsSpan((int)offset));
            _events.Add(new DiskEvent(offset, data.ToArray()));
        }
        return data.Length;
    }

    public override int Synchronize(in RequestContext context, ulong node, ulong handle, bool dataOnly)
    {
        lock (_gate)
        {
            if (_events.Count > 0 && !_events[^1].IsFlush)
                _events.Add(default);
        }
        return 0;
    }
}
