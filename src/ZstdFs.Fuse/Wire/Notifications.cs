using System.Runtime.InteropServices;

namespace ZstdFs.Fuse.Wire;

/// <summary><c>enum fuse_notify_code</c>: stands where a reply has its error.</summary>
internal enum FuseNotifyCode
{
    Poll = 1,
    InvalidateInode = 2,
    InvalidateEntry = 3,
    Delete = 6,
}

/// <summary><c>struct fuse_notify_poll_wakeup_out</c>. 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal struct FuseNotifyPollWakeupOut
{
    internal ulong KernelHandle;
}

/// <summary><c>struct fuse_notify_inval_inode_out</c>. 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct FuseNotifyInvalInodeOut
{
    internal ulong Ino;
    internal long Offset;
    internal long Length;
}

/// <summary><c>struct fuse_notify_inval_entry_out</c>, before the name and its NUL. 16 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct FuseNotifyInvalEntryOut
{
    internal const uint ExpireOnly = 1; // FUSE_EXPIRE_ONLY

    internal ulong Parent;
    internal uint NameLength;
    internal uint Flags;
}

/// <summary><c>struct fuse_notify_delete_out</c>, before the name and its NUL. 24 bytes.</summary>
[StructLayout(LayoutKind.Sequential, Size = 24)]
internal struct FuseNotifyDeleteOut
{
    internal ulong Parent;
    internal ulong Child;
    internal uint NameLength;
}
