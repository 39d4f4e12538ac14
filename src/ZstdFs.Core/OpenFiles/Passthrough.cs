using ZstdFs.Core.Content;
using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.OpenFiles;

/// <summary>
/// Files that the kernel serves by itself: a content that is wholly in a working copy, because it is not committed yet, is lent to it with the first handle, and each further handle is
/// served so too. For who holds the gate of the table of contents.
/// </summary>
internal sealed class Passthrough(BackingFiles files)
{
    private bool _isRefused;

    /// <summary>The backing file for one more handle on a content; 0 where its requests come here.</summary>
    /// <param name="content">What is opened.</param>
    /// <param name="access">What the handle may do.</param>
    /// <param name="mayBegin">It may be lent for this handle.</param>
    internal int Serve(FileContent content, OpenAccess access, bool mayBegin)
    {
        HandleCounts handles = content.Handles;
        // The kernel has one way to a file, for all who have it open.
        if (handles.BackingId != 0 || handles.Open > 0 || _isRefused)
            return handles.BackingId;
        bool isLent = content.IsLent;
        if (!isLent && !(mayBegin && content.Overlay.Lending.CanBegin(access != OpenAccess.Read)))
            return 0;
        int id = files.Open(content.Overlay.Working!.File);
        if (id <= 0)
        {
            // No right to it here, or no such file system: the next one would be refused too.
            _isRefused = id is -(int)Errno.EPERM or -(int)Errno.ELOOP or -(int)Errno.EOPNOTSUPP or -(int)Errno.ENOTTY;
            return 0;
        }
        if (!isLent && !content.TryLend())
        {
            _ = files.Close(id);
            return 0;
        }
        return handles.BackingId = id;
    }

    /// <summary>The content is not lent any more.</summary>
    internal void End(FileContent content)
    {
        if (content.Handles.BackingId != 0)
            _ = files.Close(content.Handles.BackingId);
        content.Handles.BackingId = 0;
    }
}
