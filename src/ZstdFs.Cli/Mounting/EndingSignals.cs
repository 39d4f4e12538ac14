using System.Runtime.InteropServices;
using ZstdFs.Cli.Logging;
using ZstdFs.Cli.Options;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>
/// SIGTERM, SIGINT and SIGHUP unmount. The daemon ends when the kernel lets go of the mount. A mount in use is only
/// taken out of sight, and ends with its last user: a signal always ends the daemon, and takes no open file from a
/// program.
/// </summary>
internal sealed class EndingSignals : IDisposable
{
    private readonly byte[] _path;
    private readonly EventLog _log;
    private readonly PosixSignalRegistration[] _registrations;
    private readonly Lock _gate = new(); // guards the fields below
    private string? _device; // the mount, once it is made: something else may lie on the same path later
    private bool _asked, _unmounted;

    internal EndingSignals(byte[] path, EventLog log)
    {
        (_path, _log) = (path, log);
        _registrations = [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP }
            .Select(s => PosixSignalRegistration.Create(s, Handle))];
    }

    /// <summary>A signal has come.</summary>
    internal bool WasAsked
    {
        get
        {
            lock (_gate)
                return _asked;
        }
    }

    /// <summary>
    /// The mount exists from here on: unmounts it at once where a signal has already come. Returns the mount's device
    /// number.
    /// </summary>
    internal string? MountIsMade()
    {
        lock (_gate)
        {
            _device = MountTable.Find(_path)?.Device;
            if (_asked)
                Unmount();
            return _device;
        }
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        lock (_gate)
        {
            _asked = true;
            if (_device is not null && !_unmounted)
                Unmount();
        }
    }

    private void Unmount()
    {
        if (FindPath(out bool isCovered) is not { } path)
        {
            if (isCovered)
                _log.Warning("asked to end, but another mount lies on this one: unmount that one, then this one");
            else
                _log.Information("asked to end, and out of sight already: it ends when its last user has gone");
            return;
        }
        int result = MountRemoval.Unmount(path, detach: false);
        if (result == -(int)Errno.EBUSY)
        {
            _log.Information($"asked to end, but '{NativeText.Decode(path)}' is in use: it is out of sight now, and "
                + "ends when its last user has gone");
            result = MountRemoval.Unmount(path, detach: true);
        }
        _unmounted = result >= 0;
        if (result < 0)
            _log.Error($"asked to end, but '{NativeText.Decode(path)}' cannot be unmounted ({(Errno)(-result)})");
    }

    /// <summary>
    /// Where the mount is: a folder above it may have been renamed since it was made. Null where no path leads to it.
    /// </summary>
    private byte[]? FindPath(out bool isCovered)
    {
        isCovered = false;
        IReadOnlyList<MountEntry> mounts = MountTable.Read();
        if (MountTable.Find(mounts, _path)?.Device == _device)
            return _path;
        foreach (MountEntry mount in mounts)
        {
            if (mount.Device != _device || !mount.FileSystemType.StartsWith("fuse", StringComparison.Ordinal))
                continue;
            if (MountTable.Find(mounts, mount.MountPoint.Span)?.Device == _device)
                return mount.MountPoint.ToArray();
            isCovered = true;
        }
        return null;
    }
}
