using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>
/// Finds out by trying whether a working copy can be its own redo journal on this file system: 1 or 0, or −errno
/// where a passing fault kept it from telling. A mount that took a fault for an answer would serve its files without
/// their records.
/// </summary>
internal static class WorkingFolderProbe
{
    private const int BlockBytes = 4096;
    private const long Offset = 1 << 20;

    // statfs(2) of ext4, btrfs, xfs and tmpfs.
    private static ReadOnlySpan<long> KnownTypes => [0xEF53, 0x9123_683E, 0x5846_5342, 0x0102_1994];

    /// <summary>Name of the file that the probe makes and removes.</summary>
    internal static NativeName Name => new("probe\0"u8);

    /// <summary>
    /// Extended attributes are kept. A full disk has no room to try it: what it does not refuse outright counts as
    /// kept.
    /// </summary>
    internal static int KeepsRecords(FileDescriptor working) =>
        Try(working, static file => ExtendedAttributes.Set(file, SizeRecord.AttributeName, "probe"u8, 0)) switch
        {
            >= 0 or -(int)Errno.ENOSPC or -(int)Errno.EDQUOT => 1,
            var result => PassingFault.Is(result) ? result : 0,
        };

    /// <summary>
    /// The file system tells one written block of zeros from the hole around it. Where the disk is too full to try it,
    /// the answer is known for some file systems.
    /// </summary>
    internal static int KeepsHoles(FileDescriptor working)
    {
        int result = Try(working, TryHoles);
        if (result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT)
        {
            result = SystemCallsFile.StatFileSystem(working, out StatFs known);
            if (result >= 0)
                return KnownTypes.Contains(known.Type) && known.BlockSize <= BlockBytes ? 1 : 0;
        }
        return result >= 0 ? 1 : PassingFault.Is(result) ? result : 0;
    }

    private static int TryHoles(FileDescriptor file)
    {
        Span<byte> zeros = stackalloc byte[BlockBytes];
        zeros.Clear();
        int result = SystemCallsFile.Truncate(file, 2 * Offset);
        if (result >= 0)
            result = SystemCallsFile.Write(file, Offset, zeros);
        if (result >= 0)
            result = Find(file, 0, SeekWhence.Data, Offset);
        return result < 0 ? result : Find(file, Offset, SeekWhence.Hole, Offset + BlockBytes);
    }

    private static int Find(FileDescriptor file, long from, int whence, long expected)
    {
        long found = SystemCallsFile.Seek(file, from, whence);
        return found < 0 ? (int)found : found == expected ? 0 : -(int)Errno.EOPNOTSUPP;
    }

    private static int Try(FileDescriptor working, Func<FileDescriptor, int> trial)
    {
        int result = SystemCallsAt.Open(working, Name, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Truncate,
            0b110_000_000, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
        {
            result = trial(file);
            _ = SystemCallsAt.Unlink(working, Name);
            return result;
        }
    }
}
