namespace ZstdFs.Core.Compression;

/// <summary>
/// A data frame as its own bytes describe it. <see cref="ContentBytes"/> is null where only decoding can tell.
/// </summary>
internal readonly record struct WalkedFrame(
    long StoredOffset, long StoredBytes, long? ContentBytes, bool StatesContentSize)
{
    /// <summary>The dictionary that the frame needs to be decoded; 0 for none.</summary>
    internal uint DictionaryId { get; init; }
}

/// <summary>
/// Goes through a stored file frame by frame. It finds a frame's end from the block headers, three bytes for each
/// block, so a frame of any size costs little reading. One thread.
/// </summary>
internal sealed class FrameWalker(StoredWindow window, long storedBytes)
{
    private const int BlockHeaderBytes = 3;
    private const int MaxBlockBytes = 128 * 1024;
    private const int ChecksumBytes = 4;
    // Blocks closer together than this are worth one larger read.
    private const int DenseBlockBytes = 1024;

    private long _position;

    /// <summary>Set where <see cref="Next"/> returned false before the file's end.</summary>
    internal FrameDamage? Damage { get; private set; }

    /// <summary>
    /// Set beside <see cref="Damage"/> where the damaged frame's header tells how much content it should have. The
    /// frame then keeps its place in the logical file, and reading it fails.
    /// </summary>
    internal WalkedFrame? DamagedFrame { get; private set; }

    /// <summary>The next data frame; skippable ones are passed over.</summary>
    internal bool Next(out WalkedFrame frame)
    {
        frame = default;
        while (_position < storedBytes)
        {
            long start = _position;
            ReadOnlySpan<byte> bytes = window.Look(start, FrameHeader.MaxBytes, dense: true);
            FrameHeader header = FrameHeader.Parse(bytes);
            switch (header.Kind)
            {
                case FrameKind.Skippable when header.SkippableBytes <= storedBytes - start - header.HeaderBytes:
                    _position = start + header.HeaderBytes + header.SkippableBytes;
                    continue;
                case FrameKind.Skippable:
                    return Stop(start, "a skippable frame is cut short");
                case FrameKind.Truncated:
                    return Stop(start, "the file ends within a frame's header");
                case FrameKind.Unknown when OtherFormat.Tell(bytes) is { } other:
                    Damage = new FrameDamage(start, new UnsupportedContentException(
                        start == 0 ? other : $"from stored byte {start} on {other}"));
                    return false;
                case FrameKind.Unknown:
                    return Stop(start, start == 0 ? "not a zstd file" : "neither a frame nor the end of the file");
                default:
                    return WalkFrame(start, header, out frame);
            }
        }
        return false;
    }

    private bool WalkFrame(long start, FrameHeader header, out WalkedFrame frame)
    {
        frame = default;
        long maxBlockBytes = Math.Min(MaxBlockBytes, header.WindowBytes);
        long position = start + header.HeaderBytes;
        // What the blocks can decode to. Raw and run-length blocks tell their length; a compressed one is at most full.
        long atLeast = 0, atMost = 0;
        bool dense = true, last;
        do
        {
            ReadOnlySpan<byte> bytes = window.Look(position, BlockHeaderBytes, dense);
            if (bytes.Length < BlockHeaderBytes)
                return StopInFrame(start, header, position, "the frame is cut short");
            int block = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
            last = (block & 1) != 0;
            int type = (block >> 1) & 3, size = block >> 3;
            // zstd lets a run-length block be longer than the format allows.
            if (type == 3 || (type != 1 && size > maxBlockBytes))
                return StopInFrame(start, header, position, "the frame has an invalid block");
            int stored = type == 1 ? 1 : size; // a run-length block stores the byte once
            if (stored > storedBytes - position - BlockHeaderBytes)
                return StopInFrame(start, header, position, "the frame is cut short");
            atLeast += type == 2 ? 0 : size;
            atMost += type == 2 ? maxBlockBytes : size;
            position += BlockHeaderBytes + stored;
            dense = stored < DenseBlockBytes;
        }
        while (!last);

        position += header.HasChecksum ? ChecksumBytes : 0;
        if (position > storedBytes)
            return StopInFrame(start, header, storedBytes, "the frame is cut short");
        if (header.ContentBytes is { } stated && (stated < atLeast || stated > atMost))
        {
            // The end is certain and the size is false. In the map, it would make every later offset wrong.
            return Stop(start, "the frame's blocks cannot hold the content size that its header states");
        }
        _position = position;
        frame = new WalkedFrame(
            start, position - start,
            header.ContentBytes ?? (atLeast == atMost ? atLeast : null), header.ContentBytes is not null)
        {
            DictionaryId = header.DictionaryId
        };
        return true;
    }

    private bool StopInFrame(long start, FrameHeader header, long position, string reason)
    {
        if (header.ContentBytes is { } stated)
            DamagedFrame = new WalkedFrame(start, storedBytes - start, stated, true);
        return Stop(position, reason);
    }

    private bool Stop(long position, string reason)
    {
        Damage = new FrameDamage(position, reason);
        return false;
    }
}
