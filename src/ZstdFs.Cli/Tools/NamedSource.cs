using ZstdFs.Cli.Mounting;
using ZstdFs.Cli.Options;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Tools;

/// <summary>
/// A folder that a tool was pointed at, and the source that it is in: the nearest folder at or above it that has a
/// <c>.zstdfs</c>, or itself. So a tool that works on a part of a source takes the whole source's lock.
/// </summary>
/// <param name="Text">As the user wrote it, fit to be printed.</param>
/// <param name="Root">The source's root, open for reading.</param>
/// <param name="FolderPath">The named folder's path below the root; empty where it is the root.</param>
internal sealed record NamedSource(string Text, FileDescriptor Root, byte[] FolderPath) : IDisposable
{
    private const long FuseMagic = 0x65735546;

    /// <summary>The root is a source already; otherwise the tool makes it one.</summary>
    internal bool IsSource { get; } = HasState(Root);

    public void Dispose() => Root.Dispose();

    /// <summary>The root opened once more, for a tool that takes it over and may have to begin again.</summary>
    internal FileDescriptor OpenRoot() => Reopen(Root, Text);

    /// <summary>Opens it. A folder in a mount of ours is refused: there the files are plain already.</summary>
    /// <param name="text">As the user wrote it.</param>
    /// <param name="isChanged">
    /// The tool will change its files. Then a folder of another file system inside a source in use is refused: that
    /// source's mount shows it, too.
    /// </param>
    internal static NamedSource Open(string text, bool isChanged = false)
    {
        string shown = NativeText.Printable(text);
        using Folder folder = OpenFolder(text, shown);
        if (MountOf(folder) is { } mount)
        {
            throw new CommandFailure(ExitCode.Busy,
                $"'{shown}' is in the zstdfs mount on "
                    + $"'{NativeText.Printable(NativeText.Decode(mount.MountPoint.Span))}': name the source folder, "
                    + "and unmount it first where files are to be changed");
        }
        byte[] path = folder.Path;
        for (int length = path.Length; length > 0; length = Above(path, length))
        {
            if (Folder.Open(NativeText.Decode(path.AsSpan(0, length)), OpenFlags.ReadOnly, out Folder above) < 0)
                continue;
            if (IsSameFileSystem(folder, above) && HasState(above.Handle))
                return new NamedSource(shown, above.Handle, path.AsSpan(length).TrimStart((byte)'/').ToArray());
            using (above)
            {
                if (isChanged && LockHolder.IsHeld(above.Handle, new NativeName(".zstdfs/lock\0"u8)))
                    throw new CommandFailure(ExitCode.Busy,
                        $"'{shown}' is in the source "
                            + $"'{NativeText.Printable(NativeText.Decode(path.AsSpan(0, length)))}', which is in use: "
                            + "unmount that first, or let it end");
            }
        }
        return new NamedSource(shown, Reopen(folder.Handle, shown), []);
    }

    /// <summary>The zstdfs mount that a folder or file is in; null where it is in none.</summary>
    internal static MountEntry? MountOf(Folder folder)
    {
        if (SystemCallsFile.StatFileSystem(folder.Handle, out StatFs statistics) < 0 || statistics.Type != FuseMagic)
            return null;
        return MountAbove(folder.Path);
    }

    /// <summary>
    /// The zstdfs mount that this absolute path in a FUSE file system is in; null where another file system's mount is
    /// nearer.
    /// </summary>
    internal static MountEntry? MountAbove(byte[] path) => MountAbove(MountTable.Read(), path);

    /// <summary>The same in a table that was read before.</summary>
    internal static MountEntry? MountAbove(IReadOnlyList<MountEntry> mounts, byte[] path)
    {
        for (int length = path.Length; length > 0; length = Above(path, length))
        {
            if (MountTable.Find(mounts, path.AsSpan(0, length)) is { } mount)
                return mount.FileSystemType == ControlledMount.FileSystemType ? mount : null;
        }
        return null;
    }

    /// <summary>
    /// Length of the path of the folder above the one whose absolute path is so long; 0 above the root, which is 1
    /// long.
    /// </summary>
    internal static int Above(ReadOnlySpan<byte> path, int length) =>
        path[..length].LastIndexOf((byte)'/') is > 0 and var slash ? slash : length > 1 ? 1 : 0;

    /// <summary>The failure that ends a tool when a signal comes before it has begun.</summary>
    internal CommandFailure Interrupted() => new(ExitCode.SomeLeft, $"'{Text}': interrupted; nothing was changed");

    /// <summary>The failure that ends a tool when the source has a problem.</summary>
    internal CommandFailure Refused(SourceException e) => new(e.Problem switch
    {
        SourceProblem.InUse => ExitCode.Busy,
        SourceProblem.UnfinishedWrites => ExitCode.NotCommitted,
        _ => ExitCode.SourceUnusable,
    }, e.Holder is { } holder
        ? $"'{Text}': the source is in use by another zstdfs ({holder.Text}): unmount that first, or let it end"
        : $"'{Text}': {e.Message}");

    /// <summary>Opens a folder for reading or says why not.</summary>
    internal static Folder OpenFolder(string text, string shown) =>
        (Errno)(-Folder.Open(text, OpenFlags.ReadOnly, out Folder folder)) switch
        {
            Errno.None => folder,
            Errno.ENOENT => throw new CommandFailure(ExitCode.SourceUnusable,
                $"'{shown}' does not exist: check the path"),
            Errno.ENOTDIR => throw new CommandFailure(ExitCode.SourceUnusable,
                $"'{shown}' is not a folder: name a folder"),
            Errno.EACCES or Errno.EPERM => throw new CommandFailure(ExitCode.SourceUnusable,
                $"'{shown}' may not be read by this user: check its owner and mode"),
            Errno.ENOTCONN => throw new CommandFailure(ExitCode.SourceUnusable,
                $"'{shown}' is a mount whose daemon has died: run 'zstdfs unmount' on it first"),
            var other => throw new CommandFailure(ExitCode.SourceUnusable,
                $"'{shown}' cannot be opened ({other})"),
        };

    private static FileDescriptor Reopen(FileDescriptor folder, string shown) =>
        SystemCallsAt.Open(folder, new NativeName(".\0"u8), OpenFlags.ReadOnly | OpenFlags.Directory, 0,
            out FileDescriptor again) is < 0 and var failed
            ? throw new CommandFailure(ExitCode.SourceUnusable, $"'{shown}' cannot be opened ({(Errno)(-failed)})")
            : again;

    private static bool IsSameFileSystem(Folder one, Folder other) =>
        SystemCallsAt.Stat(one.Handle, out Statx first) >= 0
        && SystemCallsAt.Stat(other.Handle, out Statx second) >= 0
        && first.Device == second.Device;

    private static bool HasState(FileDescriptor folder) =>
        SystemCallsAt.Open(folder, new NativeName(".zstdfs\0"u8), OpenFlags.PathOnly | OpenFlags.Directory, 0,
            out FileDescriptor state) >= 0 && HasLock(state);

    private static bool HasLock(FileDescriptor state)
    {
        using (state)
            return SystemCallsAt.Stat(state, new NativeName("lock\0"u8), out Statx stat) >= 0 && stat.IsRegular;
    }
}
