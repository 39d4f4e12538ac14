using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary>
/// <c>struct fuse_init_in</c> as far as every kernel sends it; <c>flags2</c> follows with INIT_EXT. 16 bytes.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseInitIn
{
    internal uint Major;
    internal uint Minor;
    internal uint MaxReadahead;
    internal uint Flags;
}
