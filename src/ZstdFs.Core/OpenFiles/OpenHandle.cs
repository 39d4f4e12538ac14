using ZstdFs.Core.Content;
using ZstdFs.Linux;

namespace ZstdFs.Core.OpenFiles;

/// <summary>One open of a file.</summary>
internal abstract class OpenHandle(bool isWritable)
{
    /// <summary>May write.</summary>
    internal bool IsWritable { get; } = isWritable;
}

/// <summary>One open of a stored file.</summary>
/// <param name="content">Shared by all who have the file open.</param>
/// <param name="isWritable">May write.</param>
internal sealed class OpenFile(FileContent content, bool isWritable) : OpenHandle(isWritable)
{
    internal FileContent Content { get; } = content;

    /// <summary>close(2) was called on a copy of the descriptor with something to commit: there may be more of them.</summary>
    internal bool WasFlushed { get; set; }

    /// <summary>The name is on disk too since it was made or moved last.</summary>
    internal bool IsNameDurable { get; set; }
}

/// <summary>One open of a plain file, which is served as it is.</summary>
internal sealed class OpenPlainFile(FileDescriptor file, bool isWritable) : OpenHandle(isWritable)
{
    internal FileDescriptor File { get; } = file;
}
