namespace ZstdFs.Core.Source;

/// <summary>
/// Which inode numbers zstdfs allocates: above any that a file system gives, below 2^53, which programs that keep
/// numbers as doubles can hold.
/// </summary>
internal static class InodeNumber
{
    /// <summary>The least number that the allocator gives.</summary>
    internal const ulong FirstAllocated = 1UL << 52;

    /// <summary>An allocator of zstdfs gave the number.</summary>
    internal static bool IsAllocated(ulong number) => number is >= FirstAllocated and < FirstAllocated << 1;
}
