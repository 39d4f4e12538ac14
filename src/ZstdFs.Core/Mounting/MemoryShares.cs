using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;

namespace ZstdFs.Core.Mounting;

/// <summary>
/// Divides <see cref="FileSystemOptions.MemoryBytes"/>: half for decoded frames, a quarter for content that is being
/// written, a quarter for compressing.
/// </summary>
internal static class MemoryShares
{
    // The frames that a batch holds for each thread, and the one that is being read.
    private const int FramesForThread = 5;

    internal static FileSystemOptions Apply(FileSystemOptions options)
    {
        if (options.MemoryBytes is not { } bytes)
            return options;
        long perThread = FramesForThread * (long)options.FrameBytes
            + FrameEncoder.MemoryBytes(Codec.Of(options.Codec), options.Level, options.FrameBytes);
        return options with
        {
            FrameCacheBytes = bytes / 2,
            WriteBufferBytes = bytes / 4,
            // At least one thread works, even where the level needs more than this share: the user chose the level.
            Jobs = (int)Math.Clamp(bytes / 4 / perThread, 1, options.Jobs),
        };
    }
}
