using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Mount;

/// <summary>
/// The folder that is mounted on, by its path without symlinks, so that it is found again from any working folder.
/// </summary>
internal sealed class MountPoint
{
    private const int LongestPath = 4096;

    private readonly byte[] _path;

    private MountPoint(byte[] path, uint mode) => (_path, Mode) = (path, mode);

    /// <summary>The folder's own mode, type bits included.</summary>
    internal uint Mode { get; }

    /// <summary>The path for a system call.</summary>
    internal NativeName Path => new(_path);

    /// <summary>The path for people, and for a program's arguments.</summary>
    internal string Text => Path.ToString();

    /// <summary>Finds the folder that <paramref name="path"/> leads to.</summary>
    /// <exception cref="FuseMountException">It is no folder to mount on.</exception>
    internal static MountPoint Find(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] given = Encoding.UTF8.GetBytes(System.IO.Path.GetFullPath(path) + '\0');
        // Opening with O_PATH sends no request to a FUSE server, which may be dead, or may become this process.
        int result = SystemCallsAt.Open(
            new NativeName(given), OpenFlags.PathOnly | OpenFlags.CloseOnExec, out FileDescriptor place);
        if (result < 0)
            throw Refuse(path, result);
        using (place)
        {
            result = SystemCallsAt.Stat(place, out Statx stat);
            if (result < 0)
                throw Refuse(path, result);
            if (!stat.IsDirectory)
                throw new FuseMountException(FuseMountProblem.MountPointInvalid, $"{path} is not a folder.");
            return new MountPoint(RealPath(place) ?? given, stat.Mode);
        }
    }

    // Null where the path is too long for the kernel to give. The caller then uses the given path, which led here.
    private static byte[]? RealPath(FileDescriptor place)
    {
        byte[] real = new byte[LongestPath];
        int length = SystemCallsAt.ReadLink(
            place, new NativeName(Encoding.ASCII.GetBytes($"/proc/self/fd/{place.Number}\0")),
            real.AsSpan(0, LongestPath - 1));
        return length > 0 ? real[..(length + 1)] : null;
    }

    private static FuseMountException Refuse(string path, int result) => new(
        result is -(int)Errno.EACCES or -(int)Errno.EPERM
            ? FuseMountProblem.NotPermitted
            : FuseMountProblem.MountPointInvalid,
        $"{path} cannot be mounted on ({(Errno)(-result)}).");
}
