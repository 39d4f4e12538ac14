namespace ZstdFs.Mount.Tests.Harness;

/// <summary>
/// The folder that holds the folders of all tests of this run. The run holds a lock in it (flock(2), which the kernel
/// drops with the process, however it ends): so what a killed run left is known for certain, and the next run removes
/// it.
/// </summary>
internal static class RunFolder
{
    private const string Prefix = "zstdfs-tests-", LockName = "lock";

    /// <summary>Younger ones may be about to be locked.</summary>
    private static readonly TimeSpan Youth = TimeSpan.FromMinutes(1);

    private static readonly Lazy<(string Path, FileStream Lock)> Own = new(Make);

    /// <summary>Every user may enter it.</summary>
    internal static string Path => Own.Value.Path;

    /// <summary>What tests have left in it.</summary>
    internal static IEnumerable<string> Remains =>
        Directory.EnumerateFileSystemEntries(Path).Where(entry => entry != Own.Value.Lock.Name);

    /// <summary>After the last test.</summary>
    internal static void Remove()
    {
        if (!Own.IsValueCreated)
            return;
        Remove(Path);
        Own.Value.Lock.Dispose();
    }

    /// <summary>Removes the folders of runs that have ended without doing so, with what is mounted in them.</summary>
    internal static void RemoveDead(string parent)
    {
        foreach (string folder in Directory.EnumerateDirectories(parent, Prefix + "*"))
        {
            try
            {
                using var itsLock = new FileStream(System.IO.Path.Combine(folder, LockName), FileMode.Open,
                    FileAccess.ReadWrite, FileShare.None);
                if (DateTime.UtcNow - File.GetLastWriteTimeUtc(itsLock.SafeFileHandle) > Youth)
                    Remove(folder);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or TimeoutException)
            {
                // Its run lives, or it is another user's, or it goes with the next.
            }
        }
    }

    private static (string, FileStream) Make()
    {
        string parent = Environment.GetEnvironmentVariable("ZSTDFS_TEST_FOLDER")
            ?? (Directory.Exists("/var/tmp") ? "/var/tmp" : System.IO.Path.GetTempPath());
        RemoveDead(parent);
        return Make(parent);
    }

    /// <summary>A folder as a run has it, and its lock.</summary>
    internal static (string Path, FileStream Lock) Make(string parent)
    {
        string folder = System.IO.Path.Combine(parent, Prefix + Guid.NewGuid().ToString("n")[..8]);
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        return (folder,
            new FileStream(System.IO.Path.Combine(folder, LockName), FileMode.CreateNew, FileAccess.ReadWrite,
                FileShare.None));
    }

    // Innermost mounts first. Where one cannot be taken away nothing is removed: a file system below could lose its
    // files.
    private static void Remove(string folder) => Shell.Run($$"""
        mounts() { awk -v inside='{{folder}}/' 'index($5, inside) == 1 { print $5 }' /proc/self/mountinfo | tac; }
        for mount in $(mounts); do umount "$mount" || fusermount3 -u "$mount"; done
        [ -n "$(mounts)" ] || { chattr -R -f -i -a '{{folder}}'; rm -rf --one-file-system -- '{{folder}}'; }
        """);
}
