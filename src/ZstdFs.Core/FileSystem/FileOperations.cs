using ZstdFs.Core.Callers;
using ZstdFs.Core.Commits;
using ZstdFs.Core.Content;
using ZstdFs.Core.KernelCache;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Ops on open files.</summary>
internal sealed class FileOperations(Volume volume, SyncOperations syncs)
{
    private const int CopyBytes = 1024 * 1024;

    // Most that one request copies: its caller cannot be interrupted before the answer. Taking over frames undecoded is
    // faster than copying.
    private const long MostCopiedBytes = 64L * 1024 * 1024, MostTakenBytes = 1024L * 1024 * 1024;

    private readonly HandleTable<OpenHandle> _handles = new();
    private readonly FileOpener _opener = new(volume);

    internal int Open(ulong nodeId, int flags, in Writer writer, uint sharer, out FuseOpenOut reply)
    {
        reply = default;
        // Linux also empties a file that is opened for reading with O_TRUNC.
        bool truncates = (flags & OpenFlags.Truncate) != 0;
        OpenAccess access = AccessOf(flags);
        if (truncates && access == OpenAccess.Read)
            access = OpenAccess.ReadWrite;
        int needed = access == OpenAccess.Read ? HandleShares.ToRead : HandleShares.ToWrite;
        int result = volume.Shares.Take(sharer, needed, out HandleShare share);
        if (result < 0)
            return result;
        bool appends = (flags & OpenFlags.Append) != 0 && !truncates;
        // A file that is likely to grow is better written through here: it is compressed behind its writer should the
        // disk be small. A file opened with O_DIRECT is not lent either: fcntl(F_SETFL) may take O_DIRECT away for the
        // rest of it, and the kernel does not report that.
        bool mayLend = access != OpenAccess.WriteOnly && !truncates && !appends && (flags & OpenFlags.Direct) == 0;
        result = _opener.Open(nodeId, access, appends, mayLend, out OpenHandle handle, out KeptPages pages);
        if (result < 0)
        {
            volume.Shares.GiveBack(share);
            return result;
        }
        handle.Share = share;
        handle.Appends = (flags & OpenFlags.Append) != 0;
        if (truncates)
            result = Truncate(handle, 0, writer);
        if (result < 0)
        {
            Close(handle);
            return result;
        }
        bool isServedByKernel = handle is OpenFile { BackingId: not 0 };
        // A working copy that was lent to read may not be synchronised yet. Its pages need no care: the kernel drops
        // what it has cached of a file that it serves by itself, and caches nothing more.
        if (isServedByKernel && handle.IsWritable)
        {
            // The daemon will not hear of the first write.
            volume.Privileges.Drop(((OpenFile)handle).Content, writer.Unannounced);
            result = volume.Committer.Durability.Secure(((OpenFile)handle).Content);
        }
        if (result < 0)
        {
            Close(handle);
            return result;
        }
        // Drop them before the answer: another open must not find them.
        if (pages == KeptPages.Stale && !isServedByKernel)
            volume.Pages.DropFor(((OpenFile)handle).Content);
        reply = Register(handle);
        if (pages == KeptPages.Current && !isServedByKernel)
            reply.OpenFlags |= OpenReplyFlags.KeepCache;
        if (volume.AccessTimes.NoteOpened(
            handle, access, flags, mayReadUnseen: pages == KeptPages.Current || isServedByKernel))
            volume.InvalidateAttributes(nodeId);
        return 0;
    }

    /// <summary>
    /// A handle for a file just made, where <paramref name="result"/> says that it was. Returns the result.
    /// </summary>
    internal int Register(int result, OpenFile file, int flags, in HandleShare share, out FuseOpenOut reply)
    {
        reply = default;
        if (result < 0)
        {
            volume.Shares.GiveBack(share);
            return result;
        }
        file.Share = share;
        file.Appends = (flags & OpenFlags.Append) != 0;
        reply = Register(file);
        return result;
    }

    internal static OpenAccess AccessOf(int flags) => (flags & OpenFlags.AccessMask) switch
    {
        OpenFlags.ReadOnly => OpenAccess.Read,
        OpenFlags.WriteOnly => OpenAccess.WriteOnly,
        _ => OpenAccess.ReadWrite,
    };

    /// <summary>A handle for a file just opened. Read-only handles have nothing to flush.</summary>
    private FuseOpenOut Register(OpenHandle handle) => new()
    {
        Handle = _handles.Add(handle),
        OpenFlags = (handle.IsWritable && handle is OpenFile ? OpenReplyFlags.None : OpenReplyFlags.NoFlush)
            | (handle is OpenFile { IsDirect: true } ? OpenReplyFlags.DirectIo : OpenReplyFlags.None)
            | (handle is OpenFile { BackingId: not 0 } ? OpenReplyFlags.Passthrough : OpenReplyFlags.None),
        BackingId = (handle as OpenFile)?.BackingId ?? 0,
    };

    internal int Read(ulong handle, long offset, Span<byte> destination) => _handles.Find(handle) switch
    {
        OpenFile file => ReadOn(file, offset, destination),
        OpenPlainFile plain => ReadOn(plain, offset, destination),
        _ => -(int)Errno.EBADF,
    };

    private int ReadOn(OpenPlainFile plain, long offset, Span<byte> destination)
    {
        volume.AccessTimes.NoteRead(plain);
        return SystemCallsFile.Read(plain.File, offset, destination);
    }

    private int ReadOn(OpenFile file, long offset, Span<byte> destination)
    {
        volume.AccessTimes.NoteRead(file);
        int count = Read(file.Content, offset, destination);
        if (count > 0 && file.Content.LogicalBytes > volume.Services.Options.FrameBytes)
            (file.Ahead ??= new ReadAhead(
                volume.Contents, file.Content, volume.Services.Options.FrameBytes, volume.Release)).Note(offset, count);
        return count;
    }

    private int Read(FileContent content, long offset, Span<byte> destination)
    {
        try
        {
            return content.Read(offset, destination);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return ContentFault.Report(e, content, volume.Services.Log);
        }
    }

    internal int Write(
        ulong handle, long offset, ReadOnlySpan<byte> data, in Writer writer, bool isFromPageCache, bool appends)
    {
        switch (_handles.Find(handle))
        {
            case OpenFile { IsWritable: true } file:
                if (file.Content.Marks.IsImmutable
                    || file.Content.Marks.IsAppendOnly && Overwrites(file, offset, isFromPageCache))
                    return -(int)Errno.EPERM;
                volume.Privileges.Drop(file.Content, writer);
                // Pages that the kernel writes back are true already. Dropping them here would wait for this very
                // write.
                return file.IsDirect && !isFromPageCache
                    ? WriteDirectly(file.Content, offset, data)
                    : Write(file.Content, offset, data);
            case OpenPlainFile { IsWritable: true } plain:
                // Written-back pages go to their offset, whatever descriptor the kernel writes them through.
                return Write(plain, offset, data, writer, appends && !isFromPageCache);
            default:
                return -(int)Errno.EBADF;
        }
    }

    /// <summary>
    /// Whether the kernel refuses such a write to an append-only file on other file systems: of a mapping's pages, or
    /// after fcntl(F_SETFL), or by RWF_NOAPPEND. A handle without O_APPEND is older than the flag, and goes on writing
    /// as on ext4.
    /// </summary>
    private static bool Overwrites(OpenFile file, long offset, bool isFromPageCache)
    {
        // Readers see what a program stored into the pages, until the next open drops them.
        if (isFromPageCache)
            file.Content.Node.NoteStalePages();
        return isFromPageCache || file.Appends && offset < file.Content.ShownBytes();
    }

    /// <summary>
    /// Other programs append to a plain file in the source, and the kernel knows only the length that it heard of last.
    /// After each write the kernel asks for the attributes, and drops the pages of a file that is not as long as it
    /// thought (AUTO_INVAL_DATA). Dropping them from here would wait for this very write, which holds the last page.
    /// </summary>
    private int Write(OpenPlainFile plain, long offset, ReadOnlySpan<byte> data, in Writer writer, bool appends)
    {
        if (plain.IsAppendOnly && !appends)
            return -(int)Errno.EPERM;
        volume.Privileges.Drop(plain, writer);
        int result = appends
            ? SystemCallsFile.Append(plain.File, data)
            : SystemCallsFile.Write(plain.File, offset, data);
        return result < 0 ? result : data.Length;
    }

    private int WriteDirectly(FileContent content, long offset, ReadOnlySpan<byte> data)
    {
        volume.Privileges.DropCapabilities(content);
        int result = Write(content, offset, data);
        // The kernel dropped the mapped pages before it sent the write. A reader may have faulted the old ones in
        // since.
        if (result > 0 && content.Handles.Readable > 0)
            volume.InvalidatePages(content.Node.Id, offset, result);
        return result;
    }

    private int Write(FileContent content, long offset, ReadOnlySpan<byte> data)
    {
        try
        {
            return content.Write(offset, data);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return ContentFault.Report(e, content, volume.Services.Log);
        }
    }

    /// <summary>
    /// close(2): what was written survives this process when it returns. A cheap commit is done here; the rest is left
    /// to the queue. The last close commits where other handles still write, or where copies of this descriptor are
    /// still to be closed.
    /// </summary>
    internal int Flush(ulong handle)
    {
        if (_handles.Find(handle) is not OpenFile { IsWritable: true } file || !file.Content.IsDirty)
            return 0;
        FileContent content = file.Content;
        bool isLast = !file.WasFlushed && volume.Contents.IsOnlyWriter(file);
        file.WasFlushed = true;
        // The last close takes the old version back.
        if (content.CutShort is < 0 and var refusal)
            return refusal;
        if (isLast && (volume.Committer.Pace.IsCheap(content)
            || volume.Queue.BacklogBytes > volume.Services.Options.BacklogBytes && !content.IsLent))
            return volume.Keeping.CommitOrKeep(content);
        int result = content.Persist();
        if (result == -(int)Errno.EOPNOTSUPP)
            return volume.Committer.Commit(content, yields: false);
        return result < 0 ? result : content.Outcome.TakeUntoldError();
    }

    internal void Release(ulong handle)
    {
        if (_handles.Remove(handle) is { } removed)
            Close(removed);
    }

    internal void Close(OpenHandle handle)
    {
        volume.Shares.GiveBack(handle.Share);
        if (handle is OpenPlainFile plain)
        {
            plain.File.Dispose();
            lock (plain.Node.LinksGate)
                plain.Node.PlainHandles--;
            volume.Conversion?.Consider(plain.Node);
            return;
        }
        var file = (OpenFile)handle;
        if (volume.Contents.Close(file) && file.Content.IsUnsettled)
        {
            bool hasName;
            // The gate keeps this out of a removal, in whose middle the file may have names that are not known here.
            lock (file.Content.Node.LinksGate)
                hasName = file.Content.Node.HasName;
            if (hasName)
                CommitLater(file.Content);
            else if (CommitQueue.IsAwaited(file.Content) || file.Content.IsLent)
                volume.Queue.Add(file.Content, atOnce: false);
        }
        volume.Release(file.Content);
    }

    private void CommitLater(FileContent content)
    {
        if (volume.Keeping.Keep(content) is < 0 and var reason)
            volume.Revert(content, reason);
        else
            volume.Queue.Add(content, atOnce: false);
    }

    /// <summary>fsync(2).</summary>
    internal int Synchronize(ulong handle) => _handles.Find(handle) switch
    {
        OpenFile file => syncs.Synchronize(file),
        OpenPlainFile plain => SystemCallsFile.Synchronize(plain.File),
        _ => -(int)Errno.EBADF,
    };

    /// <summary>truncate(2), with or without a handle.</summary>
    internal int Truncate(ulong nodeId, ulong handle, long size, in Writer writer)
    {
        if (_handles.Find(handle) is { } open)
            return open.IsWritable ? Truncate(open, size, writer) : -(int)Errno.EINVAL;
        int result = _opener.Open(
            nodeId, OpenAccess.WriteOnly, appends: false, mayLend: false, out OpenHandle own, out _);
        if (result < 0)
            return result;
        result = Truncate(own, size, writer);
        if (result >= 0 && own is OpenFile file)
            result = volume.Contents.IsOnlyWriter(file) && volume.Committer.Pace.IsCheap(file.Content)
                ? volume.Keeping.CommitOrKeep(file.Content)
                : file.Content.Persist();
        Close(own);
        return result == -(int)Errno.EOPNOTSUPP ? 0 : result;
    }

    private int Truncate(OpenHandle handle, long size, in Writer writer)
    {
        if (handle is OpenPlainFile plain)
        {
            volume.Privileges.Drop(plain, writer);
            return SystemCallsFile.Truncate(plain.File, size);
        }
        FileContent content = ((OpenFile)handle).Content;
        int refused = ProtectedFile.CheckTruncate(content);
        if (refused < 0)
            return refused;
        volume.Privileges.Drop(content, writer);
        try
        {
            return content.Truncate(size);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return ContentFault.Report(e, content, volume.Services.Log);
        }
    }

    internal long Seek(ulong handle, long offset, uint whence)
    {
        OpenHandle? found = _handles.Find(handle);
        if (found is OpenPlainFile plain)
            return SystemCallsFile.Seek(plain.File, offset, (int)whence);
        if (found is not OpenFile file)
            return -(int)Errno.EBADF;
        if (whence is not (SeekWhence.Data or SeekWhence.Hole))
            return -(int)Errno.EINVAL;
        try
        {
            return file.Content.Seek(offset, whence == SeekWhence.Data);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return ContentFault.Report(e, file.Content, volume.Services.Log);
        }
    }

    internal int Allocate(ulong handle, long offset, long length, uint mode, in Writer writer)
    {
        OpenHandle? found = _handles.Find(handle);
        if (found is OpenPlainFile { IsWritable: true } plain)
        {
            volume.Privileges.Drop(plain, writer);
            return SystemCallsFile.Allocate(plain.File, mode, offset, length);
        }
        if (found is not OpenFile { IsWritable: true } file)
            return -(int)Errno.EBADF;
        FileContent content = file.Content;
        const uint Zeroing = AllocateFlags.PunchHole | AllocateFlags.ZeroRange;
        bool keepsSize = (mode & AllocateFlags.KeepSize) != 0;
        if ((mode & ~(Zeroing | AllocateFlags.KeepSize)) != 0 || (mode & AllocateFlags.PunchHole) != 0 && !keepsSize)
            return -(int)Errno.EOPNOTSUPP;
        int refused = ProtectedFile.CheckAllocate(content, mode);
        if (refused < 0)
            return refused;
        try
        {
            volume.Privileges.Drop(content, writer);
            int result = (mode & Zeroing) != 0 ? content.Zero(offset, length) : 0;
            // Space is not reserved: only compression shows how much the content takes.
            return result >= 0 && !keepsSize ? content.Extend(offset + length) : result;
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return ContentFault.Report(e, content, volume.Services.Log);
        }
    }

    /// <summary>
    /// copy_file_range(2) within the mount: no page of it goes through the kernel's cache. A long copy ends early, and
    /// its caller asks for the rest.
    /// </summary>
    internal long Copy(ulong handleIn, long offsetIn, ulong handleOut, long offsetOut, long length, in Writer writer)
    {
        if (_handles.Find(handleIn) is not OpenFile from
            || _handles.Find(handleOut) is not OpenFile { IsWritable: true } to)
            return -(int)Errno.EOPNOTSUPP;
        if (to.Content.Marks.IsImmutable
            || to.Content.Marks.IsAppendOnly && Overwrites(to, offsetOut, isFromPageCache: false))
            return -(int)Errno.EPERM;
        if (volume.AccessTimes.NoteRead(from))
            volume.InvalidateAttributes(from.Content.Node.Id);
        volume.Privileges.Drop(to.Content, writer);
        long taken = TakeFrames(from.Content, offsetIn, to.Content, offsetOut, Math.Min(length, MostTakenBytes));
        // A short count makes the caller ask for the rest.
        if (taken != 0)
            return taken;
        length = Math.Min(length, MostCopiedBytes);
        byte[] buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            long done = 0;
            while (done < length)
            {
                int count = Read(
                    from.Content, offsetIn + done, buffer.AsSpan(0, (int)Math.Min(CopyBytes, length - done)));
                if (count > 0)
                    count = Write(to.Content, offsetOut + done, buffer.AsSpan(0, count));
                if (count < 0)
                    return done > 0 ? done : count;
                if (count == 0)
                    break;
                done += count;
            }
            return done;
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private long TakeFrames(FileContent from, long offsetIn, FileContent to, long offsetOut, long length)
    {
        try
        {
            return to.TakeFrames(from, offsetIn, offsetOut, length);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return ContentFault.Report(e, from, volume.Services.Log);
        }
    }
}
