using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// A time in 64 bits: 34 of seconds (the years 1697 to 2242), 30 of nanoseconds. Times beyond that wrap; compared packed, they still tell versions apart.
/// So no time that a user may set is unpacked, but only those of clocks.
/// </summary>
internal static class PackedTime
{
    private const int NanosecondBits = 30;
    private const long NanosecondMask = (1L << NanosecondBits) - 1;

    internal static long Pack(Timestamp time) => time.Seconds << NanosecondBits | time.Nanoseconds & NanosecondMask;

    internal static Timestamp Unpack(long packed) => new(packed >> NanosecondBits, packed & NanosecondMask);
}
