using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>The first content of a new file, written without waiting for the disk, after the machine stopped.</summary>
internal static class LostContent
{
    private const int PageBytes = 4096;

    /// <summary>
    /// Whether content seems to have been lost rather than damaged: the file is shorter or longer than its record says,
    /// or a page of it is nothing but zeros, which no frame of ours has. A crash causes no other damage, so other
    /// damage must stay visible.
    /// </summary>
    internal static bool IsIn(FileDescriptor file, in Statx stat, in SizeRecord record)
    {
        if (stat.Size != record.StoredBytes)
            return true;
        Span<byte> page = stackalloc byte[PageBytes];
        for (long at = 0; at < stat.Size; at += PageBytes)
        {
            int count = SystemCallsFile.Read(file, at, page);
            // A disk that fails to read has lost nothing yet.
            if (count < 0)
                return false;
            if (count == 0 || !page[..count].ContainsAnyExcept((byte)0))
                return true;
        }
        return false;
    }

    /// <summary>
    /// Makes the remains an empty file that stock zstd takes. False where the daemon may not write the file, or where
    /// it was written since the caller looked at it: then it stays as it is.
    /// </summary>
    internal static bool MakeEmpty(FileDescriptor file, ReadOnlySpan<byte> emptyFrame, ref Statx stat)
    {
        if (SystemCallsAt.Reopen(file, OpenFlags.ReadWrite, out FileDescriptor writable) < 0)
            return false;
        using (writable)
        {
            if (SystemCallsAt.Stat(writable, out Statx now) < 0 || StoredIdentity.Of(now) != StoredIdentity.Of(stat))
                return false;
            bool isMade = SystemCallsFile.Write(writable, 0, emptyFrame) >= 0
                && SystemCallsFile.Truncate(writable, emptyFrame.Length) >= 0;
            if (isMade)
                _ = SystemCallsFile.SetTimes(writable, Timestamp.Omit, stat.ModifyTime.ToTimestamp());
            _ = SystemCallsAt.Stat(writable, out stat);
            return isMade;
        }
    }
}
