using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// A step of ours (a record's write, the rename behind it) moves a stored file's change time. A record names that
/// moment beforehand, as a window that ends a little later. A step that took longer writes its record again. A change
/// time outside the window comes from a change by another hand.
/// </summary>
internal static class ChangeWindow
{
    /// <summary>Ends of windows are counted in this unit: 40 bits of it last until 2109.</summary>
    private const long UnitNanoseconds = 4_000_000, UnitsPerSecond = 1_000_000_000 / UnitNanoseconds;

    /// <summary>How long a step may take.</summary>
    private const long LongestUnits = 6;

    /// <summary>How far the kernel's clock for change times may be behind: a tick, on some systems 10 ms.</summary>
    private const long LateUnits = 6;

    /// <summary>Bits that the end of a window takes in a record.</summary>
    internal const int Bits = 40;

    /// <summary>The end of a window that begins now.</summary>
    internal static long Next() => Unit(Timestamp.Now()) + LongestUnits;

    /// <summary>The window is over: a change from now on is outside of it.</summary>
    internal static bool IsOver(long end) => Unit(Timestamp.Now()) > end;

    /// <summary>
    /// A change at this moment may get a time that the window covers. Where the source keeps whole seconds, that is so
    /// to the end of a second.
    /// </summary>
    internal static bool MayCoverNow(long end) => Timestamp.Now().Seconds <= Second(end);

    /// <summary>
    /// The time lies in the window. One in whole seconds comes from a file system that keeps no fractions: it may be
    /// any time of its second.
    /// </summary>
    internal static bool Covers(long end, Timestamp time)
    {
        long start = end - LongestUnits - LateUnits;
        return time.Nanoseconds == 0
            ? time.Seconds >= Second(start) && time.Seconds <= Second(end)
            : Unit(time) is var unit && unit >= start && unit <= end;
    }

    private static long Second(long unit) => Math.DivRem(unit, UnitsPerSecond).Quotient;

    private static long Unit(Timestamp time) => time.Seconds * UnitsPerSecond + time.Nanoseconds / UnitNanoseconds;
}
