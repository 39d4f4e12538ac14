using System.Buffers.Binary;
using System.Numerics;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// The extended attribute <c>user.zstdfs</c> of a stored file: its logical inode number, a cache of its logical size,
/// and the change time that users see. It is about the stored file whose inode number it names: on a copy made with its
/// attributes it says nothing. The size holds only while the stored file has the length and modification time named
/// here. The change time holds only while the stored file's own lies in the window named here. The layout is in
/// HOW_IT_WORKS.md.
/// </summary>
internal readonly record struct SizeRecord
{
    /// <summary>The most that fits into an ext4 inode of 256 bytes, where no other attribute is.</summary>
    internal const int Bytes = 64;

    private const int OldBytes = 60;
    private const ushort Magic = 0x467A; // "zF"
    private const byte OldVersion = 1, Version = 2;
    private const byte FreshFlag = 1;
    private const byte OneFrameFlag = 2;
    private const byte HolesFlag = 4;
    private const long UnknownBytes = -1;
    private const int SizeBits = 48, MarkBits = 48, NumberBits = 56;

    /// <summary>Name of the attribute.</summary>
    internal static NativeName AttributeName => new("user.zstdfs\0"u8);

    /// <summary>
    /// fuse-zstd's attribute: the logical size, 8 bytes big-endian, and nothing that tells a stale one.
    /// </summary>
    internal static NativeName ForeignAttributeName => new("user.real_size\0"u8);

    /// <summary>Length of the logical file.</summary>
    internal long LogicalBytes { get; init; }

    /// <summary>Inode number that users see.</summary>
    internal ulong InodeNumber { get; init; }

    /// <summary>
    /// What tells the stored file that this is about from every other (<see cref="SourceDevices.IdentityOf"/>), in 48
    /// bits.
    /// </summary>
    internal ulong StoredMark { get; private init; }

    /// <summary>Length of the stored file that the size describes.</summary>
    internal long StoredBytes { get; init; }

    /// <summary>Modification time of the stored file that the size describes, in 48 bits.</summary>
    internal ulong ModifyMark { get; private init; }

    /// <summary>When the logical file was made; a rewrite makes a new stored file. Zero where unknown.</summary>
    internal Timestamp Birth { get; init; }

    /// <summary>
    /// The change time that users see, while the stored file's own lies in the window. Zero where the stored file's own
    /// counts.
    /// </summary>
    internal Timestamp ChangeTime { get; init; }

    /// <summary>End of the window (<see cref="ChangeWindow"/>), set when the record is written.</summary>
    internal long WindowEnd { get; init; }

    /// <summary>
    /// Number of the mount that wrote the content without waiting for the disk; 0 where the content is known to be on
    /// disk.
    /// </summary>
    internal uint Epoch { get; init; }

    /// <summary>The file was created and no content committed yet: it is empty, whatever a crash left in it.</summary>
    internal bool IsFresh { get; init; }

    /// <summary>
    /// The version that the size describes is one frame from its first byte to its last: no other frame needs to be
    /// looked for.
    /// </summary>
    internal bool IsOneFrame { get; init; }

    /// <summary>The version that the size describes has whole frames of zeros: programs see a sparse file.</summary>
    internal bool HasHoles { get; init; }

    /// <summary>
    /// A newer zstdfs wrote the record: nothing else of it is known here. A first look at the file leaves the record as
    /// it is; a new version of the content drops it.
    /// </summary>
    internal bool IsNewer { get; private init; }

    /// <summary>
    /// A record for the stored file that <paramref name="stat"/> shows; <see cref="SourceDevices"/> makes those of a
    /// source.
    /// </summary>
    internal static SizeRecord For(in Statx stat, ulong inodeNumber, long logicalBytes, Timestamp birth = default) =>
        new SizeRecord
        {
            LogicalBytes = logicalBytes,
            InodeNumber = inodeNumber,
            StoredMark = MarkOf(stat.InodeNumber),
            StoredBytes = stat.Size,
            Birth = birth,
        }.Of(stat.ModifyTime.ToTimestamp());

    /// <summary>The same for the stored file that <paramref name="identity"/> tells from every other.</summary>
    internal SizeRecord OfStored(ulong identity) => this with { StoredMark = MarkOf(identity) };

    /// <summary>The same for a stored file of this modification time.</summary>
    internal SizeRecord Of(Timestamp modify) => this with { ModifyMark = MarkOf((ulong)PackedTime.Pack(modify)) };

    /// <summary>The same without a size: the file is damaged, or only another program says how long it is.</summary>
    internal SizeRecord WithoutSize() => this with { LogicalBytes = 0, StoredBytes = UnknownBytes };

    /// <summary>Only the number is recorded.</summary>
    internal bool HasNoSize => StoredBytes == UnknownBytes;

    /// <summary>
    /// The record was written for this stored file, which is on the root's file system.
    /// <see cref="SourceDevices.IsOf"/> answers for any.
    /// </summary>
    internal bool IsOf(in Statx stat) => IsOfStored(stat.InodeNumber);

    /// <summary>
    /// The record was written for the stored file that <paramref name="identity"/> tells from every other.
    /// </summary>
    internal bool IsOfStored(ulong identity) => StoredMark == MarkOf(identity);

    /// <summary>
    /// The size is that of the stored file which <paramref name="stat"/> shows, where the record is that file's own.
    /// </summary>
    internal bool Describes(in Statx stat) => StoredBytes == stat.Size && IsOfTime(stat);

    /// <summary>The stored file has the modification time that the record names.</summary>
    internal bool IsOfTime(in Statx stat) =>
        ModifyMark == MarkOf((ulong)PackedTime.Pack(stat.ModifyTime.ToTimestamp()));

    /// <summary>
    /// The step that wrote the record left the stored file's own change time: users see <see cref="ChangeTime"/>.
    /// </summary>
    internal bool CoversChange(in Statx stat) =>
        ChangeTime != default && IsOfTime(stat) && ChangeWindow.Covers(WindowEnd, stat.ChangeTime.ToTimestamp());

    /// <summary>
    /// The change time that users see of the stored file which <paramref name="stat"/> shows, where the record is that
    /// file's own.
    /// </summary>
    internal Timestamp ChangeTimeOf(in Statx stat) => CoversChange(stat) ? ChangeTime : stat.ChangeTime.ToTimestamp();

    /// <summary>
    /// 48 bits of a value, and the value itself where it has no more: an inode number of any file system in use. Two
    /// times in whole seconds never get the same mark.
    /// </summary>
    private static ulong MarkOf(ulong value) => (value ^ value >> MarkBits) & ((1UL << MarkBits) - 1);

    /// <summary>Writes the record with its checksum.</summary>
    internal void Write(Span<byte> record)
    {
        // A longer file gets no size in its record, and is asked for its size each time.
        bool fits = LogicalBytes < 1L << SizeBits && StoredBytes < (1L << SizeBits) - 1;
        record[..Bytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(record, Magic);
        record[2] = Version;
        record[3] = (byte)((IsFresh ? FreshFlag : 0) | (IsOneFrame ? OneFrameFlag : 0) | (HasHoles ? HolesFlag : 0));
        BinaryPrimitives.WriteUInt64LittleEndian(record[8..], fits ? (ulong)LogicalBytes : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(record[14..], fits ? (ulong)StoredBytes : ulong.MaxValue);
        BinaryPrimitives.WriteUInt32LittleEndian(record[20..], Epoch);
        BinaryPrimitives.WriteUInt64LittleEndian(record[24..], InodeNumber);
        BinaryPrimitives.WriteUInt64LittleEndian(record[31..], (ulong)WindowEnd);
        BinaryPrimitives.WriteUInt64LittleEndian(record[36..], StoredMark);
        BinaryPrimitives.WriteUInt64LittleEndian(record[42..], ModifyMark);
        BinaryPrimitives.WriteInt64LittleEndian(record[48..], PackedTime.Pack(Birth));
        BinaryPrimitives.WriteInt64LittleEndian(record[56..], PackedTime.Pack(ChangeTime));
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Checksum.OfRecord(record[..Bytes]));
    }

    /// <summary>
    /// Reads a record. False where there is none of ours. Of a newer version's record only <see cref="IsNewer"/> is
    /// known.
    /// </summary>
    internal static bool TryRead(ReadOnlySpan<byte> bytes, out SizeRecord record)
    {
        record = new SizeRecord { IsNewer = NewerFormat.IsRecord(bytes, Magic, Version) };
        if (bytes.Length is not (Bytes or OldBytes) || BinaryPrimitives.ReadUInt16LittleEndian(bytes) != Magic
            || bytes[2] != (bytes.Length == Bytes ? Version : OldVersion)
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != Checksum.OfRecord(bytes))
            return false;
        record = (bytes.Length == Bytes ? Read(bytes) : ReadOld(bytes)) with
        {
            IsFresh = (bytes[3] & FreshFlag) != 0,
            IsOneFrame = (bytes[3] & OneFrameFlag) != 0,
            HasHoles = (bytes[3] & HolesFlag) != 0,
        };
        return record.LogicalBytes >= 0 && Source.InodeNumber.IsAllocated(record.InodeNumber);
    }

    private static SizeRecord Read(ReadOnlySpan<byte> bytes)
    {
        ulong stored = Bits(bytes[14..], SizeBits);
        return new SizeRecord
        {
            LogicalBytes = (long)Bits(bytes[8..], SizeBits),
            StoredBytes = stored == (1UL << SizeBits) - 1 ? UnknownBytes : (long)stored,
            Epoch = BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]),
            InodeNumber = Bits(bytes[24..], NumberBits),
            WindowEnd = (long)Bits(bytes[31..], ChangeWindow.Bits),
            StoredMark = Bits(bytes[36..], MarkBits),
            ModifyMark = Bits(bytes[42..], MarkBits),
            Birth = PackedTime.Unpack(BinaryPrimitives.ReadInt64LittleEndian(bytes[48..])),
            ChangeTime = PackedTime.Unpack(BinaryPrimitives.ReadInt64LittleEndian(bytes[56..])),
        };
    }

    private static ulong Bits(ReadOnlySpan<byte> bytes, int bits) =>
        BinaryPrimitives.ReadUInt64LittleEndian(bytes) & ((1UL << bits) - 1);

    /// <summary>Version 1, which knew of no change time.</summary>
    private static SizeRecord ReadOld(ReadOnlySpan<byte> bytes) => new()
    {
        LogicalBytes = BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]),
        InodeNumber = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
        StoredMark = MarkOf(BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..])),
        StoredBytes = BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
        ModifyMark = MarkOf(BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..])),
        Birth = PackedTime.Unpack(BinaryPrimitives.ReadInt64LittleEndian(bytes[48..])),
        Epoch = BinaryPrimitives.ReadUInt32LittleEndian(bytes[56..]),
    };
}

/// <summary>CRC-32C of our records.</summary>
internal static class Checksum
{
    /// <summary>
    /// Checksum of a record that holds it in bytes 4 to 7, which count as zero. The record's length is a multiple of
    /// four.
    /// </summary>
    internal static uint OfRecord(ReadOnlySpan<byte> record)
    {
        uint crc = BitOperations.Crc32C(uint.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(record));
        crc = BitOperations.Crc32C(crc, 0u);
        for (int i = 8; i < record.Length; i += 4)
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt32LittleEndian(record[i..]));
        return ~crc;
    }
}
