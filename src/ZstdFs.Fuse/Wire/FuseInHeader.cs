using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_in_header</c>: in front of every request. 40 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 40)]
internal struct FuseInHeader
{
    internal uint Length;
    internal FuseOpcode Opcode;
    internal ulong Unique;
    internal ulong NodeId;
    internal uint Uid;
    internal uint Gid;
    internal uint Pid;
    internal ushort TotalExtensionLength;
    private readonly ushort _padding;
}

/// <summary><c>struct fuse_out_header</c>: in front of every reply. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseOutHeader
{
    internal const int Bytes = 16;

    internal uint Length;
    internal int Error;
    internal ulong Unique;
}

/// <summary><c>struct fuse_init_out</c>. 64 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct FuseInitOut
{
    internal uint Major;
    internal uint Minor;
    internal uint MaxReadahead;
    internal uint Flags;
    internal ushort MaxBackground;
    internal ushort CongestionThreshold;
    internal uint MaxWrite;
    internal uint TimeGranularityNs;
    internal ushort MaxPages;
    internal ushort MapAlignment;
    internal uint Flags2;
    internal uint MaxStackDepth;
}
