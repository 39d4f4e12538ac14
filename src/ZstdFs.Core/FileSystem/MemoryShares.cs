using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.FileSystem;

/// <summary>What becomes of <see cref="FileSystemOptions.MemoryBytes"/>: half for decoded frames, a quarter for content being written, a quarter for compressing.</summary>
internal static class MemoryShares
{
    // As many as a batch holds for each thread, and the one that is being read.
    private const int FramesForThread = 5;

    internal static FileSystemOptions Apply(FileSystemOptions options)
    {
        if (options.MemoryBytes is not { } bytes)
            return options;
        long perThread = FramesForThread * (long)options.FrameBytes + FrameEncoder.MemoryBytes(Codec.Of(options.Codec), options.Level, options.FrameBytes);
        return options with
        {
            FrameCacheBytes = bytes / 2,
            WriteBufferBytes = bytes / 4,
            // One thread works in any case: a level that takes more than its share was asked for.
            Jobs = (int)Math.Clamp(bytes / 4 / perThread, 1, options.Jobs),
        };
    }
}
