using ZstdFs.Core.FileSystem;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// A copy of a mount that is on no path. Where the file system lives on elsewhere after the unmount, the copy is the
/// way to the daemon. It keeps the file system alive itself. Unlike an open folder, it leaves the mount free to be
/// unmounted.
/// </summary>
internal sealed class MountCopy : IDisposable
{
    private readonly ControlledMount _mount;
    private readonly FileDescriptor _copy;

    private MountCopy(ControlledMount mount, FileDescriptor copy) => (_mount, _copy) = (mount, copy);

    /// <summary>Null where the kernel gives none: to ordinary users, and before Linux 5.2.</summary>
    internal static MountCopy? Of(ControlledMount mount) =>
        MountCalls.CopyOf(new NativeName([.. mount.Path, 0]), out FileDescriptor copy) >= 0
            ? new MountCopy(mount, copy)
            : null;

    /// <summary>The barrier, after the unmount.</summary>
    /// <exception cref="CommandFailure">Something could not be stored.</exception>
    internal void Synchronize()
    {
        int result = SystemCallsAt.Open(_copy, new NativeName(".\0"u8), OpenFlags.ReadOnly | OpenFlags.Directory, 0,
            out FileDescriptor root);
        if (result >= 0)
        {
            using (root)
                result = SystemCallsFile.IoControl(root, ControlCommands.Sync, default);
        }
        if (result < 0)
        {
            throw new CommandFailure(ExitCode.NotCommitted,
                $"'{_mount.Text}' is unmounted, but not everything could be stored ({(Errno)(-result)}): its daemon "
                    + $"(process {_mount.ProcessId}) still serves it elsewhere, and goes on trying");
        }
    }

    public void Dispose() => _copy.Dispose();
}
