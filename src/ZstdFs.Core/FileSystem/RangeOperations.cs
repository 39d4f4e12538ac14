using System.Buffers;
using ZstdFs.Core.Callers;
using ZstdFs.Core.Content;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Cuts off, allocates, copies and looks for ranges of files.</summary>
internal sealed class RangeOperations(
    Volume volume, HandleTable<OpenHandle> handles, FileOpener opener, CloseOperations closer, ContentCalls calls)
{
    private const int CopyBytes = 1024 * 1024;

    // Most that one request copies: its caller cannot be interrupted before the answer. Taking over frames undecoded is
    // faster than copying.
    private const long MostCopiedBytes = 64L * 1024 * 1024, MostTakenBytes = 1024L * 1024 * 1024;

    /// <summary>truncate(2), with or without a handle.</summary>
    internal int Truncate(ulong nodeId, ulong handle, long size, in Writer writer)
    {
        if (handles.Find(handle) is { } open)
            return open.IsWritable ? Truncate(open, size, writer) : -(int)Errno.EINVAL;
        int result = opener.Open(
            nodeId, OpenAccess.WriteOnly, appends: false, mayLend: false, out OpenHandle own, out _);
        if (result < 0)
            return result;
        result = Truncate(own, size, writer);
        if (result >= 0 && own is OpenFile file)
            result = volume.Contents.IsOnlyWriter(file) && volume.Committer.Pace.IsCheap(file.Content)
                ? volume.Keeping.CommitOrKeep(file.Content)
                : file.Content.Persist();
        closer.Close(own);
        return result == -(int)Errno.EOPNOTSUPP ? 0 : result;
    }

    /// <summary>Sets the length through a handle that may write.</summary>
    internal int Truncate(OpenHandle handle, long size, in Writer writer)
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
        return calls.Truncate(content, size);
    }

    /// <summary>lseek(2) for data or a hole. The offset, or −errno.</summary>
    internal long Seek(ulong handle, long offset, uint whence)
    {
        OpenHandle? found = handles.Find(handle);
        if (found is OpenPlainFile plain)
            return SystemCallsFile.Seek(plain.File, offset, (int)whence);
        if (found is not OpenFile file)
            return -(int)Errno.EBADF;
        if (whence is not (SeekWhence.Data or SeekWhence.Hole))
            return -(int)Errno.EINVAL;
        return calls.Seek(file.Content, offset, whence == SeekWhence.Data);
    }

    /// <summary>fallocate(2).</summary>
    internal int Allocate(ulong handle, long offset, long length, uint mode, in Writer writer)
    {
        OpenHandle? found = handles.Find(handle);
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
        volume.Privileges.Drop(content, writer);
        return calls.Allocate(content, offset, length, zeroes: (mode & Zeroing) != 0, extends: !keepsSize);
    }

    /// <summary>
    /// copy_file_range(2) within the mount: no page of it goes through the kernel's cache. A long copy ends early, and
    /// its caller asks for the rest.
    /// </summary>
    internal long Copy(ulong handleIn, long offsetIn, ulong handleOut, long offsetOut, long length, in Writer writer)
    {
        if (handles.Find(handleIn) is not OpenFile from
            || handles.Find(handleOut) is not OpenFile { IsWritable: true } to)
            return -(int)Errno.EOPNOTSUPP;
        if (to.Content.Marks.IsImmutable
            || to.Content.Marks.IsAppendOnly && ContentCalls.Overwrites(to, offsetOut, isFromPageCache: false))
            return -(int)Errno.EPERM;
        if (volume.AccessTimes.NoteRead(from))
            volume.InvalidateAttributes(from.Content.Node.Id);
        volume.Privileges.Drop(to.Content, writer);
        long taken = calls.TakeFrames(from.Content, offsetIn, to.Content, offsetOut, Math.Min(length, MostTakenBytes));
        // A short count makes the caller ask for the rest.
        if (taken != 0)
            return taken;
        length = Math.Min(length, MostCopiedBytes);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            long done = 0;
            while (done < length)
            {
                int count = calls.Read(
                    from.Content, offsetIn + done, buffer.AsSpan(0, (int)Math.Min(CopyBytes, length - done)));
                if (count > 0)
                    count = calls.Write(to.Content, offsetOut + done, buffer.AsSpan(0, count));
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
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
