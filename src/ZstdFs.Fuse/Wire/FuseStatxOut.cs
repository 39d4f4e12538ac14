using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_statx_out</c>: answer to STATX. 288 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 288)]
public struct FuseStatxOut
{
    /// <summary>Seconds for which the attributes stay valid.</summary>
    public ulong AttrValid;
    /// <summary>Nanoseconds on top of <see cref="AttrValid"/>.</summary>
    public uint AttrValidNsec;
    /// <summary>Flags; 0.</summary>
    public uint Flags;
    private readonly ulong _spare0;
    private readonly ulong _spare1;
    /// <summary>The attributes.</summary>
    public FuseStatx Stat;
}
