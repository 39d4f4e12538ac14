using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_open_out</c>: answer to OPEN, OPENDIR and the second half of CREATE's. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
public struct FuseOpenOut
{
    /// <summary>
    /// File handle, the file system's own number; the kernel sends it back with every op on the open file.
    /// </summary>
    public ulong Handle;
    /// <summary>FOPEN_* flags. Never open(2) flags.</summary>
    public OpenReplyFlags OpenFlags;
    /// <summary>Id of the backing file where <see cref="OpenReplyFlags.Passthrough"/> is set.</summary>
    public int BackingId;
}
