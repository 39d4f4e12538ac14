using ZstdFs.Core.Content;

namespace ZstdFs.Core.OpenFiles;

/// <summary>What an open(2) may do.</summary>
internal enum OpenAccess
{
    /// <summary>Read.</summary>
    Read,
    /// <summary>Write, never read.</summary>
    WriteOnly,
    /// <summary>Both.</summary>
    ReadWrite,
}

/// <summary>One open of a stored file, as <see cref="ContentTable"/> counts it.</summary>
/// <param name="content">Shared by all opens of the file.</param>
/// <param name="access">What it may do.</param>
/// <param name="isDirect">The kernel neither keeps nor reads pages of it.</param>
/// <param name="backingId">
/// The number of the working copy that the kernel serves it from by itself; 0 where its requests come here.
/// </param>
internal sealed class OpenContent(FileContent content, OpenAccess access, bool isDirect, int backingId)
{
    internal FileContent Content { get; } = content;

    /// <summary>May write.</summary>
    internal bool IsWritable { get; } = access != OpenAccess.Read;

    /// <summary>May read.</summary>
    internal bool IsReadable { get; } = access != OpenAccess.WriteOnly;

    /// <summary>
    /// The kernel passes reads and writes on as they come. A write through its page cache would cost a GETXATTR and, at
    /// the first page that is not whole, one more request. A page that is cached beside direct writes could be stale.
    /// So a handle that only writes is direct where no handle uses the page cache, and each handle that opens beside a
    /// direct writer is direct.
    /// </summary>
    internal bool IsDirect { get; } = isDirect;

    /// <summary>
    /// The number of the working copy that the kernel serves it from by itself; 0 where its requests come here.
    /// </summary>
    internal int BackingId { get; } = backingId;
}
