using System.Buffers.Binary;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Keeps the times of the source's root while <c>.zstdfs</c> is made in it or removed from it, which moves them. They
/// are in an extended attribute of the root (<c>user.zstdfs.times</c>: seconds and nanoseconds of access and
/// modification, i64 each), so that a kill in between does not lose them.
/// </summary>
internal static class RootTimes
{
    private const int Bytes = 4 * sizeof(long);

    private static NativeName AttributeName => new("user.zstdfs.times\0"u8);

    /// <summary>Notes the times, unless an interrupted run has noted them already.</summary>
    internal static void Hold(FileDescriptor root)
    {
        Span<byte> noted = stackalloc byte[Bytes];
        if (ExtendedAttributes.Get(root, AttributeName, noted) == Bytes || SystemCallsAt.Stat(root, out Statx stat) < 0)
            return;
        BinaryPrimitives.WriteInt64LittleEndian(noted, stat.AccessTime.Seconds);
        BinaryPrimitives.WriteInt64LittleEndian(noted[8..], stat.AccessTime.Nanoseconds);
        BinaryPrimitives.WriteInt64LittleEndian(noted[16..], stat.ModifyTime.Seconds);
        BinaryPrimitives.WriteInt64LittleEndian(noted[24..], stat.ModifyTime.Nanoseconds);
        _ = ExtendedAttributes.Set(root, AttributeName, noted, 0);
    }

    /// <summary>Whether times are noted: <c>.zstdfs</c> is being made or removed, or a kill came between.</summary>
    internal static bool AreHeld(FileDescriptor root) =>
        ExtendedAttributes.Get(root, AttributeName, default) >= 0;

    /// <summary>Gives the root the times that were noted, where any were.</summary>
    internal static void Restore(FileDescriptor root)
    {
        Span<byte> noted = stackalloc byte[Bytes];
        if (ExtendedAttributes.Get(root, AttributeName, noted) != Bytes)
            return;
        _ = SystemCallsFile.SetTimes(root,
            new Timestamp(
                BinaryPrimitives.ReadInt64LittleEndian(noted),
                BinaryPrimitives.ReadInt64LittleEndian(noted[8..])),
            new Timestamp(
                BinaryPrimitives.ReadInt64LittleEndian(noted[16..]),
                BinaryPrimitives.ReadInt64LittleEndian(noted[24..])));
        _ = ExtendedAttributes.Remove(root, AttributeName);
    }
}
