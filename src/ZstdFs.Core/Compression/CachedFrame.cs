namespace ZstdFs.Core.Compression;

/// <summary>Which frame of which stored file.</summary>
internal readonly record struct FrameKey(ulong FileId, int Frame);

internal enum CachedFrameState
{
    /// <summary>Somebody decodes into it.</summary>
    Loading,
    /// <summary>Its content is complete and does not change any more.</summary>
    Ready,
    /// <summary>Decoding it failed; <see cref="CachedFrame.Failure"/> says how.</summary>
    Failed,
}

/// <summary>
/// A slot of the cache. <see cref="State"/> and <see cref="Failure"/> are guarded by the object's own monitor, on which those wait who want a
/// frame that is being decoded; everything else by the cache's lock. Content may be read by whoever has the slot pinned, once it is ready.
/// </summary>
internal sealed class CachedFrame : IAged<CachedFrame>
{
    internal FrameKey Key;
    internal NativeBlock Block;
    internal int Length;
    /// <summary>How many threads use it now. A pinned slot keeps its memory, whether the index still knows it or not.</summary>
    internal int Pins;
    /// <summary>The index knows it. A slot that it no longer knows is recycled with its last pin.</summary>
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
