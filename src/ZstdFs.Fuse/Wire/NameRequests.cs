using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>struct fuse_mknod_in</c>, before the name. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseMknodIn
{
    internal uint Mode;
    internal uint Rdev;
    internal uint Umask;
}

/// <summary><c>struct fuse_mkdir_in</c>, before the name. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseMkdirIn
{
    internal uint Mode;
    internal uint Umask;
}

/// <summary><c>struct fuse_rename_in</c>, before both names. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseRenameIn
{
    internal ulong NewDirectory;
}

/// <summary><c>struct fuse_rename2_in</c>, before both names. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseRename2In
{
    internal ulong NewDirectory;
    internal uint Flags;
}

/// <summary><c>struct fuse_link_in</c>, before the name. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseLinkIn
{
    internal ulong OldNode;
}

/// <summary><c>struct fuse_forget_in</c>. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseForgetIn
{
    internal ulong Lookups;
}

/// <summary><c>struct fuse_batch_forget_in</c>, before the list. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseBatchForgetIn
{
    internal uint Count;
}

/// <summary><c>struct fuse_forget_one</c>. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseForgetOne
{
    internal ulong NodeId;
    internal ulong Lookups;
}

/// <summary>
/// <c>struct fuse_dirent</c>, before the name; the next one starts at a multiple of eight bytes. 24 bytes.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct FuseDirent
{
    internal ulong Ino;
    internal ulong Offset;
    internal uint NameLength;
    internal uint Type;
}

/// <summary><c>struct fuse_direntplus</c>, before the name. 152 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 152)]
internal struct FuseDirentPlus
{
    internal FuseEntryOut Entry;
    internal FuseDirent Dirent;
}
