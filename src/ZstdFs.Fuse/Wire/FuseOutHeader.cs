using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_out_header</c>: in front of every reply. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseOutHeader
{
    internal const int Bytes = 16;

    internal uint Length;
    internal int Error;
    internal ulong Unique;
}
