using System.CommandLine;
using ZstdFs.Cli.Mounting;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Commands;

/// <summary>
/// <c>zstdfs unmount</c>: a barrier. When it returns 0, everything is in the source and durable, and the daemon has
/// ended. It names the exception: a daemon that goes on because its file system is still mounted elsewhere.
/// </summary>
internal static class UnmountCommand
{
    private const int PatienceMs = 5_000, LookMs = 1_000;

    // So long a daemon that has lost its mount takes at most to say so, also on a machine with much else to do.
    private const int LongestWordMs = 15_000;

    internal static Command Create()
    {
        var mountPoint = new Argument<string>("MOUNTPOINT") { Description = "The folder on which zstdfs is mounted." };
        var command = new Command("unmount",
            "Ends a mount. Returns when everything is stored in the source and the daemon has ended.") { mountPoint };
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
            // What the daemon had not stored, or stored and not synchronised, only the next mount can tell.
            throw new CommandFailure(ExitCode.NotCommitted,
                $"'{mount.Text}' is unmounted, but its daemon had died: mount its source again, which stores what "
                    + "was left");
        }
        // Held before the daemon is asked anything: after the daemon's end, its number could be another process's.
        int opened = PidFd.Open(mount.ProcessId, out FileDescriptor daemon);
        using DaemonLock daemonLock = DaemonLock.Of(mount.ProcessId);
        SyncCommand.Require(mount);
        mount.Dispose();
        ulong connection = RemainingMounts.ConnectionOf(mount.Entry.Device);
        RemainingMounts rest;
        bool isHeld;
        using (MountCopy? copy = MountCopy.Of(mount))
        {
            Unmount(mount);
            isHeld = copy is not null;
            rest = RemainingMounts.Find(mount.Entry.Device);
            // The daemon does not end yet, so its end cannot tell that it has stored what was closed since the barrier.
            if (rest.Any)
                copy?.Synchronize();
        }
        // Without a copy to hold the file system, the kernel may have given its device number to a new mount. The
        // daemon's end tells.
        if (rest.Any && !isHeld && opened >= 0 && PidFd.WaitForEnd(daemon, PatienceMs) > 0)
            rest = RemainingMounts.None;
        if (rest.Any)
            TellOf(rest, mount);
        else if (opened >= 0) // else it ended on its own, or lives where this process cannot see it
            AwaitEnd(daemon, mount, connection, daemonLock);
        daemon?.Dispose();
        return ExitCode.Success;
    }

    private static void TellOf(RemainingMounts rest, ControlledMount mount) => Console.Error.WriteLine(
        $"zstdfs: '{mount.Text}' is unmounted and everything is stored, but it is still mounted {rest}: its daemon "
            + $"(process {mount.ProcessId}) ends after that");

    private static void Unmount(ControlledMount mount)
    {
        int result = MountRemoval.Unmount(mount.Path, detach: false);
        if (result < 0 && mount.IsMounted())
        {
            throw (Errno)(-result) switch
            {
                Errno.EBUSY => new CommandFailure(ExitCode.Busy,
                    $"'{mount.Text}' is in use, so it stays mounted; everything closed is committed: 'fuser -vm "
                        + $"{mount.Text}' shows who uses it"),
                Errno.EPERM or Errno.EACCES => new CommandFailure(ExitCode.Failure,
                    $"this user may not unmount '{mount.Text}': run it as the user who mounted it, or as root"),
                var other => new CommandFailure(ExitCode.Failure, $"'{mount.Text}' cannot be unmounted ({other})"),
            };
        }
        if (mount.IsMounted())
            throw new CommandFailure(ExitCode.Busy,
                $"'{mount.Text}' is still mounted: unmount what lies on top of it first");
    }

    private static void AwaitEnd(
        FileDescriptor daemon, ControlledMount mount, ulong connection, DaemonLock daemonLock)
    {
        for (int waitedMs = LookMs; PidFd.WaitForEnd(daemon, LookMs) == 0; waitedMs += LookMs)
        {
            if (waitedMs < PatienceMs)
                continue;
            // A process that this one cannot look at has a copy of the mount, or something that is no process has. The
            // source holds everything up to the barrier, and the daemon's end may be long in coming.
            bool isHeld = connection != 0
                ? RemainingMounts.ConnectionOf(mount.Entry.Device) == connection
                : waitedMs >= LongestWordMs && !daemonLock.IsEnding;
            if (isHeld)
            {
                Console.Error.WriteLine($"zstdfs: '{mount.Text}' is unmounted, but something that cannot be seen from "
                    + $"here still uses its file system: its daemon (process {mount.ProcessId}) ends after that");
                return;
            }
            if (waitedMs == PatienceMs)
                Console.Error.WriteLine($"zstdfs: '{mount.Text}' is unmounted; waiting for its daemon (process "
                    + $"{mount.ProcessId}) to store the rest");
        }
        // The daemon's last work is to store what was closed between the barrier and the unmount. Its exit code tells
        // whether it could.
        int code = PidFd.ExitCode(daemon, mount.ProcessId);
        if (code == -(int)Errno.EACCES)
            throw new CommandFailure(ExitCode.Failure,
                $"'{mount.Text}' is unmounted, but this user may not see whether its daemon could store everything: "
                    + "the mount's log tells");
        if (code > 0)
            throw new CommandFailure(ExitCode.NotCommitted,
                $"'{mount.Text}' is unmounted, but its daemon could not store everything (it ended with {code}): "
                    + "mount again, which goes on with what was left");
    }
}
