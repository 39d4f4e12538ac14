using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Linux;

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

/// <summary>One open of a file.</summary>
internal abstract class OpenHandle(bool isWritable)
{
    /// <summary>May write.</summary>
    internal bool IsWritable { get; } = isWritable;

    /// <summary>It was opened with O_APPEND, which fcntl(F_SETFL) may have taken away since.</summary>
    internal bool Appends { get; set; }

    /// <summary>The next read through it moves the file's access time, where that is due.</summary>
    internal bool MovesAccessTime { get; set; }

    /// <summary>What it takes of its user's share.</summary>
    internal HandleShare Share { get; set; }
}

/// <summary>One open of a stored file.</summary>
/// <param name="content">Shared by all handles on the file.</param>
/// <param name="access">What it may do.</param>
/// <param name="isDirect">The kernel neither keeps nor reads pages of it.</param>
/// <param name="backingId">
/// The number of the working copy that the kernel serves it from by itself; 0 where its requests come here.
/// </param>
internal sealed class OpenFile(FileContent content, OpenAccess access, bool isDirect, int backingId)
    : OpenHandle(access != OpenAccess.Read)
{
    internal FileContent Content { get; } = content;

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

    /// <summary>A copy of the descriptor was closed with something to commit: there may be more copies.</summary>
    internal bool WasFlushed { get; set; }

    /// <summary>Reads ahead of the programs that read through this; made with the first read.</summary>
    internal ReadAhead? Ahead { get; set; }

    /// <summary>The name that is on disk too, and the inode of the stored file that it leads to there.</summary>
    internal (Link Name, ulong Stored)? DurableName { get; set; }
}

/// <summary>One open of a plain file, which is served as it is.</summary>
internal sealed class OpenPlainFile(Node node, FileDescriptor file, bool isWritable) : OpenHandle(isWritable)
{
    internal Node Node { get; } = node;
    internal FileDescriptor File { get; } = file;

    /// <summary>Each write through the descriptor goes to the end: the file could be opened in no other way.</summary>
    internal bool IsAppendOnly { get; init; }
}
