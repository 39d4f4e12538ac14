using System.Globalization;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>How far ahead of a sequential reader the kernel asks for data.</summary>
internal static class KernelReadahead
{
    // Several frames, so that the processors decode them side by side; Linux's default of 128 KiB lies within one
    // frame.
    private const int LeastBytes = 4 * 1024 * 1024;
    private const int Frames = 8;
    private const int MostBytes = 16 * 1024 * 1024;

    /// <summary>For root only, and only a wish: with the usual 128 KiB the mount is slower, nothing else.</summary>
    internal static void Raise(ReadOnlySpan<byte> mountPoint, int frameBytes)
    {
        if (!Credentials.IsRoot || MountTable.Find(mountPoint) is not { } mount)
            return;
        int kibibytes = Math.Clamp(Frames * frameBytes, LeastBytes, MostBytes) / 1024;
        try
        {
            File.WriteAllText(
                $"/sys/class/bdi/{mount.Device}/read_ahead_kb", kibibytes.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No sysfs, or a read-only one: a container.
        }
    }
}
