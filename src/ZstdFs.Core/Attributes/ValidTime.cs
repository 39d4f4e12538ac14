namespace ZstdFs.Core.Attributes;

/// <summary>How long the kernel may answer from what an op told it, as FUSE answers carry it.</summary>
internal readonly struct ValidTime(TimeSpan time)
{
    /// <summary>Whole seconds.</summary>
    internal ulong Seconds { get; } = (ulong)time.TotalSeconds;

    /// <summary>The rest.</summary>
    internal uint Nanoseconds { get; } = (uint)(time.Ticks % TimeSpan.TicksPerSecond * 100);
}
