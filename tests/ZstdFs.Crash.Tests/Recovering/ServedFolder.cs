using System.Diagnostics;
using ZstdFs.Core;
using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Mounting;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Mount;
using ZstdFs.Fuse.Session;
using ZstdFs.Fuse.Tests;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Recovering;

/// <summary>A file system of this process on a folder of its own. Unmounted when disposed of.</summary>
internal sealed class ServedFolder : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly string _point = Directory.CreateTempSubdirectory("zstdfs-crash-").FullName;
    private readonly FuseMount _mount;
    private readonly KernelConnection? _connection;
    private readonly FuseSession _session;

    internal ServedFolder(FuseFileSystem fileSystem, Action<string> report)
    {
        _mount = FuseMount.Mount(_point, new FuseMountOptions { Source = "crash-test", AllowOther = true });
        _connection = KernelConnection.Of(_point);
        _session = new FuseSession(_mount.Device, fileSystem,
            new SessionOptions { OnFailure = (op, node, failure) => report($"{op} of node {node}: {failure}") });
        _session.Start();
        Assert.That(_session.WaitUntilServing(Patience), Is.True);
    }

    internal string Point => _point;

    public void Dispose()
    {
        long start = Stopwatch.GetTimestamp();
        int result = _mount.Unmount();
        while (result == -(int)Errno.EBUSY && Stopwatch.GetElapsedTime(start) < Patience)
        {
            Thread.Sleep(10);
            result = _mount.Unmount();
        }
        Assert.That(result, Is.Zero, $"unmounting {_point}");
        KernelConnection.Join(_session, _connection);
        _session.Dispose();
        _mount.Device.Dispose();
        Directory.Delete(_point);
    }
}

/// <summary>A source opened by this process.</summary>
internal static class SourceFolders
{
    /// <summary>
    /// Opens a folder with these files, which a mount before this one has committed. The queue of that mount would look
    /// at a large one once more, on a busy machine just when a call is to fail.
    /// </summary>
    internal static ZstdFileSystem OpenWith(
        string folder, EventLines log, params ReadOnlySpan<(string Name, byte[] Content)> files)
    {
        using (ZstdFileSystem before = Open(folder, log))
        {
            foreach ((string name, byte[] content) in files)
                new DirectUse(before).Save(name, content);
            Assert.That(before.Drain(), Is.Zero, log.ToString);
        }
        return Open(folder, log);
    }

    internal static FileDescriptor OpenFolder(string path)
    {
        Assert.That(
            SystemCallsAt.Open(new NativeName(Ext4.Native(path)), OpenFlags.ReadOnly | OpenFlags.Directory,
                out FileDescriptor folder),
            Is.GreaterThanOrEqualTo(0), path);
        return folder;
    }

    internal static FileDescriptor OpenFile(string path)
    {
        Assert.That(SystemCallsAt.Open(new NativeName(Ext4.Native(path)), OpenFlags.ReadOnly, out FileDescriptor file),
            Is.GreaterThanOrEqualTo(0), path);
        return file;
    }

    internal static ZstdFileSystem Open(string path, IEventLog log) =>
        ServedSource.Open(OpenFolder(path), new FileSystemOptions { Jobs = 1 }, log).FileSystem;
}
