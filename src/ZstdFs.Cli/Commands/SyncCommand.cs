using System.CommandLine;
using System.Text.Json;
using ZstdFs.Cli.Mounting;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Commands;

/// <summary><c>zstdfs sync</c>: a barrier. What was closed before it is in the source and durable after it.</summary>
internal static class SyncCommand
{
    internal static Command Create()
    {
        var mountPoint = new Argument<string>("MOUNTPOINT") { Description = "The folder on which zstdfs is mounted." };
        var command = new Command("sync",
            "Returns when everything closed so far is stored in the source and would survive a power cut.")
        {
            mountPoint
        };
        command.SetAction(parsed => (int)Run(parsed.GetRequiredValue(mountPoint)));
        return command;
    }

    private static ExitCode Run(string text)
    {
        using ControlledMount mount = ControlledMount.Find(text);
        if (mount.State == MountState.Dead)
            throw new CommandFailure(ExitCode.NotCommitted,
                $"the daemon of '{mount.Text}' has died: run 'zstdfs unmount {mount.Text}' and mount again, which "
                    + "goes on with what was left");
        Require(mount);
        return ExitCode.Success;
    }

    /// <summary>The barrier itself; throws where something could not be committed.</summary>
    internal static void Require(ControlledMount mount)
    {
        int result = mount.Synchronize();
        if (result >= 0)
            return;
        string todo = (Errno)(-result) switch
        {
            Errno.ENOSPC or Errno.EDQUOT => "make room where the source is, then run it again",
            Errno.EROFS => "the source has become read-only; make it writable, then run it again",
            _ => "the mount's log says which file and why",
        };
        throw new CommandFailure(ExitCode.NotCommitted,
            $"not everything in '{mount.Text}' could be committed ({(Errno)(-result)}): {todo}. It is still mounted"
                + Left(mount));
    }

    /// <summary>Where what could not be committed is, as the end of a sentence.</summary>
    private static string Left(ControlledMount mount)
    {
        try
        {
            using JsonDocument status = JsonDocument.Parse(mount.ReadStatus());
            return ControlledMount.FailedInMemory(status.RootElement) is > 0 and var inMemory
                ? $"; what was written to {inMemory} open files is in memory alone, and goes with the daemon"
                : " and nothing is lost";
        }
        catch (CommandFailure)
        {
            // Another user's daemon does not tell.
            return "";
        }
    }
}
