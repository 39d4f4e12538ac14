using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_attr_out</c>: answer to GETATTR and SETATTR. 104 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 104)]
public struct FuseAttrOut
{
    /// <summary>Seconds for which the attributes stay valid.</summary>
    public ulong AttrValid;
    /// <summary>Nanoseconds on top of <see cref="AttrValid"/>.</summary>
    public uint AttrValidNsec;
    /// <summary>Unused.</summary>
    public uint Dummy;
    /// <summary>The attributes.</summary>
    public FuseAttr Attr;
}
