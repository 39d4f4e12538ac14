using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// Finds out when the mount answers, by asking it as anybody else would, from a thread of its own. An answer proves that the kernel and the session have
/// agreed on a protocol; that mount(2) succeeded does not.
/// </summary>
internal static class ServingProbe
{
    /// <summary>Calls <paramref name="onServing"/> once, when the mount on <paramref name="mountPoint"/> has answered; never when it ends before.</summary>
    internal static void Start(byte[] mountPoint, Action onServing) =>
        new Thread(() => Ask(mountPoint, onServing)) { IsBackground = true, Name = "serving-probe" }.Start();

    private static void Ask(byte[] mountPoint, Action onServing)
    {
        if (SystemCallsAt.Open(new NativeName([.. mountPoint, 0]), OpenFlags.PathOnly | OpenFlags.Directory, out FileDescriptor root) < 0)
            return;
        int result;
        using (root)
            result = SystemCallsAt.Stat(root, out _);
        // Ended or killed before it served: Run returns with the reason.
        if (result is not (-(int)Errno.ENOTCONN or -(int)Errno.ENODEV or -(int)Errno.ECONNABORTED))
            onServing();
    }
}
