namespace ZstdFs.Core.FileSystem;

/// <summary>
/// ioctl(2) numbers that the mount's root folder answers: how <c>zstdfs sync</c> and <c>unmount</c> talk to the daemon.
/// </summary>
public static class ControlCommands
{
    /// <summary>
    /// _IOR('z', 1, 16 bytes): process id of the daemon (u32), version of this interface (u32), zero (u64).
    /// </summary>
    public const uint Identity = 0x8010_7a01;

    /// <summary>
    /// _IO('z', 2): commits everything written so far and makes it durable. Fails with the error of the first file that
    /// could not be committed.
    /// </summary>
    public const uint Sync = 0x7a02;

    /// <summary>_IOR('z', 3, 12 KiB): what is not in the source yet, as one JSON object and zeros behind it.</summary>
    public const uint Status = 0x8000_7a03 | (StatusBytes << 16);

    /// <summary>
    /// _IOW('z', 4, 8 bytes): the MS_* flags that the mount has from now on, which the kernel does not tell the daemon.
    /// </summary>
    public const uint MountFlags = 0x4008_7a04;

    /// <summary>Length of the answer to <see cref="Status"/>.</summary>
    public const int StatusBytes = 12 * 1024;
}
