using ZstdFs.Cli.Options;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>Whether this machine and this user can mount a FUSE file system, and if not, what is missing.</summary>
internal static class FuseAvailability
{
    private const string Device = "/dev/fuse", Configuration = "/etc/fuse.conf";

    internal static void Check(MountOptions options)
    {
        CheckDevice();
        if (Credentials.IsRoot)
            return;
        if (FusermountPath() is null)
            throw new CommandFailure(ExitCode.FuseUnavailable,
                "no program 'fusermount3', which mounts for ordinary users: "
                + "install the package fuse3, or mount as root");
        if (options.AllowOther && !AllowsOther())
            throw new CommandFailure(ExitCode.FuseUnavailable,
                "option 'allow_other' is not permitted to this user: have root write the line 'user_allow_other' "
                    + $"into {Configuration}, or leave it out");
    }

    private static void CheckDevice()
    {
        int result = SystemCallsAt.Open(
            new NativeName(NativeText.EncodeTerminated(Device)), OpenFlags.ReadWrite, out FileDescriptor device);
        if (result >= 0)
        {
            device.Dispose();
            return;
        }
        throw new CommandFailure(ExitCode.FuseUnavailable, (Errno)(-result) switch
        {
            Errno.ENOENT =>
                $"no {Device}: load the kernel's module with 'modprobe fuse', or give the container that device",
            Errno.ENODEV or Errno.ENXIO => $"{Device} has no driver: load the kernel's module with 'modprobe fuse'",
            Errno.EACCES or Errno.EPERM =>
                $"{Device} may not be opened by this user: have root run 'chmod 666 {Device}'",
            var other => $"{Device} cannot be opened ({other})",
        });
    }

    /// <summary>
    /// The set-user-id program that mounts and unmounts for ordinary users; null where it is not installed.
    /// </summary>
    internal static string? FusermountPath() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':')
            .Select(folder => Path.Combine(folder, "fusermount3"))
            .FirstOrDefault(File.Exists);

    private static bool AllowsOther()
    {
        try
        {
            return File.ReadLines(Configuration).Any(line => line.Trim() == "user_allow_other");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
