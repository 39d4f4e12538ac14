using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Insight;

/// <summary>
/// Facts about one stored file: from its headers, from its first frame, and from decoding where the headers do not
/// tell.
/// </summary>
public sealed record StoredFileFacts
{
    /// <summary>Bytes that users see.</summary>
    public long PlainBytes { get; private init; }
    /// <summary>Length of the stored file.</summary>
    public long StoredBytes { get; private init; }
    /// <summary>Space on the disk.</summary>
    public long DiskBytes { get; private init; }
    /// <summary>Inode number in the source.</summary>
    public ulong SourceInode { get; private init; }
    /// <summary>Inode number that users see.</summary>
    public ulong LogicalInode { get; private init; }
    /// <summary>Names of the file.</summary>
    public uint Links { get; private init; }
    /// <summary>Frames with content.</summary>
    public int Frames { get; private init; }
    /// <summary>Logical bytes of each frame but the last; 0 where they differ.</summary>
    public long FrameBytes { get; private init; }
    /// <summary>It has a seek table that is right.</summary>
    public bool HasSeekTable { get; private init; }
    /// <summary>Frames that carry a checksum.</summary>
    public int FramesWithChecksum { get; private init; }
    /// <summary>Frames that state their content's size.</summary>
    public int FramesWithSize { get; private init; }
    /// <summary>Largest window that a frame asks for: it grows with the level.</summary>
    public long WindowBytes { get; private init; }
    /// <summary>How strongly it is compressed, for people: zstd does not write the level down.</summary>
    public string LevelText { get; private init; } = "";
    /// <summary>"current", "stale" or "none": what the record in user.zstdfs is worth.</summary>
    public string Record { get; private init; } = "none";
    /// <summary>Where and why the file is damaged; null where it is not.</summary>
    public string? Damage { get; private init; }

    /// <summary>What keeps it from being decoded here, although it may be intact; null where nothing does.</summary>
    public string? NotDecodable { get; private init; }

    /// <summary>Looks at an open stored file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="codec">What decodes, where only decoding tells.</param>
    /// <exception cref="SourceException">It cannot be read.</exception>
    public static StoredFileFacts Of(FileDescriptor file, Codec codec)
    {
        if (SystemCallsAt.Stat(file, out Statx stat) is < 0 and var failed)
            throw new SourceException(SourceProblem.Unusable, $"cannot be read ({(Errno)(-failed)})");
        bool hasRecord = SourceTree.TryReadRecord(file, out SizeRecord record) && record.IsOf(stat);
        bool isCurrent = hasRecord && record.Describes(stat);
        ScanResult scan = FrameScanner.ScanIntact(file, stat.Size, WindowLimit.OfTools(codec));
        FrameMap map = scan.Map;
        if (map.Damage is { Cause: StorageException unread })
            throw new SourceException(SourceProblem.Unusable, $"cannot be read ({unread.Message})");
        (int checksums, int sizes, long window) = CountHeaders(file, map);
        return new StoredFileFacts
        {
            PlainBytes = isCurrent && record.IsFresh ? 0 : map.LogicalBytes,
            StoredBytes = stat.Size,
            DiskBytes = (long)stat.Blocks * 512,
            SourceInode = stat.InodeNumber,
            LogicalInode = hasRecord ? record.InodeNumber : stat.InodeNumber,
            Links = stat.LinkCount,
            Frames = map.FrameCount,
            FrameBytes = map.HasEqualFrames && map.FrameCount > 0 ? map[0].LogicalBytes : 0,
            HasSeekTable = map.HasSeekTable,
            FramesWithChecksum = checksums,
            FramesWithSize = sizes,
            WindowBytes = window,
            LevelText = LevelEstimate.Of(file, map, codec),
            Record = isCurrent ? record.IsFresh ? "fresh" : "current" : hasRecord ? "stale" : "none",
            Damage = map.Damage is { Cause: DamagedFrameException } damage
                ? $"{damage.Reason} (stored offset {damage.StoredOffset})"
                : null,
            NotDecodable = map.Damage is { Cause.IsIntact: true } end ? end.Reason
                : scan.DictionaryId != 0 ? UnsupportedContentException.OfDictionary(scan.DictionaryId).Message : null,
        };
    }

    private static (int Checksums, int Sizes, long Window) CountHeaders(FileDescriptor file, FrameMap map)
    {
        Span<byte> bytes = stackalloc byte[FrameHeader.MaxBytes];
        int checksums = 0, sizes = 0;
        long window = 0;
        for (int i = 0; i < map.FrameCount; i++)
        {
            int count = SystemCallsFile.Read(
                file, map[i].StoredOffset, bytes[..(int)Math.Min(bytes.Length, map[i].StoredBytes)]);
            FrameHeader header = FrameHeader.Parse(bytes[..Math.Max(count, 0)]);
            checksums += header.HasChecksum ? 1 : 0;
            sizes += header.ContentBytes is null ? 0 : 1;
            window = Math.Max(window, header.WindowBytes);
        }
        return (checksums, sizes, window);
    }
}
