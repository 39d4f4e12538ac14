using System.Runtime.InteropServices;

namespace ZstdFs.Linux.Native;

/// <summary>
/// The C library's functions as they are. Blittable arguments only; the wrappers beside this folder turn −1 and errno
/// into −errno.
/// </summary>
internal static unsafe partial class Libc
{
    private const string Library = "libc";

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint OpenAt2(nint number, FileDescriptor directory, byte* path, OpenHow* how, nuint size);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint ChangeModeAt2(
        nint number, FileDescriptor directory, byte* path, nuint mode, nint flags);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint GetDirectoryEntries(nint number, FileDescriptor directory, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true)]
    internal static partial int Open(byte* path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "memfd_create", SetLastError = true)]
    internal static partial int CreateMemoryFile(byte* name, uint flags);

    [LibraryImport(Library, EntryPoint = "name_to_handle_at", SetLastError = true)]
    internal static partial int NameToHandleAt(
        FileDescriptor directory, byte* name, byte* handle, int* mountId, int flags);

    [LibraryImport(Library, EntryPoint = "open_by_handle_at", SetLastError = true)]
    internal static partial int OpenByHandleAt(FileDescriptor mount, byte* handle, int flags);

    [LibraryImport(Library, EntryPoint = "clock_gettime", SetLastError = true)]
    internal static partial int GetClock(int clock, Timestamp* time);

    [LibraryImport(Library, EntryPoint = "openat", SetLastError = true)]
    internal static partial int OpenAt(FileDescriptor directory, byte* path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "mkdirat", SetLastError = true)]
    internal static partial int MakeDirectoryAt(FileDescriptor directory, byte* name, uint mode);

    [LibraryImport(Library, EntryPoint = "mknodat", SetLastError = true)]
    internal static partial int MakeNodeAt(FileDescriptor directory, byte* name, uint mode, ulong device);

    [LibraryImport(Library, EntryPoint = "unlinkat", SetLastError = true)]
    internal static partial int UnlinkAt(FileDescriptor directory, byte* name, int flags);

    [LibraryImport(Library, EntryPoint = "renameat2", SetLastError = true)]
    internal static partial int RenameAt2(
        FileDescriptor oldDirectory, byte* oldName, FileDescriptor newDirectory, byte* newName, uint flags);

    [LibraryImport(Library, EntryPoint = "linkat", SetLastError = true)]
    internal static partial int LinkAt(
        FileDescriptor oldDirectory, byte* oldName, FileDescriptor newDirectory, byte* newName, int flags);

    [LibraryImport(Library, EntryPoint = "linkat", SetLastError = true)]
    internal static partial int LinkAt(
        int oldDirectory, byte* oldName, FileDescriptor newDirectory, byte* newName, int flags);

    [LibraryImport(Library, EntryPoint = "symlinkat", SetLastError = true)]
    internal static partial int SymlinkAt(byte* target, FileDescriptor directory, byte* name);

    [LibraryImport(Library, EntryPoint = "readlinkat", SetLastError = true)]
    internal static partial nint ReadLinkAt(FileDescriptor directory, byte* name, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true)]
    internal static partial int Statx(FileDescriptor directory, byte* name, int flags, uint mask, Statx* buffer);

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true)]
    internal static partial int StatxOfPath(int directory, byte* path, int flags, uint mask, Statx* buffer);

    [LibraryImport(Library, EntryPoint = "fchownat", SetLastError = true)]
    internal static partial int ChangeOwnerAt(FileDescriptor directory, byte* name, uint user, uint group, int flags);

    [LibraryImport(Library, EntryPoint = "chmod", SetLastError = true)]
    internal static partial int ChangeMode(byte* path, uint mode);

    [LibraryImport(Library, EntryPoint = "fchmod", SetLastError = true)]
    internal static partial int ChangeMode(FileDescriptor file, uint mode);

    [LibraryImport(Library, EntryPoint = "utimensat", SetLastError = true)]
    internal static partial int SetTimesAt(FileDescriptor directory, byte* name, Timestamp* times, int flags);

    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Control(FileDescriptor file, int command, int argument);

    [LibraryImport(Library, EntryPoint = "futimens", SetLastError = true)]
    internal static partial int SetTimes(FileDescriptor file, Timestamp* times);

    [LibraryImport(Library, EntryPoint = "pread", SetLastError = true)]
    internal static partial nint ReadAt(FileDescriptor file, byte* buffer, nuint size, long offset);

    [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
    internal static partial nint Map(
        nint address, nuint bytes, int protection, int flags, FileDescriptor file, long offset);

    [LibraryImport(Library, EntryPoint = "mincore", SetLastError = true)]
    internal static partial int InCore(nint address, nuint bytes, byte* pages);

    [LibraryImport(Library, EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Unmap(nint address, nuint bytes);

    [LibraryImport(Library, EntryPoint = "sync_file_range", SetLastError = true)]
    internal static partial int SynchronizeRange(FileDescriptor file, long offset, long bytes, uint flags);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(FileDescriptor file, byte* buffer, nuint size);

    [LibraryImport(Library, EntryPoint = "pwrite", SetLastError = true)]
    internal static partial nint WriteAt(FileDescriptor file, byte* buffer, nuint size, long offset);

    [LibraryImport(Library, EntryPoint = "pwritev2", SetLastError = true)]
    internal static partial nint WriteVector(FileDescriptor file, IoVector* vectors, int count, long offset, int flags);

    [LibraryImport(Library, EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int Truncate(FileDescriptor file, long size);

    [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
    internal static partial int Synchronize(FileDescriptor file);

    [LibraryImport(Library, EntryPoint = "fdatasync", SetLastError = true)]
    internal static partial int SynchronizeData(FileDescriptor file);

    [LibraryImport(Library, EntryPoint = "syncfs", SetLastError = true)]
    internal static partial int SynchronizeFileSystem(FileDescriptor file);

    [LibraryImport(Library, EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int Allocate(FileDescriptor file, int mode, long offset, long length);

    [LibraryImport(Library, EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Seek(FileDescriptor file, long offset, int whence);

    [LibraryImport(Library, EntryPoint = "copy_file_range", SetLastError = true)]
    internal static partial nint CopyFileRange(
        FileDescriptor input, long* inputOffset, FileDescriptor output, long* outputOffset, nuint length, uint flags);

    [LibraryImport(Library, EntryPoint = "fstatfs", SetLastError = true)]
    internal static partial int StatFileSystem(FileDescriptor file, StatFs* buffer);

    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    internal static partial int Lock(FileDescriptor file, int operation);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint GetXattrAt(
        nint number, FileDescriptor directory, byte* path, nint flags, byte* name, AttributeRoom* room, nuint size);

    [LibraryImport(Library, EntryPoint = "lgetxattr", SetLastError = true)]
    internal static partial nint LGetXattr(byte* path, byte* name, byte* value, nuint size);

    [LibraryImport(Library, EntryPoint = "getxattr", SetLastError = true)]
    internal static partial nint GetXattr(byte* path, byte* name, byte* value, nuint size);

    [LibraryImport(Library, EntryPoint = "setxattr", SetLastError = true)]
    internal static partial int SetXattr(byte* path, byte* name, byte* value, nuint size, int flags);

    [LibraryImport(Library, EntryPoint = "listxattr", SetLastError = true)]
    internal static partial nint ListXattr(byte* path, byte* names, nuint size);

    [LibraryImport(Library, EntryPoint = "removexattr", SetLastError = true)]
    internal static partial int RemoveXattr(byte* path, byte* name);

    [LibraryImport(Library, EntryPoint = "fgetxattr", SetLastError = true)]
    internal static partial nint FGetXattr(FileDescriptor file, byte* name, byte* value, nuint size);

    [LibraryImport(Library, EntryPoint = "lsetxattr", SetLastError = true)]
    internal static partial int LSetXattr(byte* path, byte* name, byte* value, nuint size, int flags);

    [LibraryImport(Library, EntryPoint = "fsetxattr", SetLastError = true)]
    internal static partial int FSetXattr(FileDescriptor file, byte* name, byte* value, nuint size, int flags);

    [LibraryImport(Library, EntryPoint = "llistxattr", SetLastError = true)]
    internal static partial nint LListXattr(byte* path, byte* names, nuint size);

    [LibraryImport(Library, EntryPoint = "flistxattr", SetLastError = true)]
    internal static partial nint FListXattr(FileDescriptor file, byte* names, nuint size);

    [LibraryImport(Library, EntryPoint = "lremovexattr", SetLastError = true)]
    internal static partial int LRemoveXattr(byte* path, byte* name);

    [LibraryImport(Library, EntryPoint = "fremovexattr", SetLastError = true)]
    internal static partial int FRemoveXattr(FileDescriptor file, byte* name);

    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int IoControl(FileDescriptor file, nuint request, void* argument);

    [LibraryImport(Library, EntryPoint = "setfsuid")]
    internal static partial int SetFileSystemUser(uint user);

    [LibraryImport(Library, EntryPoint = "setfsgid")]
    internal static partial int SetFileSystemGroup(uint group);

    [LibraryImport(Library, EntryPoint = "prctl", SetLastError = true)]
    internal static partial int ProcessControl(
        int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport(Library, EntryPoint = "geteuid")]
    internal static partial uint EffectiveUser();

    [LibraryImport(Library, EntryPoint = "getegid")]
    internal static partial uint EffectiveGroup();

    [LibraryImport(Library, EntryPoint = "unshare", SetLastError = true)]
    internal static partial int Unshare(int flags);

    [LibraryImport(Library, EntryPoint = "umask")]
    internal static partial uint Umask(uint mask);
}

/// <summary><c>struct open_how</c> of openat2(2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OpenHow
{
    internal ulong Flags;
    internal ulong Mode;
    internal ulong Resolve;
}

/// <summary><c>struct iovec</c>: bytes in memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    internal byte* Base;
    internal nuint Length;
}

/// <summary><c>struct xattr_args</c>: where a value is, or goes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AttributeRoom
{
    internal byte* Value;
    internal uint Size;
    internal uint Flags;
}
