using ZstdFs.Core.Content;
using ZstdFs.Core.OpenFiles;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// Calls on the content of open files, where a fault of the content becomes an errno and a line in the log. It makes
/// nothing for a call: these are the ops that programs wait for.
/// </summary>
internal sealed class ContentCalls(Volume volume)
{
    /// <summary>Returns the count of bytes read, or −errno.</summary>
    internal int Read(FileContent content, long offset, Span<byte> destination)
    {
        try
        {
            return content.Read(offset, destination);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e, content);
        }
    }

    /// <summary>Returns the count of bytes written, which is all of them, or −errno.</summary>
    internal int Write(FileContent content, long offset, ReadOnlySpan<byte> data)
    {
        try
        {
            return content.Write(offset, data);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e, content);
        }
    }

    /// <summary>Sets the length. 0 or −errno.</summary>
    internal int Truncate(FileContent content, long size)
    {
        try
        {
            return content.Truncate(size);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e, content);
        }
    }

    /// <summary>lseek(2) for data or a hole. The offset, or −errno.</summary>
    internal long Seek(FileContent content, long offset, bool forData)
    {
        try
        {
            return content.Seek(offset, forData);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e, content);
        }
    }

    /// <summary>
    /// fallocate(2): makes the range read as zeros where <paramref name="zeroes"/> is true, then makes the file reach
    /// to the range's end where <paramref name="extends"/> is. 0 or −errno.
    /// </summary>
    internal int Allocate(FileContent content, long offset, long length, bool zeroes, bool extends)
    {
        try
        {
            int result = zeroes ? content.Zero(offset, length) : 0;
            // Space is not reserved: only compression shows how much the content takes.
            return result >= 0 && extends ? content.Extend(offset + length) : result;
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e, content);
        }
    }

    /// <summary>
    /// Appends what it can of another file's range as whole frames. Returns how many bytes, 0 where it can take none,
    /// or −errno.
    /// </summary>
    internal long TakeFrames(FileContent from, long offsetIn, FileContent to, long offsetOut, long length)
    {
        try
        {
            return to.TakeFrames(from, offsetIn, offsetOut, length);
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            return Report(e, from);
        }
    }

    /// <summary>
    /// Whether the kernel refuses such a write to an append-only file on other file systems: of a mapping's pages, or
    /// after fcntl(F_SETFL), or by RWF_NOAPPEND. A handle without O_APPEND is older than the flag, and goes on writing
    /// as on ext4.
    /// </summary>
    internal static bool Overwrites(OpenFile file, long offset, bool isFromPageCache)
    {
        // Readers see what a program stored into the pages, until the next open drops them.
        if (isFromPageCache)
            file.Content.Node.NoteStalePages();
        return isFromPageCache || file.Appends && offset < file.Content.ShownBytes();
    }

    private int Report(Exception fault, FileContent content) =>
        ContentFault.Report(fault, content, volume.Services.Log);
}
