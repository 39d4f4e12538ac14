using System.Runtime.InteropServices;

namespace ZstdFs.Linux.Native;

/// <summary>
/// The C library's functions for processes: spawning, waiting, watching. The wrappers beside this folder check the
/// results.
/// </summary>
internal static unsafe partial class LibcProcess
{
    private const string Library = "libc";

    // posix_spawn's calls return the error number instead of setting errno.
    [LibraryImport(Library, EntryPoint = "posix_spawn")]
    internal static partial int Spawn(
        int* pid, byte* path, void* fileActions, void* attributes, byte** arguments, byte** environment);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_init")]
    internal static partial int FileActionsInitialize(void* actions);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_destroy")]
    internal static partial int FileActionsDestroy(void* actions);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_addopen")]
    internal static partial int FileActionsAddOpen(void* actions, int number, byte* path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "posix_spawn_file_actions_adddup2")]
    internal static partial int FileActionsAddDuplicate(void* actions, int number, int newNumber);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_init")]
    internal static partial int AttributesInitialize(void* attributes);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_destroy")]
    internal static partial int AttributesDestroy(void* attributes);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_setflags")]
    internal static partial int AttributesSetFlags(void* attributes, short flags);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_setsigmask")]
    internal static partial int AttributesSetSignalMask(void* attributes, void* signals);

    [LibraryImport(Library, EntryPoint = "posix_spawnattr_setsigdefault")]
    internal static partial int AttributesSetSignalDefault(void* attributes, void* signals);

    [LibraryImport(Library, EntryPoint = "waitpid", SetLastError = true)]
    internal static partial int WaitPid(int pid, int* status, int options);

    [LibraryImport(Library, EntryPoint = "pipe2", SetLastError = true)]
    internal static partial int Pipe(int* ends, int flags);

    [LibraryImport(Library, EntryPoint = "close_range", SetLastError = true)]
    internal static partial int CloseRange(uint first, uint last, int flags);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint PidFdOpen(nint number, nint pid, nuint flags);

    [LibraryImport(Library, EntryPoint = "setpriority", SetLastError = true)]
    internal static partial int SetPriority(int which, uint who, int nice);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint SetIoPriority(nint number, nint which, nint who, nint priority);

    [LibraryImport(Library, EntryPoint = "poll", SetLastError = true)]
    internal static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);
}

/// <summary><c>struct pollfd</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor
{
    internal int Number;
    internal short Events;
    internal short Returned;
}
