using System.Globalization;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Mounting;

/// <summary>How far ahead of a sequential reader the kernel asks for data.</summary>
internal static class KernelReadahead
{
    // Several frames, so that the processors decode them side by side; Linux's 128 KiB lie within one.
    private const int LeastBytes = 4 * 1024 * 1024;
    private const int Frames = 8;
    private const int MostBytes = 16 * 1024 * 1024;

    /// <summary>Root only, and no more than a wish: a mount whose files are read with the usual 128 KiB is a slower one, nothing else.</summary>
    internal static void Raise(ReadOnlySpan<byte> mountPoint, int frameBytes)
    {
        if (!Credentials.IsRoot || MountTable.Find(mountPoint) is not { } mount)
            return;
        int kibibytes = Math.Clamp(Frames * frameBytes, LeastBytes, MostBytes) / 1024;
        try
        {
            File.WriteAllText($"/sys/class/bdi/{mount.Device}/read_ahead_kb", kibibytes.ToString(CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No sysfs, or a read-only one: a container.
        }
    }
}
