using ZstdFs.Core.Callers;
using ZstdFs.Core.Inodes;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem.Handles;

/// <summary>One open of a plain file, which is served as it is.</summary>
internal sealed class OpenPlainFile(Volume volume, Node node, FileDescriptor file, bool isWritable)
    : OpenHandle(volume, isWritable)
{
    /// <summary>Each write through the descriptor goes to the end: the file could be opened in no other way.</summary>
    internal bool IsAppendOnly { get; init; }

    internal override FuseOpenOut Reply => new() { OpenFlags = OpenReplyFlags.NoFlush };

    internal override int Read(long offset, Span<byte> destination)
    {
        NoteRead();
        return SystemCallsFile.Read(file, offset, destination);
    }

    /// <summary>
    /// Other programs append to a plain file in the source, and the kernel knows only the length that it heard of last.
    /// After each write the kernel asks for the attributes, and drops the pages of a file that is not as long as it
    /// thought (AUTO_INVAL_DATA). Dropping them from here would wait for this very write, which holds the last page.
    /// </summary>
    internal override int Write(
        long offset, ReadOnlySpan<byte> data, in Writer writer, bool isFromPageCache, bool appends)
    {
        // Written-back pages go to their offset, whatever descriptor the kernel writes them through.
        appends &= !isFromPageCache;
        if (IsAppendOnly && !appends)
            return -(int)Errno.EPERM;
        DropPrivileges(writer);
        int result = appends ? SystemCallsFile.Append(file, data) : SystemCallsFile.Write(file, offset, data);
        return result < 0 ? result : data.Length;
    }

    internal override int Truncate(long size, in Writer writer)
    {
        DropPrivileges(writer);
        return SystemCallsFile.Truncate(file, size);
    }

    internal override int Allocate(long offset, long length, uint mode, in Writer writer)
    {
        DropPrivileges(writer);
        return SystemCallsFile.Allocate(file, mode, offset, length);
    }

    internal override long Seek(long offset, uint whence) => SystemCallsFile.Seek(file, offset, (int)whence);

    internal override int Synchronize() => SystemCallsFile.Synchronize(file);

    protected override bool MoveAccessTime() =>
        SystemCallsAt.Stat(file, out Statx stat) >= 0 && Volume.AccessTimes.Move(file, stat);

    protected override void CloseFile()
    {
        file.Dispose();
        lock (node.LinksGate)
            node.PlainHandles--;
        Volume.Conversion?.Consider(node);
    }

    private void DropPrivileges(in Writer writer) => Volume.Privileges.Drop(node, file, writer);
}
