using System.Buffers.Binary;
using System.Numerics;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// The extended attribute <c>user.zstdfs</c> of a stored file: a cache of its logical size, and its logical inode number. The size holds only
/// while the stored file has the length and modification time that the record names. The layout is in docs/file-format.md.
/// </summary>
/// <param name="LogicalBytes">Length of the logical file.</param>
/// <param name="InodeNumber">Inode number that users see.</param>
/// <param name="StoredBytes">Length of the stored file that the size describes.</param>
/// <param name="StoredModifyTime">Modification time of the stored file that the size describes.</param>
/// <param name="IsFresh">The file was created and its first content not committed yet: it is empty, whatever a crash left in it.</param>
internal readonly record struct SizeRecord(long LogicalBytes, ulong InodeNumber, long StoredBytes, Timestamp StoredModifyTime, bool IsFresh)
{
    internal const int Bytes = 48;

    private const ushort Magic = 0x467A; // "zF"
    private const byte Version = 1;
    private const byte FreshFlag = 1;

    internal static NativeName AttributeName => new("user.zstdfs\0"u8);

    /// <summary>fuse-zstd's attribute: the logical size, 8 bytes big-endian, with nothing to tell a stale one by.</summary>
    internal static NativeName ForeignAttributeName => new("user.real_size\0"u8);

    /// <summary>The size is that of the stored file which <paramref name="stat"/> shows.</summary>
    internal bool Describes(in Statx stat) =>
        StoredBytes == stat.Size && (IsFresh || StoredModifyTime == stat.ModifyTime.ToTimestamp());

    internal void Write(Span<byte> record)
    {
        record[..Bytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(record, Magic);
        record[2] = Version;
        record[3] = IsFresh ? FreshFlag : (byte)0;
        BinaryPrimitives.WriteInt64LittleEndian(record[8..], LogicalBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(record[16..], InodeNumber);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], StoredBytes);
        BinaryPrimitives.WriteInt64LittleEndian(record[32..], StoredModifyTime.Seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(record[40..], (uint)StoredModifyTime.Nanoseconds);
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Checksum(record[..Bytes]));
    }

    internal static bool TryRead(ReadOnlySpan<byte> bytes, out SizeRecord record)
    {
        record = default;
        if (bytes.Length != Bytes || BinaryPrimitives.ReadUInt16LittleEndian(bytes) != Magic || bytes[2] != Version)
            return false;
        Span<byte> copy = stackalloc byte[Bytes];
        bytes.CopyTo(copy);
        copy.Slice(4, 4).Clear();
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != Checksum(copy))
            return false;
        record = new SizeRecord(
            BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            new Timestamp(BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[40..])),
            (bytes[3] & FreshFlag) != 0);
        return record.LogicalBytes >= 0 && record.InodeNumber != 0;
    }

    /// <summary>CRC-32C of the record with its checksum field zero.</summary>
    private static uint Checksum(ReadOnlySpan<byte> record)
    {
        uint crc = uint.MaxValue;
        for (int i = 0; i < record.Length; i += 8)
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(record[i..]));
        return ~crc;
    }
}
