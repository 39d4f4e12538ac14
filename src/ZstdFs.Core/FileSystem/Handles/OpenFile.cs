using ZstdFs.Core.Callers;
using ZstdFs.Core.Commits;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem.Handles;

/// <summary>
/// One open of a stored file. Here a fault of the content becomes an errno and a line in the log. Reads and writes make
/// no object, but for the read-ahead of a long file at a handle's first read.
/// </summary>
internal sealed class OpenFile(Volume volume, OpenContent open) : OpenHandle(volume, open.IsWritable)
{
    private readonly FileContent _content = open.Content;

    /// <summary>Reads ahead of the programs that read through this; made with the first read.</summary>
    private ReadAhead? _ahead;

    /// <summary>A copy of the descriptor was closed with something to commit: there may be more copies.</summary>
    private bool _wasFlushed;

    /// <summary>The name that is on disk too, and the inode of the stored file that it leads to there.</summary>
    private (Link Name, ulong Stored)? _durableName;

    /// <summary>Shared by all handles on the file.</summary>
    internal FileContent Content => _content;

    /// <summary>This handle may write to the file, and no other one may.</summary>
    internal bool IsOnlyWriter => Volume.Contents.IsOnlyWriter(open);

    /// <summary>The kernel serves it from its working copy by itself.</summary>
    internal bool IsServedByKernel => open.BackingId != 0;

    /// <summary>Read-only handles have nothing to flush.</summary>
    internal override FuseOpenOut Reply => new()
    {
        OpenFlags = (IsWritable ? OpenReplyFlags.None : OpenReplyFlags.NoFlush)
            | (open.IsDirect ? OpenReplyFlags.DirectIo : OpenReplyFlags.None)
            | (IsServedByKernel ? OpenReplyFlags.Passthrough : OpenReplyFlags.None),
        BackingId = open.BackingId,
    };

    internal override int Read(long offset, Span<byte> destination)
    {
        NoteRead();
        int count = ReadContent(offset, destination);
        int frameBytes = Volume.Services.Options.FrameBytes;
        if (count > 0 && _content.LogicalBytes > frameBytes)
            (_ahead ??= new ReadAhead(Volume.Contents, _content, frameBytes, Volume.Release)).Note(offset, count);
        return count;
    }

    /// <summary>
    /// Reads, and neither moves the access time nor reads ahead. Returns the count of bytes, or −errno.
    /// </summary>
    internal int ReadContent(long offset, Span<byte> destination)
    {
        try
        {
            return _content.Read(offset, destination);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e);
        }
    }

    internal override int Write(
        long offset, ReadOnlySpan<byte> data, in Writer writer, bool isFromPageCache, bool appends)
    {
        if (Refuses(offset, isFromPageCache))
            return -(int)Errno.EPERM;
        Volume.Privileges.Drop(_content, writer);
        // Pages that the kernel writes back are true already. Dropping them here would wait for this very write.
        return open.IsDirect && !isFromPageCache ? WriteDirectly(offset, data) : WriteContent(offset, data);
    }

    private int WriteDirectly(long offset, ReadOnlySpan<byte> data)
    {
        Volume.Privileges.DropCapabilities(_content);
        int result = WriteContent(offset, data);
        // The kernel dropped the mapped pages before it sent the write. A reader may have faulted the old ones in
        // since.
        if (result > 0 && _content.Handles.Readable > 0)
            Volume.Notices.InvalidatePages(_content.Node.Id, offset, result);
        return result;
    }

    /// <summary>
    /// Writes for a caller that has asked <see cref="Refuses"/>. Returns the count of bytes, which is all of them, or
    /// −errno.
    /// </summary>
    internal int WriteContent(long offset, ReadOnlySpan<byte> data)
    {
        try
        {
            return _content.Write(offset, data);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e);
        }
    }

    /// <summary>
    /// Whether Linux refuses such a write on other file systems: each one to an immutable file, and to an append-only
    /// file what does not append. That comes from a mapping's pages, after fcntl(F_SETFL), or by RWF_NOAPPEND. A handle
    /// without O_APPEND is older than the flag, and goes on writing as on ext4.
    /// </summary>
    internal bool Refuses(long offset, bool isFromPageCache)
    {
        if (_content.Marks.IsImmutable)
            return true;
        if (!_content.Marks.IsAppendOnly)
            return false;
        // Readers see what a program stored into the pages, until the next open drops them.
        if (isFromPageCache)
            _content.Node.NoteStalePages();
        return isFromPageCache || Appends && offset < _content.ShownBytes();
    }

    internal override int Truncate(long size, in Writer writer)
    {
        int refused = ProtectedFile.CheckTruncate(_content);
        if (refused < 0)
            return refused;
        Volume.Privileges.Drop(_content, writer);
        try
        {
            return _content.Truncate(size);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e);
        }
    }

    internal override int Allocate(long offset, long length, uint mode, in Writer writer)
    {
        const uint Zeroing = AllocateFlags.PunchHole | AllocateFlags.ZeroRange;
        bool keepsSize = (mode & AllocateFlags.KeepSize) != 0;
        if ((mode & ~(Zeroing | AllocateFlags.KeepSize)) != 0 || (mode & AllocateFlags.PunchHole) != 0 && !keepsSize)
            return -(int)Errno.EOPNOTSUPP;
        int refused = ProtectedFile.CheckAllocate(_content, mode);
        if (refused < 0)
            return refused;
        Volume.Privileges.Drop(_content, writer);
        try
        {
            long before = _content.Changes.Count;
            int result = (mode & Zeroing) != 0 ? _content.Zero(offset, length) : 0;
            // Space is not reserved: only compression shows how much the content takes.
            if (result >= 0 && !keepsSize)
                result = _content.Extend(offset + length);
            return result >= 0 && _content.Changes.Count == before ? MovesTimesOnly : result;
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e);
        }
    }

    internal override long Seek(long offset, uint whence)
    {
        if (whence is not (SeekWhence.Data or SeekWhence.Hole))
            return -(int)Errno.EINVAL;
        try
        {
            return _content.Seek(offset, whence == SeekWhence.Data);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e);
        }
    }

    /// <summary>
    /// Appends what it can of another file's range as whole frames. Returns how many bytes, 0 where it can take none,
    /// or −errno.
    /// </summary>
    internal long TakeFrames(OpenFile from, long offsetIn, long offsetOut, long length)
    {
        try
        {
            return _content.TakeFrames(from._content, offsetIn, offsetOut, length);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return from.Report(e);
        }
    }

    /// <summary>fsync(2): content, size and name are on disk when it returns 0.</summary>
    internal override int Synchronize()
    {
        int result = 0;
        if (_content.IsDirty)
        {
            // To commit the first content of a small file costs no more than to write it to a working copy.
            result = _content.IsBuffered && _content.Base.IsFresh
                ? Volume.Keeping.CommitOrKeep(_content) : _content.Persist();
            // A file without a name gets no new version, and some content needs one.
            if (result >= 0 && _content.IsDirty && _content.IsBuffered)
                result = _content.Persist();
            if (result == -(int)Errno.EOPNOTSUPP)
                result = Volume.Committer.Commit(_content, yields: false);
        }
        if (result >= 0)
            result = Volume.Committer.Durability.Synchronize(_content);
        if (result >= 0)
            result = _content.Outcome.TakeUntoldError();
        // A commit gives the name to another stored file, and then the folder must be synchronised again.
        ulong stored = _content.Published.InodeNumber;
        if (result < 0 || _content.Node.AnyLink is not { } link || _durableName == (link, stored))
            return result;
        result = SynchronizeFolder(link.Parent);
        if (result >= 0)
            _durableName = (link, stored);
        return result;
    }

    private int SynchronizeFolder(Node folder)
    {
        int result = Volume.Directories.Rent(folder, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
            return Volume.Source.SynchronizeFolder(lease.Descriptor);
    }

    /// <summary>
    /// close(2): what was written survives this process when it returns. A cheap commit is done here; the rest is left
    /// to the queue. The last close commits where other handles still write, or where copies of this descriptor are
    /// still to be closed.
    /// </summary>
    internal override int Flush()
    {
        if (!IsWritable || !_content.IsDirty)
            return 0;
        bool isLast = !_wasFlushed && IsOnlyWriter;
        _wasFlushed = true;
        // The last close takes the old version back.
        if (_content.CutShort is < 0 and var refusal)
            return refusal;
        if (isLast && (Volume.Committer.Pace.IsCheap(_content)
            || Volume.Queue.BacklogBytes > Volume.Services.Options.BacklogBytes && !_content.IsLent))
            return Volume.Keeping.CommitOrKeep(_content);
        int result = _content.Persist();
        if (result == -(int)Errno.EOPNOTSUPP)
            return Volume.Committer.Commit(_content, yields: false);
        return result < 0 ? result : _content.Outcome.TakeUntoldError();
    }

    protected override bool MoveAccessTime()
    {
        if (!_content.TryRentBase(out DescriptorLease stored))
            return false;
        using (stored)
            return _content.TryShowTimes(stored.Descriptor, out Statx shown)
                && Volume.AccessTimes.Move(stored.Descriptor, shown);
    }

    protected override void CloseFile()
    {
        if (Volume.Contents.Close(open) && _content.IsUnsettled)
        {
            bool hasName;
            // The gate keeps this out of a removal, in whose middle the file may have names that are not known here.
            lock (_content.Node.LinksGate)
                hasName = _content.Node.HasName;
            if (hasName)
                CommitLater();
            else if (CommitQueue.IsAwaited(_content) || _content.IsLent)
                Volume.Queue.Add(_content, atOnce: false);
        }
        Volume.Release(_content);
    }

    private void CommitLater()
    {
        if (Volume.Keeping.Keep(_content) is < 0 and var reason)
            Volume.Revert(_content, reason);
        else
            Volume.Queue.Add(_content, atOnce: false);
    }

    private int Report(Exception fault) => ContentFault.Report(fault, _content, Volume.Services.Log);
}
