using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// Room for our record among the extended attributes of a new version. All attributes of a file may have one limit (ext4: what the inode leaves, and one block), and the record is in the first place
/// since the file was created: put there last, it would find none beside what users have filled the rest with. A file that was found with all of it taken goes without a record, which is a cache.
/// </summary>
internal static class RecordRoom
{
    private const int LongestListBytes = 65536; // the kernel's limit

    /// <summary>Takes it on a file without attributes. −errno where the disk is full; nothing is taken where the file system keeps none.</summary>
    internal static int Take(FileDescriptor file)
    {
        Span<byte> blank = stackalloc byte[SizeRecord.Bytes];
        blank.Clear();
        int result = ExtendedAttributes.Set(file, SizeRecord.AttributeName, blank, 0);
        return result == -(int)Errno.EOPNOTSUPP ? 0 : Math.Min(result, 0);
    }

    /// <summary>
    /// Whether the file has it, or a record. A fault that hides it leaves the answer to the record's writing.
    /// </summary>
    internal static bool IsTaken(FileDescriptor file) =>
        ExtendedAttributes.Get(file, SizeRecord.AttributeName, default) != -(int)Errno.ENODATA;

    /// <summary>The users' attributes need it: they are to be put there again, from the first on, for each is where it found room beside those before it. False where it was not taken.</summary>
    internal static bool TryGiveUp(FileDescriptor file)
    {
        if (ExtendedAttributes.Remove(file, SizeRecord.AttributeName) < 0)
            return false;
        Clear(file);
        return true;
    }

    /// <summary>Takes the attributes off a version that gets them anew, or none: that of a rewrite needs the room for others.</summary>
    internal static void Clear(FileDescriptor version)
    {
        byte[] names = ArrayPool<byte>.Shared.Rent(LongestListBytes);
        int length = ExtendedAttributes.List(version, names.AsSpan(0, LongestListBytes));
        for (int at = 0; at < length;)
        {
            int end = Array.IndexOf(names, (byte)0, at) + 1;
            var name = new NativeName(names.AsSpan(at, end - at));
            at = end;
            // A label that the kernel gave stays.
            if (!name.Bytes.StartsWith("security."u8))
                _ = ExtendedAttributes.Remove(version, name);
        }
        ArrayPool<byte>.Shared.Return(names);
    }

    /// <summary>The attributes leave none, so that a record which could not be written is to be left out.</summary>
    internal static bool IsGivenUp(FileDescriptor file, int result) => IsFull(result) && ExtendedAttributes.Get(file, SizeRecord.AttributeName, default) < 0;

    /// <summary>The result of a call that found no room.</summary>
    internal static bool IsFull(int result) => result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT;
}
