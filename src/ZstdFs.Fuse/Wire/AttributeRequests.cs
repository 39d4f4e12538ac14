using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_getattr_in</c>. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseGetattrIn
{
    internal uint GetattrFlags;
    internal uint Dummy;
    internal ulong Handle;

    /// <summary>FUSE_GETATTR_FH: the handle is set.</summary>
    internal readonly bool HasHandle => (GetattrFlags & 1) != 0;
}

/// <summary><c>struct fuse_statx_in</c>. 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct FuseStatxIn
{
    internal uint GetattrFlags;
    internal uint Reserved;
    internal ulong Handle;
    internal uint Flags;
    internal uint Mask;

    /// <summary>FUSE_GETATTR_FH: the handle is set.</summary>
    internal readonly bool HasHandle => (GetattrFlags & 1) != 0;
}

/// <summary>
/// <c>struct fuse_setxattr_in</c>, before name and value. 16 bytes; without SETXATTR_EXT only the first 8 are sent.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseSetxattrIn
{
    internal uint Size;
    internal int Flags;
    internal uint SetxattrFlags;
}

/// <summary><c>struct fuse_getxattr_in</c>: GETXATTR and LISTXATTR. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseGetxattrIn
{
    internal uint Size;
}

/// <summary><c>struct fuse_getxattr_out</c>: the length alone, where no bytes were asked for. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseGetxattrOut
{
    internal uint Size;
}

/// <summary><c>struct fuse_access_in</c>. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseAccessIn
{
    internal uint Mask;
}
