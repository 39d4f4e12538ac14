using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>Finds out by trying whether a working copy can be its own redo journal on this file system.</summary>
internal static class WorkingFolderProbe
{
    private const int BlockBytes = 4096;
    private const long Offset = 1 << 20;

    internal static NativeName Name => new("probe\0"u8);

    /// <summary>Extended attributes are kept.</summary>
    internal static bool KeepsRecords(FileDescriptor working) => Try(working, static file => ExtendedAttributes.Set(file, SizeRecord.AttributeName, "probe"u8, 0) >= 0);

    /// <summary>One written block of zeros within a hole is told from the hole.</summary>
    internal static bool KeepsHoles(FileDescriptor working) => Try(working, static file =>
    {
        Span<byte> zeros = stackalloc byte[BlockBytes];
        zeros.Clear();
        return SystemCallsFile.Truncate(file, 2 * Offset) >= 0
            && SystemCallsFile.Write(file, Offset, zeros) >= 0
            && SystemCallsFile.Seek(file, 0, SeekWhence.Data) == Offset
            && SystemCallsFile.Seek(file, Offset, SeekWhence.Hole) == Offset + BlockBytes;
    });

    private static bool Try(FileDescriptor working, Func<FileDescriptor, bool> trial)
    {
        if (SystemCallsAt.Open(working, Name, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Truncate, 0b110_000_000, out FileDescriptor file) < 0)
            return false;
        using (file)
        {
            bool works = trial(file);
            _ = SystemCallsAt.Unlink(working, Name);
            return works;
        }
    }
}
