using ZstdFs.Core.Callers;
using ZstdFs.Core.Content;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Reads and writes open files, and synchronises them.</summary>
internal sealed class FileOperations(
    Volume volume, HandleTable<OpenHandle> handles, ContentCalls calls, SyncOperations syncs)
{
    /// <summary>Returns the count of bytes read, or −errno.</summary>
    internal int Read(ulong handle, long offset, Span<byte> destination) => handles.Find(handle) switch
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
        int count = calls.Read(file.Content, offset, destination);
        if (count > 0 && file.Content.LogicalBytes > volume.Services.Options.FrameBytes)
            (file.Ahead ??= new ReadAhead(
                volume.Contents, file.Content, volume.Services.Options.FrameBytes, volume.Release)).Note(offset, count);
        return count;
    }

    /// <summary>Returns the count of bytes written, or −errno.</summary>
    internal int Write(
        ulong handle, long offset, ReadOnlySpan<byte> data, in Writer writer, bool isFromPageCache, bool appends)
    {
        switch (handles.Find(handle))
        {
            case OpenFile { IsWritable: true } file:
                if (file.Content.Marks.IsImmutable
                    || file.Content.Marks.IsAppendOnly && ContentCalls.Overwrites(file, offset, isFromPageCache))
                    return -(int)Errno.EPERM;
                volume.Privileges.Drop(file.Content, writer);
                // Pages that the kernel writes back are true already. Dropping them here would wait for this very
                // write.
                return file.IsDirect && !isFromPageCache
                    ? WriteDirectly(file.Content, offset, data)
                    : calls.Write(file.Content, offset, data);
            case OpenPlainFile { IsWritable: true } plain:
                // Written-back pages go to their offset, whatever descriptor the kernel writes them through.
                return Write(plain, offset, data, writer, appends && !isFromPageCache);
            default:
                return -(int)Errno.EBADF;
        }
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
        int result = calls.Write(content, offset, data);
        // The kernel dropped the mapped pages before it sent the write. A reader may have faulted the old ones in
        // since.
        if (result > 0 && content.Handles.Readable > 0)
            volume.InvalidatePages(content.Node.Id, offset, result);
        return result;
    }

    /// <summary>fsync(2).</summary>
    internal int Synchronize(ulong handle) => handles.Find(handle) switch
    {
        OpenFile file => syncs.Synchronize(file),
        OpenPlainFile plain => SystemCallsFile.Synchronize(plain.File),
        _ => -(int)Errno.EBADF,
    };
}
