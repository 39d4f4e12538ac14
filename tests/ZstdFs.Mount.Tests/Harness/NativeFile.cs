using System.Runtime.InteropServices;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace ZstdFs.Mount.Tests.Harness;

/// <summary>
/// A file opened for writing whose every call is checked, close(2) too: .NET's own streams drop what close says.
/// </summary>
internal sealed class NativeFile : IDisposable
{
    internal const int ForWriting = 1, ForBoth = 2, Create = 0x40, Exclusive = 0x80, Empty = 0x200, Append = 0x400;

    private int _number;

    internal NativeFile(string path, int flags) => _number =
        (int)Check(NativeOpen(path, flags | 0x80000, 0b110_110_110), path);

    /// <summary>Writes all of it.</summary>
    internal void Write(ReadOnlySpan<byte> data, long offset)
    {
        for (byte[] left = data.ToArray(); left.Length > 0;)
        {
            int count = (int)Check(NativeWrite(_number, left, left.Length, offset), "pwrite");
            left = left[count..];
            offset += count;
        }
    }

    internal void Truncate(long bytes) => Check(NativeTruncate(_number, bytes), "ftruncate");

    internal void Synchronize() => Check(NativeSynchronize(_number), "fsync");

    internal void Close()
    {
        int number = _number;
        _number = -1;
        Check(NativeClose(number), "close");
    }

    internal static void Link(string from, string to) => Check(NativeLink(from, to), to);

    internal static void Rename(string from, string to) => Check(NativeRename(from, to), from);

    internal static void Delete(string path) => Check(NativeUnlink(path), path);

    /// <summary>A whole new content: open, write, close.</summary>
    internal static void Save(string path, ReadOnlySpan<byte> content)
    {
        using var file = new NativeFile(path, ForWriting | Create | Empty);
        file.Write(content, 0);
        file.Close();
    }

    /// <summary>After a failure.</summary>
    public void Dispose()
    {
        if (_number >= 0)
            _ = NativeClose(_number);
        _number = -1;
    }

    private static long Check(long result, string what) =>
        result >= 0 ? result : throw new NativeFileException(Marshal.GetLastPInvokeError(), what);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int NativeOpen([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, int mode);

    [DllImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    private static extern nint NativeWrite(int file, byte[] data, nint length, long offset);

    [DllImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static extern int NativeTruncate(int file, long length);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int NativeSynchronize(int file);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int NativeClose(int file);

    [DllImport("libc", EntryPoint = "link", SetLastError = true)]
    private static extern int NativeLink([MarshalAs(UnmanagedType.LPUTF8Str)] string from,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string to);

    [DllImport("libc", EntryPoint = "rename", SetLastError = true)]
    private static extern int NativeRename([MarshalAs(UnmanagedType.LPUTF8Str)] string from,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string to);

    [DllImport("libc", EntryPoint = "unlink", SetLastError = true)]
    private static extern int NativeUnlink([MarshalAs(UnmanagedType.LPUTF8Str)] string path);
}

/// <summary>An errno.</summary>
internal sealed class NativeFileException(int errno, string what) : IOException($"{what}: errno {errno}")
{
    internal const int NoSpace = 28, QuotaExceeded = 122, ReadOnly = 30, Input = 5;

    internal int Errno { get; } = errno;
}
