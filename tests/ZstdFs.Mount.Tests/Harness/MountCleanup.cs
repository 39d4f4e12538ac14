namespace ZstdFs.Mount.Tests.Harness;

/// <summary>
/// Takes a test's mount away whatever state it is in. Never lazily: a mount that is only out of sight would still hold
/// the disk and the next test's locks.
/// </summary>
internal static class MountCleanup
{
    private const string Connections = "/sys/fs/fuse/connections";
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(20);

    internal static void Remove(string mount, Daemon? daemon)
    {
        while (MountTableView.TypeOf(mount) is { } type && type.StartsWith("fuse", StringComparison.Ordinal))
        {
            if (TryUnmount(mount))
                continue;
            Abort(mount);
            if (!TryUnmount(mount))
                throw new InvalidOperationException(
                    $"{mount} cannot be unmounted, not even after its connection was aborted:\n"
                    + $"{Shell.Run($"fuser -vm '{mount}'")}");
        }
        if (daemon is null || Waiting.For(() => daemon.HasEnded, Busy))
            return;
        daemon.Kill();
    }

    private static bool TryUnmount(string mount)
    {
        try
        {
            return Shell.Run($"umount '{mount}' 2>/dev/null || fusermount3 -u '{mount}'", Busy).ExitCode == 0;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Has the kernel show its connections in <c>/sys</c>, this one among them.</summary>
    internal static void ShowConnections(string number)
    {
        if (!Directory.Exists(Path.Combine(Connections, number)))
            Shell.Run($"mount -t fusectl none {Connections}");
    }

    // Every request that waits for the daemon fails then, so that whoever hangs in one ends.
    private static void Abort(string mount)
    {
        if (MountTableView.ConnectionOf(mount) is not { } number)
            return;
        ShowConnections(number);
        Shell.Run($"echo 1 > {Connections}/{number}/abort");
    }
}
