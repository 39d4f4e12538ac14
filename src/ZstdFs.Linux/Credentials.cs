using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary>
/// Whom the calling thread's new files belong to. Linux keeps credentials per thread, so every thread that creates
/// files for others calls <see cref="KeepCapabilities"/> once.
/// </summary>
public static class Credentials
{
    private const int SetSecureBits = 28;      // PR_SET_SECUREBITS
    private const nuint NoSetuidFixup = 1 << 2; // SECBIT_NO_SETUID_FIXUP

    private const int UnshareFs = 0x200;        // CLONE_FS

    /// <summary>The process runs as root.</summary>
    public static bool IsRoot => Libc.EffectiveUser() == 0;

    /// <summary>Effective user id.</summary>
    public static uint UserId => Libc.EffectiveUser();

    /// <summary>Effective group id.</summary>
    public static uint GroupId => Libc.EffectiveGroup();

    /// <summary>
    /// Lets <see cref="ActAs(uint, uint)"/> change only the owner of what the thread creates, not what the thread may
    /// do. The kernel has checked the caller's permissions before it sent the request, with the caller's supplementary
    /// groups, which this thread does not have. Returns 0 or −errno.
    /// </summary>
    public static int KeepCapabilities() =>
        SystemCallResult.From(Libc.ProcessControl(SetSecureBits, NoSetuidFixup, 0, 0, 0));

    /// <summary>What the thread creates from here on belongs to this user and group.</summary>
    public static void ActAs(uint user, uint group)
    {
        _ = Libc.SetFileSystemGroup(group);
        _ = Libc.SetFileSystemUser(user);
    }

    /// <summary>The same for the user alone. Only root's thread can become another user.</summary>
    public static void ActAs(uint user) => _ = Libc.SetFileSystemUser(user);

    /// <summary>
    /// Gives the calling thread a file mode creation mask of its own; otherwise the mask is the process's. Returns 0 or
    /// −errno.
    /// </summary>
    public static int UnshareUmask() => SystemCallResult.From(Libc.Unshare(UnshareFs));

    /// <summary>Sets the file mode creation mask and returns the former one.</summary>
    public static uint SetUmask(uint mask) => Libc.Umask(mask);
}
