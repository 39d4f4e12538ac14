using ZstdFs.Cli.Options;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// What can be known to be wrong before anything is mounted. The checks change nothing. They hold everything open by
/// descriptor, so that the mount uses what was checked.
/// </summary>
internal sealed class MountPreflight : IDisposable
{
    private MountPreflight(Folder source, Folder mountPoint) => (Source, MountPoint) = (source, mountPoint);

    /// <summary>The folder of .zst files, open for reading.</summary>
    internal Folder Source { get; }

    /// <summary>The folder that will show the plain files, open by O_PATH.</summary>
    internal Folder MountPoint { get; }

    /// <summary>Opens and checks both folders and the machine.</summary>
    internal static MountPreflight Check(string source, string mountPoint, MountOptions options)
    {
        Folder from = OpenSource(source);
        try
        {
            Folder onto = OpenMountPoint(mountPoint);
            try
            {
                CheckNotOurs(onto);
                bool sourceItself = from.Path.AsSpan().SequenceEqual(onto.Path);
                if (!sourceItself)
                {
                    CheckApart(from, onto);
                    CheckEmpty(onto, options);
                }
                FuseAvailability.Check(options);
                return new MountPreflight(from, onto);
            }
            catch
            {
                onto.Dispose();
                throw;
            }
        }
        catch
        {
            from.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Source.Dispose();
        MountPoint.Dispose();
    }

    private static Folder OpenSource(string text)
    {
        string shown = NativeText.Printable(text);
        return (Errno)(-Folder.Open(text, OpenFlags.ReadOnly, out Folder source)) switch
        {
            Errno.None => source,
            Errno.ENOENT => throw new CommandFailure(ExitCode.SourceUnusable,
                $"source '{shown}' does not exist: create it with mkdir, or check the path"),
            Errno.ENOTDIR => throw new CommandFailure(ExitCode.SourceUnusable,
                $"source '{shown}' is not a folder: name the folder that holds the .zst files"),
            Errno.EACCES or Errno.EPERM => throw new CommandFailure(ExitCode.SourceUnusable,
                $"source '{shown}' may not be read by this user: check its owner and mode"),
            Errno.ENOTCONN => throw new CommandFailure(ExitCode.SourceUnusable,
                $"source '{shown}' is a mount whose daemon has died: run 'zstdfs unmount' on it first"),
            var other => throw new CommandFailure(ExitCode.SourceUnusable,
                $"source '{shown}' cannot be opened ({other})"),
        };
    }

    private static Folder OpenMountPoint(string text)
    {
        string shown = NativeText.Printable(text);
        return (Errno)(-Folder.Open(text, OpenFlags.PathOnly, out Folder mountPoint)) switch
        {
            Errno.None => mountPoint,
            Errno.ENOENT => throw new CommandFailure(ExitCode.MountPointUnusable,
                $"mount point '{shown}' does not exist: create it with mkdir"),
            Errno.ENOTDIR => throw new CommandFailure(ExitCode.MountPointUnusable,
                $"mount point '{shown}' is not a folder: name an empty folder"),
            Errno.EACCES or Errno.EPERM => throw new CommandFailure(ExitCode.MountPointUnusable,
                $"mount point '{shown}' may not be reached by this user: check its owner and mode"),
            var other => throw new CommandFailure(ExitCode.MountPointUnusable,
                $"mount point '{shown}' cannot be opened ({other})"),
        };
    }

    private static void CheckNotOurs(Folder mountPoint)
    {
        if (MountTable.Find(mountPoint.Path) is not { } mounted
            || !mounted.FileSystemType.StartsWith("fuse", StringComparison.Ordinal))
            return;
        if (SystemCallsAt.Stat(mountPoint.Handle, out _) == -(int)Errno.ENOTCONN)
            throw new CommandFailure(ExitCode.Busy,
                $"mount point '{mountPoint.Text}' has a mount whose daemon has died: run 'zstdfs unmount "
                    + $"{mountPoint.Text}' first");
        if (mounted.FileSystemType == ControlledMount.FileSystemType)
            throw new CommandFailure(ExitCode.Busy,
                $"mount point '{mountPoint.Text}' already has a zstdfs mount: run 'zstdfs unmount {mountPoint.Text}' "
                    + "first");
    }

    private static void CheckApart(Folder source, Folder mountPoint)
    {
        if (source.IsWithin(mountPoint))
            throw new CommandFailure(ExitCode.MountPointUnusable,
                $"source '{source.Text}' is inside mount point '{mountPoint.Text}', which would hide it: mount "
                    + "elsewhere, or on the source itself");
        if (mountPoint.IsWithin(source))
            throw new CommandFailure(ExitCode.MountPointUnusable,
                $"mount point '{mountPoint.Text}' is inside source '{source.Text}', so the mount would show itself: "
                    + "mount elsewhere, or on the source itself");
    }

    // A log file in the mount point would make it non-empty before the daemon checks it.
    private static void CheckLogFile(Folder mountPoint, string? log)
    {
        if (log is null || Folder.Open(Path.GetDirectoryName(log) ?? "/", OpenFlags.PathOnly, out Folder logs) < 0)
            return;
        using (logs)
        {
            if (logs.IsWithin(mountPoint))
            {
                throw new CommandFailure(ExitCode.Failure, $"the log file '{NativeText.Printable(log)}' is inside the "
                    + "mount point, which would hide it: name another with --log-file");
            }
        }
    }

    private static void CheckEmpty(Folder mountPoint, MountOptions options)
    {
        if (options.NonEmpty)
            return;
        CheckLogFile(mountPoint, options.LogFile);
        if (Folder.Open(mountPoint.PathText, OpenFlags.ReadOnly, out Folder readable) < 0)
            return; // a folder that cannot be listed: the kernel decides
        using (readable)
        {
            if (Folder.CountEntries(readable.Handle) > 0)
                throw new CommandFailure(ExitCode.MountPointUnusable,
                    $"mount point '{mountPoint.Text}' is not empty: choose an empty folder, or hide its files under "
                        + "the mount with -o nonempty");
        }
    }
}
