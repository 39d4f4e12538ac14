using System.Buffers.Binary;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>
/// The extended attribute of a working copy: which file it belongs to and which base it lies over. The next mount needs
/// it to finish the commit. The layout is in HOW_IT_WORKS.md.
/// </summary>
internal readonly record struct WorkingCopyRecord
{
    /// <summary>Length of the record.</summary>
    internal const int Bytes = 80;

    private const int OldBytes = 72;
    private const ushort Magic = 0x577A; // "zW"
    private const byte OldVersion = 1, Version = 2;
    private const byte IncompleteFlag = 1;
    private const byte EarlyFramesFlag = 2;
    private const byte LentFlag = 4;

    /// <summary>Name of the attribute.</summary>
    internal static NativeName AttributeName => new("user.zstdfs.working\0"u8);

    /// <summary>
    /// The target's path below the source's root at some time. A hint: a folder above it may have been renamed since.
    /// </summary>
    internal static NativeName PathAttributeName => new("user.zstdfs.path\0"u8);

    /// <summary>Where zeros stand for what is below: see ZeroRanges.</summary>
    internal static NativeName ZerosAttributeName => new("user.zstdfs.zeros\0"u8);

    /// <summary>Logical inode number of the target.</summary>
    internal ulong InodeNumber { get; init; }

    /// <summary>The stored file that this lies over.</summary>
    internal StoredIdentity Base { get; init; }

    /// <summary>Logical offset up to which the base, or the early frames, show through.</summary>
    internal long BaseLimit { get; init; }

    /// <summary>What shows through are early frames.</summary>
    internal bool HasEarlyFrames { get; init; }

    /// <summary>
    /// The stored file into which it was committed, noted before that file takes the base's place; 0 before.
    /// </summary>
    internal ulong CommittedInode { get; init; }

    /// <summary>The file was emptied to be written anew, and not closed since: the base still counts.</summary>
    internal bool IsIncomplete { get; init; }

    /// <summary>
    /// The kernel writes to the copy by itself, or did when the mount ended. So all of the content is in the copy, and
    /// the copy's own length and modification time are the content's. The stored file into which it was committed may
    /// be older than the copy.
    /// </summary>
    internal bool IsLent { get; init; }

    /// <summary>Modification time of the content.</summary>
    internal Timestamp ModifyTime { get; init; }

    /// <summary>
    /// When users last saw the content change. Zero where an earlier program wrote the record, which noted none.
    /// </summary>
    internal Timestamp ChangeTime { get; init; }

    /// <summary>Writes the record with its checksum.</summary>
    internal void Write(Span<byte> record)
    {
        record[..Bytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(record, Magic);
        record[2] = Version;
        record[3] = (byte)((IsIncomplete ? IncompleteFlag : 0) | (HasEarlyFrames ? EarlyFramesFlag : 0)
            | (IsLent ? LentFlag : 0));
        BinaryPrimitives.WriteUInt64LittleEndian(record[8..], InodeNumber);
        BinaryPrimitives.WriteUInt64LittleEndian(record[16..], Base.InodeNumber);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], Base.Size);
        BinaryPrimitives.WriteInt64LittleEndian(record[32..], Base.ModifyTime.Seconds);
        BinaryPrimitives.WriteInt32LittleEndian(record[40..], (int)Base.ModifyTime.Nanoseconds);
        BinaryPrimitives.WriteInt32LittleEndian(record[44..], (int)ModifyTime.Nanoseconds);
        BinaryPrimitives.WriteInt64LittleEndian(record[48..], ModifyTime.Seconds);
        BinaryPrimitives.WriteInt64LittleEndian(record[56..], BaseLimit);
        BinaryPrimitives.WriteUInt64LittleEndian(record[64..], CommittedInode);
        BinaryPrimitives.WriteInt64LittleEndian(record[72..], PackedTime.Pack(ChangeTime));
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], Checksum.OfRecord(record[..Bytes]));
    }

    /// <summary>Whether a newer zstdfs wrote this record.</summary>
    internal static bool IsNewer(ReadOnlySpan<byte> bytes) => NewerFormat.IsRecord(bytes, Magic, Version);

    /// <summary>Reads a record. False where there is none of ours.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> bytes, out WorkingCopyRecord record)
    {
        record = default;
        if (bytes.Length is not (Bytes or OldBytes) || BinaryPrimitives.ReadUInt16LittleEndian(bytes) != Magic
            || bytes[2] != (bytes.Length == Bytes ? Version : OldVersion)
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != Checksum.OfRecord(bytes))
            return false;
        record = new WorkingCopyRecord
        {
            InodeNumber = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
            Base = new StoredIdentity(
                BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
                BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
                new Timestamp(
                    BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
                    BinaryPrimitives.ReadInt32LittleEndian(bytes[40..]))),
            ModifyTime = new Timestamp(
                BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]),
                BinaryPrimitives.ReadInt32LittleEndian(bytes[44..])),
            BaseLimit = BinaryPrimitives.ReadInt64LittleEndian(bytes[56..]),
            IsIncomplete = (bytes[3] & IncompleteFlag) != 0,
            CommittedInode = BinaryPrimitives.ReadUInt64LittleEndian(bytes[64..]),
            ChangeTime = bytes.Length == Bytes
                ? PackedTime.Unpack(BinaryPrimitives.ReadInt64LittleEndian(bytes[72..]))
                : default,
            HasEarlyFrames = (bytes[3] & EarlyFramesFlag) != 0,
            IsLent = (bytes[3] & LentFlag) != 0,
        };
        return record.BaseLimit >= 0 && record.InodeNumber != 0;
    }
}
