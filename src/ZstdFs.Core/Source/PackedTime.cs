using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// A time in 64 bits: 34 of seconds (the years 1697 to 2242), 30 of nanoseconds. Times beyond these years wrap. So a
/// time that a user may set is only compared packed, which still tells versions apart. Only times of clocks are
/// unpacked.
/// </summary>
internal static class PackedTime
{
    private const int NanosecondBits = 30;
    private const long NanosecondMask = (1L << NanosecondBits) - 1;

    /// <summary>Seconds above, nanoseconds below.</summary>
    internal static long Pack(Timestamp time) => time.Seconds << NanosecondBits | time.Nanoseconds & NanosecondMask;

    /// <summary>The time that was packed.</summary>
    internal static Timestamp Unpack(long packed) => new(packed >> NanosecondBits, packed & NanosecondMask);
}
