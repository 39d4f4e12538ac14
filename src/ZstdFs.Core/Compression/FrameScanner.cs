using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>What a scan found: the frames in order up to the damage, where there is any (it is in <see cref="FrameMap.Damage"/> too).</summary>
internal readonly record struct ScanResult(FrameMap Map, FrameDamage? Damage);

/// <summary>Finds a stored file's frames: from its seek table where that holds water, otherwise from the frames themselves.</summary>
internal static class FrameScanner
{
    private const int DecodeBytes = 128 * 1024;

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
        if (SeekTableReader.TryRead(window, storedBytes) is { } indexed)
            return new ScanResult(indexed, null);

        var walker = new FrameWalker(window, storedBytes);
        var frames = new FrameMapBuilder();
        FrameDamage? damage = null;
        try
        {
            while (walker.Next(out WalkedFrame frame))
                frames.Add(frame.StoredOffset, frame.StoredBytes, frame.ContentBytes ?? DecodedBytes(stored, frame, windowLogMax), frame.StatesContentSize);
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
    internal static long? QuickSize(FileDescriptor stored, long storedBytes)
    {
        using var window = new StoredWindow(stored, storedBytes);
        if (SeekTableReader.TryRead(window, storedBytes) is { } indexed)
            return indexed.LogicalBytes;
        var walker = new FrameWalker(window, storedBytes);
        long size = 0;
        while (walker.Next(out WalkedFrame frame))
        {
            if (frame.ContentBytes is not { } content || content > long.MaxValue - size)
                return null;
            size += content;
        }
        return walker.Damage is null ? size : null;
    }

    private static long DecodedBytes(FileDescriptor stored, WalkedFrame frame, int windowLogMax)
    {
        using var decoder = new StreamDecoder(windowLogMax);
        byte[] content = ArrayPool<byte>.Shared.Rent(DecodeBytes);
        try
        {
            using var source = new FrameSource(stored, frame.StoredOffset, frame.StoredBytes, decoder);
            long size = 0;
            while (!source.IsAtEnd)
                size += source.Read(content);
            return size;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(content);
        }
    }
}
