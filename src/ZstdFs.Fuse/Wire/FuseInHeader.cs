using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_in_header</c>: in front of every request. 40 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 40)]
internal struct FuseInHeader
{
    internal const int Bytes = 40;

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
