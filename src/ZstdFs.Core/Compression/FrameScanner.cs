using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>What a scan found: the frames in order up to the damage, where there is any (it is in <see cref="FrameMap.Damage"/> too).</summary>
internal readonly record struct ScanResult(FrameMap Map, FrameDamage? Damage);

/// <summary>A logical size.</summary>
/// <param name="Bytes">The size.</param>
/// <param name="IsOneFrame">The stored file is one frame from its first byte to its last.</param>
internal readonly record struct LogicalSize(long Bytes, bool IsOneFrame);

/// <summary>Finds a stored file's frames: from its seek table where that holds water, otherwise from the frames themselves.</summary>
internal static class FrameScanner
{
    private const long ProvenBytes = 16 << 20;

    /// <summary>
    /// The index of an undamaged file. Throws <see cref="DamagedFrameException"/> naming the offset,
    /// <see cref="WindowTooLargeException"/> where a frame's length can only be known by decoding it and the window is beyond the limit,
    /// <see cref="StorageException"/> where reading fails.
    /// </summary>
    internal static FrameMap Scan(FileDescriptor stored, long storedBytes, int windowLogMax = StreamDecoder.DefaultWindowLogMax)
    {
        ScanResult result = ScanIntact(stored, storedBytes, windowLogMax);
        return result.Damage is null ? result.Map : throw result.Damage.ToException();
    }

    /// <summary>
    /// The index of as much as is in order. A damaged last frame that states its content size is in the map (reading it fails); behind
    /// one that does not, or behind garbage, the logical file's true length is unknown.
    /// </summary>
    internal static ScanResult ScanIntact(FileDescriptor stored, long storedBytes, int windowLogMax = StreamDecoder.DefaultWindowLogMax)
    {
        using var window = new StoredWindow(stored, storedBytes);
        if (new SeekTableReader(stored, window, storedBytes, windowLogMax).TryRead() is { } indexed)
            return new ScanResult(indexed, null);

        var walker = new FrameWalker(window, storedBytes);
        var frames = new FrameMapBuilder();
        FrameDamage? damage = null;
        WalkedFrame? last = null;
        try
        {
            for (; walker.Next(out WalkedFrame frame); last = frame)
            {
                if (last is { } earlier)
                    frames.Add(earlier.StoredOffset, earlier.StoredBytes, ContentBytes(stored, earlier, frames.LogicalBytes, windowLogMax), earlier.StatesContentSize);
            }
            if (last is { } end)
                frames.Add(end.StoredOffset, end.StoredBytes, end.ContentBytes ?? MeasureContent(stored, end, windowLogMax), end.StatesContentSize);
            damage = walker.Damage;
            if (walker.DamagedFrame is { } damaged)
                frames.Add(damaged.StoredOffset, damaged.StoredBytes, damaged.ContentBytes!.Value);
        }
        catch (DamagedFrameException error)
        {
            damage = new FrameDamage(error.StoredOffset, error.Reason);
        }
        return new ScanResult(frames.Build(storedBytes, damage: damage), damage);
    }

    /// <summary>
    /// The logical size, where it can be told without decoding; null where not, or where the file is damaged. One read for a small file.
    /// </summary>
    internal static LogicalSize? QuickSize(FileDescriptor stored, long storedBytes)
    {
        using var window = new StoredWindow(stored, storedBytes);
        if (new SeekTableReader(stored, window, storedBytes, StreamDecoder.DefaultWindowLogMax).TryRead() is { } indexed)
            return new LogicalSize(indexed.LogicalBytes, indexed.IsOneFrame);
        var walker = new FrameWalker(window, storedBytes);
        long size = 0;
        bool isOneFrame = false;
        while (walker.Next(out WalkedFrame frame))
        {
            isOneFrame = frame.StoredBytes == storedBytes;
            if (frame.ContentBytes is not { } content || content > long.MaxValue - size)
                return null;
            size += content;
        }
        return walker.Damage is null ? new LogicalSize(size, isOneFrame) : null;
    }

    /// <summary>
    /// The content's length of a frame that others follow. A header that lies about it would move all of them, and nothing but decoding
    /// gives it away; up to <see cref="ProvenBytes"/> that costs milliseconds.
    /// </summary>
    private static long ContentBytes(FileDescriptor stored, WalkedFrame frame, long logicalOffset, int windowLogMax) =>
        frame.ContentBytes is { } stated && stated > ProvenBytes - logicalOffset ? stated : MeasureContent(stored, frame, windowLogMax);

    private static long MeasureContent(FileDescriptor stored, WalkedFrame frame, int windowLogMax) =>
        FrameStream.MeasureContent(stored, frame.StoredOffset, frame.StoredBytes, windowLogMax);
}
