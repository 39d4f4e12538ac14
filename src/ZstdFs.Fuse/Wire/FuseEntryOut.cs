using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_entry_out</c>: a name's node, as LOOKUP and the creating ops answer it. 128 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
public struct FuseEntryOut
{
    /// <summary>Node id; 0 with a valid time caches that the name does not exist.</summary>
    public ulong NodeId;
    /// <summary>Tells apart two uses of one node id over time.</summary>
    public ulong Generation;
    /// <summary>Seconds for which the name stays valid.</summary>
    public ulong EntryValid;
    /// <summary>Seconds for which the attributes stay valid.</summary>
    public ulong AttrValid;
    /// <summary>Nanoseconds on top of <see cref="EntryValid"/>.</summary>
    public uint EntryValidNsec;
    /// <summary>Nanoseconds on top of <see cref="AttrValid"/>.</summary>
    public uint AttrValidNsec;
    /// <summary>The node's attributes.</summary>
    public FuseAttr Attr;
}
