using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>What a scan found: the frames in order up to the damage, where there is any (it is in <see cref="FrameMap.Damage"/> too).</summary>
internal readonly record struct ScanResult(FrameMap Map, FrameDamage? Damage)
{
    /// <summary>A dictionary that some frame needs; 0 where none does, as far as frames were looked at.</summary>
    internal uint DictionaryId { get; init; }
}

/// <summary>A logical size.</summary>
/// <param name="Bytes">The size.</param>
/// <param name="IsOneFrame">The stored file is one frame from its first byte to its last.</param>
internal readonly record struct LogicalSize(long Bytes, bool IsOneFrame);

/// <summary>Finds a stored file's frames: from its seek table where that holds water, otherwise from the frames themselves.</summary>
internal static class FrameScanner
{
    private const long ProvenBytes = 16 << 20;

    /// <summary>
    /// The index of a file that can be decoded. Throws the <see cref="UndecodableException"/> that says why it cannot.
    /// </summary>
    internal static FrameMap Scan(FileDescriptor stored, long storedBytes, WindowLimit windows)
    {
        ScanResult result = ScanIntact(stored, storedBytes, windows);
        return result.Damage is null ? result.Map : throw result.Damage.ToException();
    }

    /// <summary>
    /// The index of as much as is in order. A damaged last frame that states its content size is in the map (reading it fails); behind
    /// one that does not, behind garbage, or behind a frame whose length only decoding could tell and that cannot be decoded here, the
    /// logical file's true length is unknown. Never fails: where nothing can be read the map is empty, and says why.
    /// </summary>
    internal static ScanResult ScanIntact(FileDescriptor stored, long storedBytes, WindowLimit windows)
    {
        using var window = new StoredWindow(stored, storedBytes);
        var frames = new FrameMapBuilder();
        FrameDamage? damage;
        uint dictionary = 0;
        try
        {
            if (new SeekTableReader(stored, window, storedBytes, windows).TryRead() is { } indexed)
                return new ScanResult(indexed, null);
            damage = Walk(stored, new FrameWalker(window, storedBytes), frames, windows, ref dictionary);
        }
        catch (UndecodableException error)
        {
            damage = new FrameDamage(error is DamagedFrameException { StoredOffset: >= 0 and var offset } ? offset : frames.StoredEnd, error);
        }
        return new ScanResult(frames.Build(storedBytes, damage: damage), damage) { DictionaryId = dictionary };
    }

    private static FrameDamage? Walk(FileDescriptor stored, FrameWalker walker, FrameMapBuilder frames, WindowLimit windows, ref uint dictionary)
    {
        WalkedFrame? last = null;
        for (; walker.Next(out WalkedFrame frame); last = frame)
        {
            dictionary = frame.DictionaryId != 0 ? frame.DictionaryId : dictionary;
            if (last is { } earlier)
                frames.Add(earlier.StoredOffset, earlier.StoredBytes, ContentBytes(stored, earlier, frames.LogicalBytes, windows), earlier.StatesContentSize);
        }
        if (last is { } end)
            frames.Add(end.StoredOffset, end.StoredBytes, end.ContentBytes ?? MeasureContent(stored, end, windows), end.StatesContentSize);
        if (walker.DamagedFrame is { } damaged)
            frames.Add(damaged.StoredOffset, damaged.StoredBytes, damaged.ContentBytes!.Value);
        return walker.Damage;
    }

    /// <summary>
    /// The logical size, where it can be told without decoding; null where not, or where the file is damaged or cannot be read. One read
    /// for a small file.
    /// </summary>
    internal static LogicalSize? QuickSize(FileDescriptor stored, long storedBytes, WindowLimit windows)
    {
        try
        {
            return SizeByHeaders(stored, storedBytes, windows);
        }
        catch (UndecodableException)
        {
            return null;
        }
    }

    private static LogicalSize? SizeByHeaders(FileDescriptor stored, long storedBytes, WindowLimit windows)
    {
        using var window = new StoredWindow(stored, storedBytes);
        if (new SeekTableReader(stored, window, storedBytes, windows).TryRead() is { } indexed)
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
    /// gives it away; up to <see cref="ProvenBytes"/> that costs milliseconds. Where it cannot be decoded here, it is believed.
    /// </summary>
    private static long ContentBytes(FileDescriptor stored, WalkedFrame frame, long logicalOffset, WindowLimit windows)
    {
        if (frame.ContentBytes is { } stated && stated > ProvenBytes - logicalOffset)
            return stated;
        try
        {
            return MeasureContent(stored, frame, windows);
        }
        catch (UndecodableException error) when (error.IsIntact && frame.ContentBytes is not null)
        {
            return frame.ContentBytes.Value;
        }
    }

    private static long MeasureContent(FileDescriptor stored, WalkedFrame frame, WindowLimit windows) =>
        FrameStream.MeasureContent(stored, frame.StoredOffset, frame.StoredBytes, windows);
}
