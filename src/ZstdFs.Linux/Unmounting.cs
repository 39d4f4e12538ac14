using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary>Takes mounts away. Results below zero are −errno.</summary>
public static unsafe class Unmounting
{
    private const int DetachFlag = 2, NoFollow = 8; // MNT_DETACH, UMOUNT_NOFOLLOW

    /// <summary>umount2(2). <paramref name="detach"/>: out of sight at once, gone when its last user is.</summary>
    public static int Unmount(NativeName mountPoint, bool detach)
    {
        fixed (byte* p = mountPoint.Terminated)
            return SystemCallResult.From(LibcProcess.Unmount(p, NoFollow | (detach ? DetachFlag : 0)));
    }
}
