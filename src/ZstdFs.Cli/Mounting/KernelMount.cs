using ZstdFs.Cli.Options;
using ZstdFs.Core;
using ZstdFs.Core.FileSystem;
using ZstdFs.Fuse.Mount;
using ZstdFs.Fuse.Session;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>The FUSE library's mount and session, told what the command line asked for.</summary>
internal sealed class KernelMount : IDisposable
{
    private readonly FuseMount _mount;
    private readonly IdlePolling? _polling;

    private readonly bool _allowsIdMaps;

    private KernelMount(FuseMount mount, IdlePolling? polling, bool allowsIdMaps) =>
        (_mount, _polling, _allowsIdMaps) = (mount, polling, allowsIdMaps);

    /// <summary>
    /// Mounts on <paramref name="mountPoint"/>; a process that looks into it waits until <see cref="Run"/>.
    /// </summary>
    internal static KernelMount Create(Folder mountPoint, string source, MountOptions options, bool readOnly)
    {
        try
        {
            return new KernelMount(FuseMount.Mount(Reachable(mountPoint), new FuseMountOptions
            {
                Source = options.FileSystemName ?? source,
                Subtype = options.Subtype,
                ReadOnly = readOnly || options.FileSystem.ReadOnly,
                AllowOther = options.AllowOther,
                NoSuid = options.NoSuid,
                NoDev = options.NoDevices,
                NoExec = options.NoExecute,
                NoSymFollow = options.NoSymlinkFollowing,
                NoAtime = options.NoAccessTime,
                // The kernel leaves access times to the daemon. A remount finds in the mount table what is asked.
                StrictAtime = options.FileSystem.HasStrictAccessTimes,
            }), options.IdlePolls ? IdlePolling.Open() : null, allowsIdMaps: Credentials.IsRoot && options.AllowOther);
        }
        catch (FuseMountException e)
        {
            throw Explain(e, mountPoint);
        }
    }

    /// <summary>
    /// Serves until the mount is gone. Calls <paramref name="onServing"/> once, from a thread of its own, when the
    /// kernel and the session have agreed on a protocol: a successful mount(2) does not show that. The daemon does not
    /// ask the mount itself: if it were killed while it waits for its own answer, it would hang.
    /// </summary>
    internal void Run(ZstdFileSystem fileSystem, IEventLog log, Action onServing)
    {
        using var session = new FuseSession(_mount.Device, fileSystem, new SessionOptions
        {
            OnFailure = fileSystem.ReportFailure,
            ExportSupport = true,
            KeepsPages = fileSystem.TellsOfChanges,
            Passthrough = Credentials.IsRoot,
            // Ids are mapped for other users: only allow_other lets them in, and only root makes files for them.
            AllowsIdMaps = _allowsIdMaps,
            OnBurst = _polling is { } polling ? polling.Follow : null,
        });
        session.Start();
        var start = new Thread(() =>
        {
            if (session.WaitUntilServing(Timeout.InfiniteTimeSpan))
                onServing();
        })
        { IsBackground = true, Name = "start" };
        start.Start();
        session.Join();
        start.Join();
        // ENODEV is an unmount. After any other end, too, what is open still goes to disk.
        if (session.EndedBy != Errno.ENODEV)
            log.Warning($"the connection to the kernel ended without an unmount ({session.EndedBy})");
    }

    // The library takes the path as text. A path that is not UTF-8 goes through the descriptor: mount(2) can follow
    // that, fusermount3 cannot.
    private static string Reachable(Folder mountPoint) =>
        Credentials.IsRoot && mountPoint.PathText.Any(char.IsSurrogate)
            ? $"/proc/self/fd/{mountPoint.Handle.Number}"
            : mountPoint.PathText;

    private static CommandFailure Explain(FuseMountException failure, Folder mountPoint)
    {
        string reason = failure.Message.Replace('\n', ' ').TrimEnd('.');
        return failure.Problem switch
        {
            FuseMountProblem.MountPointInvalid => new(ExitCode.MountPointUnusable, reason),
            // fusermount3 tells its reasons apart in words only: "user has no write access to mountpoint", "mounting
            // over filesystem type … is forbidden".
            FuseMountProblem.Other when reason.Contains("mountpoint", StringComparison.Ordinal)
                || reason.Contains("mounting over", StringComparison.Ordinal) =>
                new(ExitCode.MountPointUnusable,
                    $"mount point '{mountPoint.Text}' cannot be used ({reason}): choose a folder that this user owns"),
            FuseMountProblem.Other => new(ExitCode.Failure, reason),
            _ => new(ExitCode.FuseUnavailable, reason),
        };
    }

    public void Dispose()
    {
        _mount.Device.Dispose();
        _polling?.Dispose();
    }
}
