namespace ZstdFs.Core.Overlays;

/// <summary>A block of zeros to write from.</summary>
internal static class ZeroBytes
{
    private static readonly byte[] Zeros = new byte[128 * 1024];

    internal static ReadOnlySpan<byte> Block => Zeros;
}
