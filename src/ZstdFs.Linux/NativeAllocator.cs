using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary>How the C library's malloc keeps what was freed: mallopt(3).</summary>
public static partial class NativeAllocator
{
    private const int TrimThreshold = -1, MapThreshold = -3, MostArenas = -8;
    private const int Arenas = 2, LargeBytes = 256 * 1024;

    /// <summary>
    /// Freed memory goes back to the system. By itself glibc gives each thread an arena that it never shrinks. After
    /// the first large block is freed, it takes large blocks from there, too. Codec contexts wander between threads, so
    /// they would cost a multiple of what is in use. Must run before other threads are started. Nothing happens with
    /// another C library.
    /// </summary>
    public static void KeepLittle()
    {
        try
        {
            _ = SetOption(MostArenas, Arenas);
            _ = SetOption(MapThreshold, LargeBytes);
            _ = SetOption(TrimThreshold, LargeBytes);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no such options, and no such arenas.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
