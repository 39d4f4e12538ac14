using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary>mount(2) and umount2(2). Results below zero are −errno. Paths end with their NUL.</summary>
public static unsafe partial class MountCalls
{
    /// <summary>MS_RDONLY.</summary>
    public const ulong ReadOnly = 1;
    /// <summary>MS_NOSUID.</summary>
    public const ulong NoSuid = 2;
    /// <summary>MS_NODEV.</summary>
    public const ulong NoDev = 4;
    /// <summary>MS_NOEXEC.</summary>
    public const ulong NoExec = 8;
    /// <summary>MNT_DETACH of <see cref="Unmount"/>: out of sight at once, gone when its last user is.</summary>
    public const int Detach = 2;
    /// <summary>UMOUNT_NOFOLLOW of <see cref="Unmount"/>.</summary>
    public const int NoFollow = 8;

    /// <summary>mount(2).</summary>
    public static int Mount(ReadOnlySpan<byte> source, ReadOnlySpan<byte> target, ReadOnlySpan<byte> type, ulong flags, ReadOnlySpan<byte> data)
    {
        fixed (byte* s = source)
        fixed (byte* t = target)
        fixed (byte* y = type)
        fixed (byte* d = data)
            return SystemCallResult.From(NativeMount(s, t, y, (nuint)flags, d));
    }

    /// <summary>umount2(2).</summary>
    public static int Unmount(ReadOnlySpan<byte> target, int flags)
    {
        fixed (byte* t = target)
            return SystemCallResult.From(NativeUnmount(t, flags));
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true)]
    private static partial int NativeMount(byte* source, byte* target, byte* type, nuint flags, byte* data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true)]
    private static partial int NativeUnmount(byte* target, int flags);
}
