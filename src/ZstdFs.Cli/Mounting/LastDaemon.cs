using System.Diagnostics;
using ZstdFs.Core;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// The daemon that had the source before. umount(8) returns before that daemon has stored everything. A mount or a tool
/// that starts right after the unmount waits. One that starts while the source is really served is refused at once.
/// </summary>
/// <param name="source">The source, as messages show it.</param>
/// <param name="longest">How long to wait in all.</param>
/// <param name="log">Is told of the wait once.</param>
/// <param name="wayOut">
/// What else the user can do while the daemon keeps the source: the message ends with it. Null where the mount can work
/// beside that daemon.
/// </param>
internal sealed class LastDaemon(string source, TimeSpan longest, IEventLog log, string? wayOut)
{
    private const int LookMs = 100;

    private readonly long _start = Stopwatch.GetTimestamp();
    private LockHolder? _told;

    /// <summary>Whether the holder will let go of the source by itself, and soon.</summary>
    /// <exception cref="CommandFailure">The time is up, or what it serves is mounted elsewhere.</exception>
    internal bool IsEnding(LockHolder holder)
    {
        if (!holder.IsEnding && !HasLostItsMount(holder))
            return false;
        if (Stopwatch.GetElapsedTime(_start) > longest)
        {
            throw new CommandFailure(ExitCode.Busy,
                $"source '{source}': the daemon of its last mount ({holder.Text}) has not ended in "
                    + $"{longest.TotalSeconds:0.#} s: wait for it, or allow more time with --wait");
        }
        Tell(holder);
        return true;
    }

    /// <summary>Returns when the daemon has ended, or after a while.</summary>
    internal void Await()
    {
        if (_told is not { } holder || !IsHere(holder) || PidFd.Open(holder.ProcessId, out FileDescriptor process) < 0)
        {
            Thread.Sleep(LookMs);
            return;
        }
        using (process)
        {
            // The process that ended may not be the one that holds the source: the next look finds that out.
            if (PidFd.WaitForEnd(process, LookMs) > 0)
                Thread.Sleep(1);
        }
    }

    private static bool IsHere(LockHolder holder) => holder.Machine == Environment.MachineName;

    // Between the unmount and the daemon's own word, the mount tables tell. They tell nothing of a holder that this
    // process cannot see.
    private bool HasLostItsMount(LockHolder holder)
    {
        if (holder.MountDevice is not { } device || !IsHere(holder)
            || MountTable.ReadOf(holder.ProcessId) is not { Count: > 0 }
            || RemainingMounts.IsSeenHere(device) || RemainingMounts.IsSeenBy(holder.ProcessId, device))
            return false;
        RemainingMounts rest = RemainingMounts.Find(device);
        if (rest.Any && wayOut is not null)
        {
            throw new CommandFailure(ExitCode.Busy,
                $"source '{source}' is still served ({holder.Text}): it is mounted {rest}; it is free when that has "
                + $"ended{wayOut}");
        }
        return !rest.Any;
    }

    private void Tell(LockHolder holder)
    {
        if (_told is null)
        {
            log.Information($"waiting for the daemon of the last mount of '{source}' ({holder.Text}), which still "
                + $"stores what was written, for up to {longest.TotalSeconds:0.#} s");
        }
        _told = holder;
    }
}
