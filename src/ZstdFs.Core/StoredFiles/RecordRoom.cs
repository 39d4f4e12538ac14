using System.Buffers;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.StoredFiles;

/// <summary>
/// Room for our record among the extended attributes of a new version. A file system may limit all attributes of a file
/// together (ext4: what the inode leaves, and one block). So the record takes its place first, when the file is
/// created: put there last, it would find no room beside what users have filled the rest with. A file whose attributes
/// take all of the room goes without a record, which is a cache.
/// </summary>
internal static class RecordRoom
{
    private const int LongestListBytes = 65536; // the kernel's limit

    /// <summary>
    /// Takes the room on a file without attributes. −errno where the disk is full. Takes nothing where the file
    /// system keeps no attributes.
    /// </summary>
    internal static int Take(FileDescriptor file)
    {
        Span<byte> blank = stackalloc byte[SizeRecord.Bytes];
        blank.Clear();
        int result = ExtendedAttributes.Set(file, SizeRecord.AttributeName, blank, 0);
        return result == -(int)Errno.EOPNOTSUPP ? 0 : Math.Min(result, 0);
    }

    /// <summary>
    /// Whether the file has the room, or a record. True where a fault hides it: the write of the record tells then.
    /// </summary>
    internal static bool IsTaken(FileDescriptor file) =>
        ExtendedAttributes.Get(file, SizeRecord.AttributeName, default) != -(int)Errno.ENODATA;

    /// <summary>
    /// Gives the room up for users' attributes, and takes them off. The caller puts them there again from the first on,
    /// because each is where it found room beside those before it. False where the room was not taken.
    /// </summary>
    internal static bool TryGiveUp(FileDescriptor file)
    {
        if (ExtendedAttributes.Remove(file, SizeRecord.AttributeName) < 0)
            return false;
        Clear(file);
        return true;
    }

    /// <summary>
    /// Takes the attributes off a version that gets them anew or gets none. A rewrite gives its version other
    /// attributes, which need the room.
    /// </summary>
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

    /// <summary>
    /// The record could not be written because the attributes leave no room for it: the file goes without one.
    /// </summary>
    internal static bool IsGivenUp(FileDescriptor file, int result) =>
        IsFull(result) && ExtendedAttributes.Get(file, SizeRecord.AttributeName, default) < 0;

    /// <summary>The result of a call that found no room.</summary>
    internal static bool IsFull(int result) => result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT;
}
