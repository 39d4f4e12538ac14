using ZstdFs.Cli.Options;
using ZstdFs.Core;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Mount;
using ZstdFs.Fuse.Session;

namespace ZstdFs.Cli.Mounting;

/// <summary>The FUSE library's mount and session, told what the command line asked for.</summary>
internal sealed class KernelMount : IDisposable
{
    private readonly FuseMount _mount;

    private KernelMount(FuseMount mount) => _mount = mount;

    /// <summary>Mounts on <paramref name="mountPoint"/>; whoever looks into it waits until <see cref="Run"/>.</summary>
    internal static KernelMount Create(Folder mountPoint, string source, MountOptions options, bool readOnly)
    {
        try
        {
            return new KernelMount(FuseMount.Mount(mountPoint.PathText, new FuseMountOptions
            {
                Source = options.FileSystemName ?? source,
                Subtype = options.Subtype,
                ReadOnly = readOnly || options.FileSystem.ReadOnly,
                AllowOther = options.AllowOther,
                NoSuid = options.NoSuid,
                NoDev = options.NoDevices,
                NoExec = options.NoExecute,
                NoAtime = options.NoAccessTime,
            }));
        }
        catch (FuseMountException e)
        {
            throw new CommandFailure(e.Problem == FuseMountProblem.MountPointInvalid ? ExitCode.MountPointUnusable : ExitCode.FuseUnavailable, e.Message);
        }
    }

    /// <summary>Serves until the mount is gone.</summary>
    internal void Run(FuseFileSystem fileSystem, IEventLog log)
    {
        using var session = new FuseSession(_mount.Device, fileSystem, new SessionOptions
        {
            OnFailure = (op, node, exception) => log.Error($"{op} of node {node} failed: {exception}"),
        });
        session.Run();
    }

    public void Dispose() => _mount.Device.Dispose();
}
