using ZstdFs.Cli.Options;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>Takes a mount away, as root by the system call, as an ordinary user through fusermount3.</summary>
internal static class MountRemoval
{
    /// <summary>
    /// Unmounts what is topmost on <paramref name="path"/>, absolute and not ended by NUL. With
    /// <paramref name="detach"/> the mount is out of sight at once, and gone with its last user. 0 or −errno;
    /// −EBUSY where it is in use.
    /// </summary>
    internal static int Unmount(byte[] path, bool detach)
    {
        if (Credentials.IsRoot)
            return MountCalls.Unmount(
                new NativeName([.. path, 0]), MountCalls.NoFollow | (detach ? MountCalls.Detach : 0));
        if (FuseAvailability.FusermountPath() is not { } program)
            return -(int)Errno.EPERM;
        List<byte[]> command = [NativeText.Encode(program), "-u"u8.ToArray(), "-q"u8.ToArray()];
        if (detach)
            command.Add("-z"u8.ToArray());
        command.AddRange(["--"u8.ToArray(), path]);
        int result = ProcessSpawn.Run(new NativeName(NativeText.EncodeTerminated(program)), command);
        if (result <= 0)
            return result;
        // fusermount3 says why in words only. It never unmounts another user's mount. It fails on this user's own mount
        // when that is in use.
        return MountTable.Find(path) is { } entry && entry.UserId == Credentials.UserId
            ? -(int)Errno.EBUSY
            : -(int)Errno.EPERM;
    }
}
