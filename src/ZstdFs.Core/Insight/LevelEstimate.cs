using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Compression;
using ZstdFs.Linux;

namespace ZstdFs.Core.Insight;

/// <summary>
/// Estimates the level at which a file was compressed: compresses its first frame again at several levels, and compares
/// the lengths.
/// </summary>
internal static class LevelEstimate
{
    private const int LongestContentBytes = 2 * 1024 * 1024;
    private const double IncompressibleRatio = 0.98;

    private static readonly int[] Levels = [1, 3, 5, 7, 9, 12, 15, 19];

    internal static string Of(FileDescriptor file, FrameMap map, Codec codec)
    {
        if (map.FrameCount == 0 || map[0].LogicalBytes == 0)
            return "nothing to tell it by";
        // A few bytes of content may stand behind gigabytes of empty blocks.
        if (map[0].LogicalBytes > LongestContentBytes
            || map[0].StoredBytes > FrameEncoder.BoundBytes(LongestContentBytes))
            return "not looked into: its first frame is too large";
        byte[] frame = new byte[map[0].StoredBytes], content = new byte[map[0].LogicalBytes];
        try
        {
            using var decoder = new FrameDecoder(codec);
            if (SystemCallsFile.Read(file, map[0].StoredOffset, frame) < frame.Length
                || decoder.Decompress(frame, content) < content.Length)
                return "unknown: its first frame is damaged";
        }
        catch (UndecodableException e)
        {
            return e.IsIntact ? "unknown: its first frame is not decoded here" : "unknown: its first frame is damaged";
        }
        return frame.Length > content.Length * IncompressibleRatio
            ? "any: the content does not compress"
            : $"about {Nearest(codec, content, frame.Length)}";
    }

    private static int Nearest(Codec codec, byte[] content, int storedBytes)
    {
        byte[] room = new byte[FrameEncoder.BoundBytes(content.Length)];
        return Levels.MinBy(level =>
        {
            using var encoder = new FrameEncoder(codec, level);
            return Math.Abs(encoder.Compress(content, room) - storedBytes);
        });
    }
}
