namespace ZstdFs.Core.Compression.Cache;

/// <summary>Which frame of which stored file.</summary>
internal readonly record struct FrameKey(ulong FileId, int Frame);

internal enum CachedFrameState
{
    /// <summary>A thread decodes into it.</summary>
    Loading,
    /// <summary>Its content is complete and does not change.</summary>
    Ready,
    /// <summary>Decoding it failed; <see cref="CachedFrame.Failure"/> says how.</summary>
    Failed,
}

/// <summary>
/// A slot of the cache. The slot's own monitor guards <see cref="State"/> and <see cref="Failure"/>; threads that want
/// a frame wait on it while another thread decodes the frame. The cache's lock guards everything else. A thread that
/// has the slot pinned may read the content once it is ready.
/// </summary>
internal sealed class CachedFrame : IAged<CachedFrame>
{
    internal FrameKey Key;
    internal NativeBlock Block;
    internal int Length;
    /// <summary>How many threads use it. A pinned slot keeps its memory, whether it is in the index or not.</summary>
    internal int Pins;
    /// <summary>It is in the index. The last unpin recycles a slot that is not.</summary>
    internal bool IsIndexed;
    internal CachedFrameState State;
    internal Exception? Failure;

    // Links of the index's lists.
    public CachedFrame? Older { get; set; }
    public CachedFrame? Newer { get; set; }
    internal CachedFrame? NextOfFile;
    internal CachedFrame? PreviousOfFile;

    internal Span<byte> Content => Block.AsSpan(Length);
}
