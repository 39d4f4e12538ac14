using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary>Asks the kernel whether a process has a file open for writing. Results below zero are −errno.</summary>
public static partial class FileLease
{
    private const int SetLease = 1024, GetLease = 1025, SetSignal = 10; // F_SETLEASE, F_GETLEASE, F_SETSIG
    private const int ReadLease = 0, WriteLease = 1, NoLease = 2; // F_RDLCK, F_WRLCK, F_UNLCK
    // SIGWINCH: a process that does not ask for it ignores it. SIGIO would end the process.
    private const int WindowChange = 28;

    /// <summary>
    /// Takes a read lease on a file that was opened read-only. From then on a process that opens it for writing waits
    /// until the descriptor is closed or the lease released. −EAGAIN where a process has it open for writing already,
    /// or mapped so; −EACCES where the file is another user's; −EINVAL where the file system knows no leases.
    /// </summary>
    public static int TryTake(FileDescriptor file) => Take(file, ReadLease);

    /// <summary>
    /// As <see cref="TryTake(FileDescriptor)"/>, of a file of this owner. Without CAP_LEASE, as in a container, the
    /// kernel gives a lease only to a thread whose file-system user is the owner: root's thread becomes the owner for
    /// the call.
    /// </summary>
    public static int TryTake(FileDescriptor file, uint owner) => AsOwner(file, owner, TryTake);

    /// <summary>Gives back a lease on a file of this owner.</summary>
    public static int Release(FileDescriptor file, uint owner) => AsOwner(file, owner, Release);

    private static int AsOwner(FileDescriptor file, uint owner, Func<FileDescriptor, int> work)
    {
        int result = work(file);
        if (result != -(int)Errno.EACCES)
            return result;
        Credentials.ActAs(owner);
        try
        {
            return work(file);
        }
        finally
        {
            Credentials.ActAs(Credentials.UserId);
        }
    }

    /// <summary>
    /// Returns 0 where the file has no other descriptor and no mapping: then only a process that can open it by name
    /// can get at it. The descriptor must be the only one in this process, and open for writing. −EAGAIN where
    /// there is another descriptor or a mapping; −EINVAL where the file system knows no leases.
    /// </summary>
    public static int CheckUnshared(FileDescriptor file)
    {
        int result = Take(file, WriteLease);
        return result < 0 ? result : Release(file);
    }

    private static int Take(FileDescriptor file, int lease)
    {
        int result = SystemCallResult.From(Control(file, SetSignal, WindowChange));
        return result < 0 ? result : SystemCallResult.From(Control(file, SetLease, lease));
    }

    /// <summary>
    /// Of a file with a read lease: a process waits to open it for writing, or waited too long and has got it.
    /// </summary>
    public static bool IsAwaited(FileDescriptor file) => SystemCallResult.From(Control(file, GetLease, 0)) != ReadLease;

    /// <summary>Gives the lease back.</summary>
    public static int Release(FileDescriptor file) => SystemCallResult.From(Control(file, SetLease, NoLease));

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(FileDescriptor file, int command, int argument);
}
