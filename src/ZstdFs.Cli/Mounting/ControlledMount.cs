using System.Buffers.Binary;
using System.Text.Json;
using ZstdFs.Cli.Options;
using ZstdFs.Core.FileSystem;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>Whether a mount has a daemon.</summary>
internal enum MountState
{
    /// <summary>A daemon of ours serves it.</summary>
    Serving,
    /// <summary>It is ours by its type, and its daemon has died.</summary>
    Dead,
}

/// <summary>Another process's mount, as <c>unmount</c> and <c>sync</c> find it under a path.</summary>
internal sealed class ControlledMount : IDisposable
{
    /// <summary>The type that the mount table shows.</summary>
    internal const string FileSystemType = "fuse.zstdfs";

    private const int IdentityBytes = 16;

    private FileDescriptor? _root;

    private ControlledMount(string text, byte[] path, MountEntry entry) => (Text, Path, Entry) = (text, path, entry);

    /// <summary>The mount point as the user wrote it, fit to be printed.</summary>
    internal string Text { get; }
    /// <summary>The mount point, absolute, not ended by NUL.</summary>
    internal byte[] Path { get; }
    /// <summary>The mount table's line.</summary>
    internal MountEntry Entry { get; }
    /// <summary>Whether it has a daemon.</summary>
    internal MountState State { get; private set; }
    /// <summary>The daemon's process id; 0 where there is none.</summary>
    internal int ProcessId { get; private set; }

    /// <summary>Finds the mount and asks its daemon; throws where the path is not a mount of ours.</summary>
    internal static ControlledMount Find(string text)
    {
        string shown = NativeText.Printable(text);
        int result = Folder.Open(text, OpenFlags.PathOnly, out Folder folder);
        if (result < 0)
        {
            string why = (Errno)(-result) switch
            {
                Errno.ENOENT => "does not exist",
                Errno.ENOTDIR => "is not a folder",
                var other => $"cannot be opened ({other})"
            };
            throw new CommandFailure(
                ExitCode.MountPointUnusable, $"'{shown}' {why}: name the folder on which zstdfs was mounted");
        }
        // Not held open any longer: an open folder makes the mount busy.
        byte[] path;
        using (folder)
            path = folder.Path;
        if (MountTable.Find(path) is not { } entry)
            throw new CommandFailure(ExitCode.MountPointUnusable,
                $"nothing is mounted on '{shown}': 'findmnt -t {FileSystemType}' lists the zstdfs mounts");
        if (!entry.FileSystemType.StartsWith("fuse", StringComparison.Ordinal))
            throw NotOurs(shown, entry);
        var mount = new ControlledMount(shown, path, entry);
        mount.Identify();
        return mount;
    }

    /// <summary>Commits everything that was written so far and makes it durable. 0 or −errno.</summary>
    internal int Synchronize()
    {
        // The kernel starts to write out, in large pieces, what programs stored through mappings, and does not wait.
        // The daemon waits for it file by file.
        _ = SystemCallsFile.SynchronizeFileSystem(_root!);
        return SystemCallsFile.IoControl(_root!, ControlCommands.Sync, default);
    }

    /// <summary>What it has still to store, as one JSON object.</summary>
    internal ReadOnlyMemory<byte> ReadStatus()
    {
        byte[] status = new byte[ControlCommands.StatusBytes];
        int result = SystemCallsFile.IoControl(_root!, ControlCommands.Status, status);
        if (result < 0)
            throw new CommandFailure(ExitCode.Failure,
                $"the daemon of '{Text}' does not tell its status ({(Errno)(-result)}): it is of another version");
        return status.AsMemory(0, status.AsSpan().IndexOf((byte)0));
    }

    /// <summary>How many files could not be stored, and have no place outside of memory either.</summary>
    internal static int FailedInMemory(JsonElement status) =>
        status.TryGetProperty("failed_in_memory", out JsonElement count) ? count.GetInt32() : 0;

    /// <summary>Tells the daemon the MS_* flags that a remount gave the mount. 0 or −errno.</summary>
    internal int TellFlags(ulong flags)
    {
        Span<byte> input = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(input, flags);
        return SystemCallsFile.IoControl(_root!, ControlCommands.MountFlags, input);
    }

    /// <summary>Lets go of the mount, which could not be unmounted otherwise.</summary>
    public void Dispose()
    {
        _root?.Dispose();
        _root = null;
    }

    /// <summary>The same mount is still there.</summary>
    internal bool IsMounted() => MountTable.Find(Path) is { } now && now.Device == Entry.Device;

    private void Identify()
    {
        Span<byte> identity = stackalloc byte[IdentityBytes];
        int result = SystemCallsAt.Open(
            new NativeName([.. Path, 0]), OpenFlags.ReadOnly | OpenFlags.Directory, out FileDescriptor root);
        if (result >= 0)
        {
            _root = root;
            result = SystemCallsFile.IoControl(root, ControlCommands.Identity, identity);
        }
        if (result >= 0)
        {
            ProcessId = BinaryPrimitives.ReadInt32LittleEndian(identity);
            return;
        }
        Dispose();
        switch ((Errno)(-result))
        {
            case Errno.ENOTCONN or Errno.ECONNABORTED or Errno.ENODEV when Entry.FileSystemType == FileSystemType:
                State = MountState.Dead;
                return;
            case Errno.EACCES or Errno.EPERM when Entry.UserId is { } user && user != Credentials.UserId:
                throw new CommandFailure(ExitCode.MountPointUnusable,
                    $"'{Text}' was mounted by the user with id {user}, who alone may reach it: run this as that user");
            case Errno.EACCES or Errno.EPERM:
                throw new CommandFailure(ExitCode.MountPointUnusable,
                    $"'{Text}' may not be read by this user: check the owner and mode of its top folder");
            default:
                throw NotOurs(Text, Entry);
        }
    }

    private static CommandFailure NotOurs(string shown, MountEntry entry) =>
        new(ExitCode.MountPointUnusable,
            $"'{shown}' is a mount of type {entry.FileSystemType}, not of zstdfs: use umount for it");
}
