using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// The clock with which the kernel stamps files. What is written through the mount gets its times from here, names and
/// attributes get theirs from the kernel: so the file that was changed later never looks older. The kernel's clock
/// moves in ticks, and since Linux 6.13 within a tick where a time was looked at. Only the kernel knows that clock, so
/// it is asked to stamp a file in memory. Thread-safe.
/// </summary>
internal sealed class FileClock : IDisposable
{
    private readonly FileDescriptor? _stamped;

    internal FileClock()
    {
        if (SystemCallsAt.CreateMemoryFile(new NativeName("zstdfs-clock\0"u8), out FileDescriptor file) >= 0)
            _stamped = file;
    }

    /// <summary>
    /// The time of a change that is made now to a file that the source keeps. The file system there may keep times in
    /// steps, to which the kernel rounds down.
    /// </summary>
    /// <param name="sample">A change time that the same file system gave.</param>
    internal Timestamp Now(Timestamp sample)
    {
        if (_stamped is { } file && SystemCallsFile.SetTimes(file, Timestamp.Omit, Timestamp.UtimeNow) >= 0
            && SystemCallsAt.Stat(file, out Statx stat) >= 0)
            return RoundDown(stat.ChangeTime.ToTimestamp(), sample);
        return RoundDown(Timestamp.OfLastTick(), sample);
    }

    /// <summary>
    /// The same time in the steps of the file system that gave <paramref name="sample"/>. No user sets a change time:
    /// one in whole seconds comes from a file system that keeps no fractions. Finer steps than these, of a microsecond
    /// and less, one sample does not tell from chance.
    /// </summary>
    internal static Timestamp RoundDown(Timestamp time, Timestamp sample)
    {
        foreach (long step in (ReadOnlySpan<long>)[1_000_000_000, 10_000_000])
        {
            if (sample.Nanoseconds % step == 0)
                return time with { Nanoseconds = time.Nanoseconds - time.Nanoseconds % step };
        }
        return time;
    }

    public void Dispose() => _stamped?.Dispose();
}
