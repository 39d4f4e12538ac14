namespace ZstdFs.Crash.Tests.Disks;

/// <summary>What a disk was told: a write, or, without data, a flush of everything written before.</summary>
internal readonly record struct DiskEvent(long Offset, byte[]? Data)
{
    internal bool IsFlush => Data is null;
}
