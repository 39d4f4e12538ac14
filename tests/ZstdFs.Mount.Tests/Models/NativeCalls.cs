using System.Runtime.InteropServices;

namespace ZstdFs.Mount.Tests.Models;

/// <summary>System calls as they are: a result, or −errno.</summary>
internal static class NativeCalls
{
    internal const int ReadWrite = 2, Create = 0x40, Exclusive = 0x80, Truncate = 0x200, Append = 0x400;

    internal static long Of(long result) => result >= 0 ? result : -Marshal.GetLastPInvokeError();

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    internal static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, int mode);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    internal static extern int Close(int file);

    [DllImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    internal static extern nint Write(int file, byte[] data, nint length, long offset);

    [DllImport("libc", EntryPoint = "pread", SetLastError = true)]
    internal static extern nint Read(int file, byte[] data, nint length, long offset);

    [DllImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    internal static extern int TruncateOpen(int file, long length);

    [DllImport("libc", EntryPoint = "truncate", SetLastError = true)]
    internal static extern int TruncateName([MarshalAs(UnmanagedType.LPUTF8Str)] string path, long length);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    internal static extern int Synchronize(int file);

    [DllImport("libc", EntryPoint = "rename", SetLastError = true)]
    internal static extern int Rename([MarshalAs(UnmanagedType.LPUTF8Str)] string from,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string to);

    [DllImport("libc", EntryPoint = "link", SetLastError = true)]
    internal static extern int Link([MarshalAs(UnmanagedType.LPUTF8Str)] string from,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string to);

    [DllImport("libc", EntryPoint = "symlink", SetLastError = true)]
    internal static extern int Symlink([MarshalAs(UnmanagedType.LPUTF8Str)] string target,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string path);

    [DllImport("libc", EntryPoint = "unlink", SetLastError = true)]
    internal static extern int Unlink([MarshalAs(UnmanagedType.LPUTF8Str)] string path);

    [DllImport("libc", EntryPoint = "mkdir", SetLastError = true)]
    internal static extern int MakeFolder([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int mode);

    [DllImport("libc", EntryPoint = "rmdir", SetLastError = true)]
    internal static extern int RemoveFolder([MarshalAs(UnmanagedType.LPUTF8Str)] string path);

    [DllImport("libc", EntryPoint = "chmod", SetLastError = true)]
    internal static extern int ChangeMode([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int mode);

    [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
    internal static extern int Stat(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask,
        byte[] result);
}
