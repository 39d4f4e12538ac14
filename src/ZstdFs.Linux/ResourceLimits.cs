using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary>getrlimit(2).</summary>
public static unsafe partial class ResourceLimits
{
    private const int OpenFilesResource = 7; // RLIMIT_NOFILE

    /// <summary>
    /// How many descriptors this process may have open (RLIMIT_NOFILE). The runtime has raised the limit as far as it
    /// may.
    /// </summary>
    public static long OpenFiles
    {
        get
        {
            ulong* limits = stackalloc ulong[2];
            return GetLimit(OpenFilesResource, limits) == 0 ? (long)Math.Min(limits[0], int.MaxValue) : 1024;
        }
    }

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    private static partial int GetLimit(int resource, ulong* limits);
}
