using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Mount;

/// <summary>A mounted FUSE file system: by mount(2) as root, otherwise by fusermount3.</summary>
public sealed class FuseMount
{
    private readonly string _mountPoint;
    private readonly bool _isDirect;

    private FuseMount(string mountPoint, FileDescriptor device, bool isDirect) => (_mountPoint, Device, _isDirect) = (mountPoint, device, isDirect);

    /// <summary>The connection to the kernel, for a session.</summary>
    public FileDescriptor Device { get; }

    /// <summary>Mounts on <paramref name="mountPoint"/>. What uses the mount waits until a session serves.</summary>
    /// <exception cref="FuseMountException">It cannot be mounted.</exception>
    public static FuseMount Mount(string mountPoint, FuseMountOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(mountPoint);
        ArgumentNullException.ThrowIfNull(options);
        string point = Path.GetFullPath(mountPoint);
        uint mode = ModeOf(point);
        if (!Credentials.IsRoot)
            return new FuseMount(point, Fusermount.Mount(point, options), isDirect: false);
        return new FuseMount(point, MountDirectly(point, mode, options), isDirect: true);
    }

    /// <summary>Unmounts; <paramref name="lazy"/>: out of sight now, gone with its last user. 0 or −errno, −EBUSY while it is in use.</summary>
    public int Unmount(bool lazy = false)
    {
        if (!_isDirect)
            return Fusermount.Unmount(_mountPoint, lazy);
        return MountCalls.Unmount(new NativeName(Native(_mountPoint)), MountCalls.NoFollow | (lazy ? MountCalls.Detach : 0));
    }

    private static FileDescriptor MountDirectly(string point, uint mode, FuseMountOptions options)
    {
        int result = SystemCallsAt.Open(new NativeName("/dev/fuse\0"u8), OpenFlags.ReadWrite | OpenFlags.CloseOnExec, out FileDescriptor device);
        if (result < 0)
        {
            throw new FuseMountException(IsDenied(result) ? FuseMountProblem.NotPermitted : FuseMountProblem.NoDevice,
                $"/dev/fuse cannot be opened ({(Errno)(-result)}).");
        }
        string data = $"fd={device.Number},rootmode={Convert.ToString(mode & 0xf000, 8)},user_id=0,group_id=0"
            + (options.DefaultPermissions ? ",default_permissions" : "")
            + (options.AllowOther ? ",allow_other" : "")
            + (options.MaxReadBytes > 0 ? $",max_read={options.MaxReadBytes}" : "");
        result = MountCalls.Mount(new NativeName(Native(options.Source)), new NativeName(Native(point)), new NativeName(Native("fuse." + options.Subtype)),
            Flags(options), new NativeName(Native(data)));
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
        throw new FuseMountException(problem, $"The kernel refused to mount on {point} ({(Errno)(-result)}).");
    }

    private static uint ModeOf(string point)
    {
        int result = SystemCallsAt.Open(new NativeName(Native(point)), OpenFlags.PathOnly, out FileDescriptor place);
        Statx stat = default;
        using (place)
        {
            if (result >= 0)
                result = SystemCallsAt.Stat(place, out stat);
        }
        if (result < 0)
        {
            throw new FuseMountException(IsDenied(result) ? FuseMountProblem.NotPermitted : FuseMountProblem.MountPointInvalid,
                $"{point} cannot be mounted on ({(Errno)(-result)}).");
        }
        return stat.IsDirectory ? stat.Mode : throw new FuseMountException(FuseMountProblem.MountPointInvalid, $"{point} is not a folder.");
    }

    private static ulong Flags(FuseMountOptions options) =>
        (options.ReadOnly ? MountCalls.ReadOnly : 0) | (options.NoSuid ? MountCalls.NoSuid : 0) | (options.NoDev ? MountCalls.NoDev : 0)
        | (options.NoExec ? MountCalls.NoExec : 0) | (options.NoAtime ? MountCalls.NoAtime : 0);

    private static bool IsDenied(int result) => result is -(int)Errno.EACCES or -(int)Errno.EPERM;

    private static byte[] Native(string text) => Encoding.UTF8.GetBytes(text + "\0");
}
