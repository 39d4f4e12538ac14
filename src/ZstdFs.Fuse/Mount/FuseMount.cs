using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Mount;

/// <summary>
/// A mounted FUSE file system. Root mounts it by mount(2), other users by fusermount3. The mount outlives this object.
/// If its device is closed before the unmount, every use of the mount fails with ENOTCONN.
/// </summary>
public sealed class FuseMount
{
    private readonly MountPoint _point;
    private readonly bool _isDirect;

    private FuseMount(MountPoint point, FileDescriptor device, bool isDirect) =>
        (_point, Device, _isDirect) = (point, device, isDirect);

    /// <summary>The connection to the kernel, for a session. Programs that are started do not inherit it.</summary>
    public FileDescriptor Device { get; }

    /// <summary>
    /// Mounts on <paramref name="mountPoint"/>. Programs that use the mount wait until a session serves.
    /// </summary>
    /// <exception cref="FuseMountException">It cannot be mounted.</exception>
    public static FuseMount Mount(string mountPoint, FuseMountOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        MountPoint point = MountPoint.Find(mountPoint);
        return Credentials.IsRoot
            ? new FuseMount(point, MountDirectly(point, options), isDirect: true)
            : new FuseMount(point, Fusermount.Mount(point.Text, options), isDirect: false);
    }

    /// <summary>
    /// Unmounts; <paramref name="lazy"/>: out of sight at once, gone with its last user. 0 or −errno, −EBUSY while
    /// it is in use.
    /// </summary>
    public int Unmount(bool lazy = false) => _isDirect
        ? MountCalls.Unmount(_point.Path, MountCalls.NoFollow | (lazy ? MountCalls.Detach : 0))
        : Fusermount.Unmount(_point.Text, lazy);

    private static FileDescriptor MountDirectly(MountPoint point, FuseMountOptions options)
    {
        int result = SystemCallsAt.Open(
            new NativeName("/dev/fuse\0"u8), OpenFlags.ReadWrite | OpenFlags.CloseOnExec, out FileDescriptor device);
        if (result < 0)
        {
            throw new FuseMountException(
                result is -(int)Errno.EACCES or -(int)Errno.EPERM
                    ? FuseMountProblem.NotPermitted
                    : FuseMountProblem.NoDevice,
                $"/dev/fuse cannot be opened ({(Errno)(-result)}).");
        }
        result = MountCalls.Mount(Native(options.Source), point.Path, Native("fuse." + options.Subtype),
            MountData.Flags(options), Native(MountData.ForKernel(options, device, point)));
        if (result >= 0)
            return device;
        device.Dispose();
        FuseMountProblem problem = (Errno)(-result) switch
        {
            Errno.EPERM or Errno.EACCES => FuseMountProblem.NotPermitted,
            Errno.ENODEV => FuseMountProblem.NoDevice,
            Errno.ENOENT or Errno.ENOTDIR => FuseMountProblem.MountPointInvalid,
            _ => FuseMountProblem.Other,
        };
        throw new FuseMountException(problem, $"The kernel refused to mount on {point.Text} ({(Errno)(-result)}).");
    }

    private static NativeName Native(string text) => new(Encoding.UTF8.GetBytes(text + '\0'));
}
