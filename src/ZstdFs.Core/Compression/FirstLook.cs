using System.Buffers;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Whether a frame's content is worth a slow level. Photographs, archives and encrypted data are not, and a high level
/// spends a hundred times as long on finding that out. Up to level 5 zstd finds it out faster than the disk takes the
/// data.
/// </summary>
internal static class FirstLook
{
    private const int FastLevel = 1, SlowestFastLevel = 5;
    private const int Samples = 8, SampleBytes = 8 * 1024;
    private const int SmallestContent = 2 * Samples * SampleBytes;

    /// <summary>
    /// The level for this content: the level asked for, or the fast one where evenly spread samples of the content do
    /// not shrink by a fiftieth.
    /// </summary>
    internal static int Level(CodecPool codecs, int asked, ReadOnlySpan<byte> content)
    {
        if (asked <= SlowestFastLevel || content.Length < SmallestContent)
            return asked;
        byte[] made = ArrayPool<byte>.Shared.Rent(FrameEncoder.BoundBytes(SampleBytes));
        FrameEncoder encoder = codecs.RentEncoder(FastLevel);
        try
        {
            long total = 0;
            for (int i = 0; i < Samples; i++)
                total += encoder.Compress(
                    content.Slice((int)((long)(content.Length - SampleBytes) * i / (Samples - 1)), SampleBytes), made);
            return total < Samples * SampleBytes / 50 * 49 ? asked : FastLevel;
        }
        finally
        {
            codecs.ReturnEncoder(encoder);
            ArrayPool<byte>.Shared.Return(made);
        }
    }
}
