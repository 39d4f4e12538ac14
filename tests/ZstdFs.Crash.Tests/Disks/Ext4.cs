using System.Diagnostics;
using System.Text;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Disks;

/// <summary>A small ext4 file system, its images and its mounts. Root only.</summary>
internal static class Ext4
{
    internal const int Bytes = 16 * 1024 * 1024;

    // Without noauto_da_alloc ext4 would itself write the data out before a rename over another file, and forgive what
    // must not be relied upon.
    private const string Options = "noauto_da_alloc";

    private static readonly Lazy<byte[]> New = new(Make);

    /// <summary>An image with nothing in it.</summary>
    internal static byte[] NewImage() => (byte[])New.Value.Clone();

    private static byte[] Make()
    {
        string file = Path.Combine(Path.GetTempPath(), $"zstdfs-ext4-{Guid.NewGuid():n}");
        File.WriteAllBytes(file, new byte[Bytes]);
        try
        {
            Run("mkfs.ext4", "-q", "-b", "4096", "-J", "size=4", "-m", "0", "-O", "^resize_inode", "-E",
                "lazy_itable_init=0,lazy_journal_init=0", file);
            return File.ReadAllBytes(file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>A loop device over a file.</summary>
    internal static string Attach(string file) => Run("losetup", "-f", "--show", file).Trim();

    /// <summary>Nobody has it mounted, in whatever namespace.</summary>
    internal static bool IsUnused(string device)
    {
        int result = SystemCallsAt.Open(new NativeName(Native(device)), OpenFlags.ReadOnly | OpenFlags.Exclusive,
            out FileDescriptor file);
        if (result >= 0)
            file.Dispose();
        return result >= 0;
    }

    internal static void Detach(string device) => Run("losetup", "-d", device);

    /// <summary>mount(2). Returns 0 or −errno.</summary>
    internal static int Mount(string device, string point) =>
        MountCalls.Mount(new NativeName(Native(device)), new NativeName(Native(point)), new NativeName("ext4\0"u8),
            MountCalls.NoAtime, new NativeName(Native(Options)));

    internal static void Unmount(string point)
    {
        int result = MountCalls.Unmount(new NativeName(Native(point)), 0);
        for (int i = 0; i < 200 && result == -(int)Errno.EBUSY; i++)
        {
            // A RELEASE that the end of its mount swallowed leaves a descriptor to the finalizers; a daemon of its own
            // would have ended.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Thread.Sleep(10);
            result = MountCalls.Unmount(new NativeName(Native(point)), 0);
        }
        Assert.That(result, Is.Zero, () => $"unmounting {point}: open are {string.Join(' ', OpenBelow(point))}");
    }

    private static IEnumerable<string?> OpenBelow(string point) =>
        Directory.GetFileSystemEntries("/proc/self/fd").Select(f => new FileInfo(f).LinkTarget)
            .Where(f => f?.StartsWith(point, StringComparison.Ordinal) == true);

    internal static byte[] Native(string text) => Encoding.UTF8.GetBytes(text + "\0");

    internal static string Run(string program, params string[] words)
    {
        using Process process = Process.Start(
            new ProcessStartInfo(program, words) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"{program} {string.Join(' ', words)}\n{errors.Result}");
        return output;
    }
}
