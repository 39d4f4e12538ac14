using System.Buffers;
using ZstdFs.Core.Callers;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem.Handles;

/// <summary>Cuts files off, open or not, and copies between open ones.</summary>
internal sealed class RangeOperations(Volume volume, HandleTable<OpenHandle> handles, FileOpener opener)
{
    private const int CopyBytes = 1024 * 1024;

    // Most that one request copies: its caller cannot be interrupted before the answer. Taking over frames undecoded is
    // faster than copying.
    private const long MostCopiedBytes = 64L * 1024 * 1024, MostTakenBytes = 1024L * 1024 * 1024;

    /// <summary>truncate(2), with or without a handle.</summary>
    internal int Truncate(ulong nodeId, ulong handle, long size, in Writer writer)
    {
        if (handles.Find(handle) is { } open)
            return open.IsWritable ? open.Truncate(size, writer) : -(int)Errno.EINVAL;
        int result = opener.Open(
            nodeId, OpenAccess.WriteOnly, appends: false, mayLend: false, out OpenHandle own, out _);
        if (result < 0)
            return result;
        try
        {
            result = own.Truncate(size, writer);
            if (result >= 0 && own is OpenFile file)
                result = file.IsOnlyWriter && volume.Committer.Pace.IsCheap(file.Content)
                    ? volume.Keeping.CommitOrKeep(file.Content)
                    : file.Content.Persist();
            return result == -(int)Errno.EOPNOTSUPP ? 0 : result;
        }
        finally
        {
            own.Close();
        }
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
        if (to.Refuses(offsetOut, isFromPageCache: false))
            return -(int)Errno.EPERM;
        if (from.NoteRead())
            volume.Notices.InvalidateAttributes(from.Content.Node.Id);
        volume.Privileges.Drop(to.Content, writer);
        long taken = to.TakeFrames(from, offsetIn, offsetOut, Math.Min(length, MostTakenBytes));
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
                int count = from.ReadContent(
                    offsetIn + done, buffer.AsSpan(0, (int)Math.Min(CopyBytes, length - done)));
                if (count > 0)
                    count = to.WriteContent(offsetOut + done, buffer.AsSpan(0, count));
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
