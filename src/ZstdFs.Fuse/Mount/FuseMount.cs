using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Mount;

/// <summary>A mount made by mount(2), which needs CAP_SYS_ADMIN.</summary>
public sealed class FuseMount
{
    private readonly byte[] _mountPoint;

    private FuseMount(byte[] mountPoint, FileDescriptor device)
    {
        (_mountPoint, Device) = (mountPoint, device);
    }

    /// <summary>The connection to the kernel, for a session.</summary>
    public FileDescriptor Device { get; }

    /// <summary>Mounts on <paramref name="mountPoint"/>; requests wait until a session serves.</summary>
    /// <exception cref="FuseMountException">It cannot be mounted.</exception>
    public static FuseMount Mount(string mountPoint, FuseMountOptions options)
    {
        int result = SystemCallsAt.Open(new NativeName("/dev/fuse\0"u8), OpenFlags.ReadWrite, out FileDescriptor device);
        if (result < 0)
            throw new FuseMountException(FuseMountProblem.NoDevice, $"/dev/fuse cannot be opened ({(Errno)(-result)}): load the fuse module (modprobe fuse) or ask for access to it");
        byte[] point = Encoding.UTF8.GetBytes(mountPoint + "\0");
        result = SystemCallsAt.Open(new NativeName(point), OpenFlags.PathOnly, out FileDescriptor place);
        Statx stat = default;
        if (result >= 0)
        {
            using (place)
                result = SystemCallsAt.Stat(place, out stat);
        }
        if (result < 0 || !stat.IsDirectory)
        {
            device.Dispose();
            throw new FuseMountException(FuseMountProblem.MountPointInvalid, $"{mountPoint} is not a folder to mount on ({(Errno)(-Math.Min(result, 0))})");
        }
        string data = $"fd={device.Number},rootmode={Convert.ToString(stat.Mode, 8)},user_id={Credentials.UserId},group_id={Credentials.GroupId}"
            + (options.DefaultPermissions ? ",default_permissions" : "") + (options.AllowOther ? ",allow_other" : "");
        result = MountCalls.Mount(Encoding.UTF8.GetBytes(options.Source + "\0"), point, Encoding.UTF8.GetBytes("fuse." + options.Subtype + "\0"), Flags(options), Encoding.UTF8.GetBytes(data + "\0"));
        if (result < 0)
        {
            device.Dispose();
            throw new FuseMountException(FuseMountProblem.Refused, $"the kernel refused to mount on {mountPoint}: {(Errno)(-result)}");
        }
        return new FuseMount(point, device);
    }

    /// <summary>Unmounts. −EBUSY while it is in use. Never touches the mount itself.</summary>
    public int Unmount() => MountCalls.Unmount(_mountPoint, 0);

    private static ulong Flags(FuseMountOptions options)
    {
        ulong flags = 0;
        if (options.ReadOnly)
            flags |= MountCalls.ReadOnly;
        if (options.NoSuid)
            flags |= MountCalls.NoSuid;
        if (options.NoDev)
            flags |= MountCalls.NoDev;
        if (options.NoExec)
            flags |= MountCalls.NoExec;
        return flags;
    }
}
