using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// What a scan found: the frames in order, up to the damage where there is any. <see cref="FrameMap.Damage"/> has the
/// damage too.
/// </summary>
internal readonly record struct ScanResult(FrameMap Map, FrameDamage? Damage)
{
    /// <summary>A dictionary that some frame needs; 0 where no frame that was looked at needs one.</summary>
    internal uint DictionaryId { get; init; }
}

/// <summary>A logical size.</summary>
/// <param name="Bytes">The size.</param>
/// <param name="IsOneFrame">The stored file is one frame from its first byte to its last.</param>
internal readonly record struct LogicalSize(long Bytes, bool IsOneFrame);

/// <summary>
/// Finds a stored file's frames: from its seek table where that can be believed, otherwise from the frames themselves.
/// </summary>
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
    /// The index of as much as is in order. It ends at the first damage, and the logical file's true length is unknown
    /// then. A frame that is cut short or has an invalid block is the last in the map if it states its content size;
    /// reading it fails. The map ends before garbage, before any other frame that is found damaged, and before a frame
    /// that must be decoded to tell its length and cannot be. Never fails: where nothing can be read, the map is empty
    /// and says why.
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
            damage = new FrameDamage(
                error is DamagedFrameException { StoredOffset: >= 0 and var offset } ? offset : frames.StoredEnd,
                error);
        }
        return new ScanResult(frames.Build(storedBytes, damage: damage), damage) { DictionaryId = dictionary };
    }

    private static FrameDamage? Walk(
        FileDescriptor stored, FrameWalker walker, FrameMapBuilder frames, WindowLimit windows, ref uint dictionary)
    {
        WalkedFrame? last = null;
        for (; walker.Next(out WalkedFrame frame); last = frame)
        {
            dictionary = frame.DictionaryId != 0 ? frame.DictionaryId : dictionary;
            if (last is { } earlier)
                frames.Add(
                    earlier.StoredOffset, earlier.StoredBytes,
                    ContentBytes(stored, earlier, frames.LogicalBytes, windows), earlier.StatesContentSize);
        }
        if (last is { } end)
            frames.Add(
                end.StoredOffset, end.StoredBytes,
                end.ContentBytes ?? MeasureContent(stored, end, windows), end.StatesContentSize);
        if (walker.DamagedFrame is { } damaged)
            frames.Add(damaged.StoredOffset, damaged.StoredBytes, damaged.ContentBytes!.Value);
        return walker.Damage;
    }

    /// <summary>
    /// The logical size, from the headers alone. Null where only decoding tells it, where the file is damaged, and
    /// where it cannot be read. A small file costs one read.
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
    /// The content's length of a frame that others follow. A false length in its header would move all of them, and
    /// only decoding finds that out. Within the file's first <see cref="ProvenBytes"/> that costs milliseconds, so the
    /// frame is decoded. The header is believed behind those bytes, and where an intact frame cannot be decoded here.
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
