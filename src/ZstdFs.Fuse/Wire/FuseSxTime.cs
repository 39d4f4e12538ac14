using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_sx_time</c>. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
public struct FuseSxTime
{
    /// <summary>Seconds since 1970.</summary>
    public long Seconds;
    /// <summary>Nanoseconds.</summary>
    public uint Nanoseconds;
}
