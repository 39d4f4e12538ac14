using System.Buffers.Binary;
using System.Numerics;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// The extended attribute <c>user.zstdfs</c> of a stored file: its logical inode number, and a cache of its logical size. It is about the stored file whose
/// inode number it names: on a copy made with its attributes it says nothing. The size holds only while the stored file has the length and
/// modification time named here. The layout is in HOW_IT_WORKS.md.
/// </summary>
internal readonly record struct SizeRecord
{
    /// <summary>What still fits into an ext4 inode of 256 bytes, beside nothing else.</summary>
    internal const int Bytes = 60;

    private const ushort Magic = 0x467A; // "zF"
    private const byte Version = 1;
    private const byte FreshFlag = 1;
    private const byte OneFrameFlag = 2;
    private const byte HolesFlag = 4;
    private const long UnknownBytes = -1;

    internal static NativeName AttributeName => new("user.zstdfs\0"u8);

    /// <summary>fuse-zstd's attribute: the logical size, 8 bytes big-endian, with nothing to tell a stale one by.</summary>
    internal static NativeName ForeignAttributeName => new("user.real_size\0"u8);

    /// <summary>Length of the logical file.</summary>
    internal long LogicalBytes { get; init; }

    /// <summary>Inode number that users see.</summary>
    internal ulong InodeNumber { get; init; }

    /// <summary>What tells the stored file that this is about from every other (<see cref="SourceDevices.IdentityOf"/>): its inode number in the source.</summary>
    internal ulong StoredInodeNumber { get; init; }

    /// <summary>Length of the stored file that the size describes.</summary>
    internal long StoredBytes { get; init; }

    /// <summary>Modification time of the stored file that the size describes.</summary>
    internal Timestamp StoredModifyTime { get; init; }

    /// <summary>When the logical file was made; a rewrite makes a new stored file. Zero where unknown.</summary>
    internal Timestamp Birth { get; init; }

    /// <summary>The mount (<see cref="StateFolder.Epoch"/>) that wrote the content without waiting for the disk; 0 where the content is known to be on disk.</summary>
    internal uint Epoch { get; init; }

    /// <summary>The file was created and no content committed yet: it is empty, whatever a crash left in it.</summary>
    internal bool IsFresh { get; init; }

    /// <summary>The version that the size describes is one frame from its first byte to its last: nothing needs to be looked for in it.</summary>
    internal bool IsOneFrame { get; init; }

    /// <summary>The version that the size describes has whole frames of zeros: to programs it is a sparse file.</summary>
    internal bool HasHoles { get; init; }

    /// <summary>A record for the stored file that <paramref name="stat"/> shows; <see cref="SourceDevices"/> makes those of a source.</summary>
    internal static SizeRecord For(in Statx stat, ulong inodeNumber, long logicalBytes, Timestamp birth = default) => new()
    {
        LogicalBytes = logicalBytes,
        InodeNumber = inodeNumber,
        StoredInodeNumber = stat.InodeNumber,
        StoredBytes = stat.Size,
        StoredModifyTime = stat.ModifyTime.ToTimestamp(),
        Birth = birth,
    };

    /// <summary>The same without a size: the file is damaged, or only another program's word says how long it is.</summary>
    internal SizeRecord WithoutSize() => this with { LogicalBytes = 0, StoredBytes = UnknownBytes };

    /// <summary>Only the number is recorded.</summary>
    internal bool HasNoSize => StoredBytes == UnknownBytes;

    /// <summary>The record was written for this stored file, which is on the root's file system. <see cref="SourceDevices.IsOf"/> asks it of any.</summary>
    internal bool IsOf(in Statx stat) => StoredInodeNumber == stat.InodeNumber;

    /// <summary>The size is that of the stored file which <paramref name="stat"/> shows, where the record is that file's own.</summary>
    internal bool Describes(in Statx stat) =>
        StoredBytes == stat.Size && (IsFresh || PackedTime.Pack(StoredModifyTime) == PackedTime.Pack(stat.ModifyTime.ToTimestamp()));

    internal void Write(Span<byte> record)
    {
        record[..Bytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(record, Magic);
        record[2] = Version;
        record[3] = (byte)((IsFresh ? FreshFlag : 0) | (IsOneFrame ? OneFrameFlag : 0) | (HasHoles ? HolesFlag : 0));
        BinaryPrimitives.WriteInt64LittleEndian(record[8..], LogicalBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(record[16..], InodeNumber);
        BinaryPrimitives.WriteUInt64LittleEndian(record[24..], StoredInodeNumber);
        BinaryPrimitives.WriteInt64LittleEndian(record[32..], StoredBytes);
        BinaryPrimitives.WriteInt64LittleEndian(record[40..], PackedTime.Pack(StoredModifyTime));
        BinaryPrimitives.WriteInt64LittleEndian(record[48..], PackedTime.Pack(Birth));
        BinaryPrimitives.WriteUInt32LittleEndian(record[56..], Epoch);
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Checksum.OfRecord(record[..Bytes]));
    }

    internal static bool TryRead(ReadOnlySpan<byte> bytes, out SizeRecord record)
    {
        record = default;
        if (bytes.Length != Bytes || BinaryPrimitives.ReadUInt16LittleEndian(bytes) != Magic || bytes[2] != Version
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != Checksum.OfRecord(bytes))
            return false;
        record = new SizeRecord
        {
            LogicalBytes = BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
            InodeNumber = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            StoredInodeNumber = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]),
            StoredBytes = BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
            StoredModifyTime = PackedTime.Unpack(BinaryPrimitives.ReadInt64LittleEndian(bytes[40..])),
            Birth = PackedTime.Unpack(BinaryPrimitives.ReadInt64LittleEndian(bytes[48..])),
            Epoch = BinaryPrimitives.ReadUInt32LittleEndian(bytes[56..]),
            IsFresh = (bytes[3] & FreshFlag) != 0,
            IsOneFrame = (bytes[3] & OneFrameFlag) != 0,
            HasHoles = (bytes[3] & HolesFlag) != 0,
        };
        return record.LogicalBytes >= 0 && StateFolder.IsAllocated(record.InodeNumber);
    }
}

/// <summary>CRC-32C of our records.</summary>
internal static class Checksum
{
    /// <summary>Of a record that has the checksum itself in bytes 4 to 7, which count as zero. Its length is a multiple of four.</summary>
    internal static uint OfRecord(ReadOnlySpan<byte> record)
    {
        uint crc = BitOperations.Crc32C(uint.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(record));
        crc = BitOperations.Crc32C(crc, 0u);
        for (int i = 8; i < record.Length; i += 4)
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt32LittleEndian(record[i..]));
        return ~crc;
    }
}
