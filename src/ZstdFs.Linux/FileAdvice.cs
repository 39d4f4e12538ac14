using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary>posix_fadvise(3): what the page cache should do with a file.</summary>
public static partial class FileAdvice
{
    private const int WillNeedAdvice = 3, DontNeedAdvice = 4; // POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED

    /// <summary>Starts reading the whole file in.</summary>
    public static void WillNeed(FileDescriptor file) => WillNeed(file, 0, 0);

    /// <summary>Starts reading a part of the file in, to its end where <paramref name="bytes"/> is 0.</summary>
    public static void WillNeed(FileDescriptor file, long offset, long bytes) =>
        _ = Advise(file, offset, bytes, WillNeedAdvice);

    /// <summary>Drops the file's clean pages: the next read comes from the disk.</summary>
    public static void DontNeed(FileDescriptor file) => _ = Advise(file, 0, 0, DontNeedAdvice);

    /// <summary>Drops the clean pages of a part of it.</summary>
    public static void DontNeed(FileDescriptor file, long offset, long bytes) =>
        _ = Advise(file, offset, bytes, DontNeedAdvice);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(FileDescriptor file, long offset, long length, int advice);
}
