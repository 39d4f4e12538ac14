using System.CommandLine;
using ZstdFs.Cli.Mounting;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Commands;

/// <summary><c>zstdfs unmount</c>: a barrier. When it returns 0 everything is in the source and durable, and the daemon has ended.</summary>
internal static class UnmountCommand
{
    private const int PatienceMs = 5_000;

    internal static Command Create()
    {
        var mountPoint = new Argument<string>("MOUNTPOINT") { Description = "The folder on which zstdfs is mounted." };
        var command = new Command("unmount", "Ends a mount. Returns when everything is stored in the source and the daemon has ended.") { mountPoint };
        command.Aliases.Add("umount");
        command.SetAction(parsed => (int)Run(parsed.GetRequiredValue(mountPoint)));
        return command;
    }

    private static ExitCode Run(string text)
    {
        using ControlledMount mount = ControlledMount.Find(text);
        if (mount.State == MountState.Dead)
        {
            Unmount(mount);
            Console.Error.WriteLine($"zstdfs: '{mount.Text}' had lost its daemon and is unmounted now: the next mount of its source finishes what was left");
            return ExitCode.Success;
        }
        // Held before anything is asked of the daemon: its number could be another process's afterwards.
        int opened = PidFd.Open(mount.ProcessId, out FileDescriptor daemon);
        SyncCommand.Require(mount);
        mount.Dispose();
        Unmount(mount);
        if (opened < 0)
            return ExitCode.Success; // it ended on its own, or lives where this process cannot see it
        using (daemon)
            AwaitEnd(daemon, mount);
        return ExitCode.Success;
    }

    private static void Unmount(ControlledMount mount)
    {
        int result = MountRemoval.Unmount(mount.Path, detach: false);
        if (result < 0 && mount.IsMounted())
        {
            throw (Errno)(-result) switch
            {
                Errno.EBUSY => new CommandFailure(ExitCode.Busy, $"'{mount.Text}' is in use, so it stays mounted; everything closed is committed: 'fuser -vm {mount.Text}' shows who uses it"),
                Errno.EPERM or Errno.EACCES => new CommandFailure(ExitCode.Failure, $"this user may not unmount '{mount.Text}': run it as the user who mounted it, or as root"),
                var other => new CommandFailure(ExitCode.Failure, $"'{mount.Text}' cannot be unmounted ({other})"),
            };
        }
        if (mount.IsMounted())
            throw new CommandFailure(ExitCode.Busy, $"'{mount.Text}' is still mounted: unmount what lies on top of it first");
    }

    private static void AwaitEnd(FileDescriptor daemon, ControlledMount mount)
    {
        if (PidFd.WaitForEnd(daemon, PatienceMs) == 0)
        {
            Console.Error.WriteLine($"zstdfs: '{mount.Text}' is unmounted; waiting for its daemon (process {mount.ProcessId}) to store the rest");
            _ = PidFd.WaitForEnd(daemon, Timeout.Infinite);
        }
        // What was closed between the barrier and the unmount is the daemon's last work, and its exit code tells of it.
        int code = PidFd.ExitCode(daemon, mount.ProcessId);
        if (code > 0)
            throw new CommandFailure(ExitCode.NotCommitted, $"'{mount.Text}' is unmounted, but its daemon could not store everything (it ended with {code}): mount again, which goes on with what was left");
    }
}
