using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary>
/// Calls on a name in an open folder, and on paths. A call on one name in a folder does not follow a symlink. Results
/// below zero are −errno.
/// </summary>
public static unsafe class SystemCallsAt
{
    private const int OpenAt2Number = 437;
    private const int ChangeModeAt2Number = 452;
    private const int NoFollow = 0x100;          // AT_SYMLINK_NOFOLLOW
    private const int EmptyPath = 0x1000;        // AT_EMPTY_PATH
    private const int RemoveDirectoryFlag = 0x200; // AT_REMOVEDIR

    /// <summary>
    /// openat2(2): <paramref name="path"/> may have several components; <paramref name="resolve"/> is RESOLVE_*.
    /// </summary>
    public static int Open(
        FileDescriptor directory, NativeName path, int flags, uint mode, ulong resolve, out FileDescriptor file)
    {
        var how = new OpenHow { Flags = (uint)(flags | OpenFlags.CloseOnExec), Mode = mode, Resolve = resolve };
        fixed (byte* p = path.Terminated)
            return Owned(
                SystemCallResult.From((int)Libc.OpenAt2(OpenAt2Number, directory, p, &how, (nuint)sizeof(OpenHow))),
                out file);
    }

    /// <summary>openat(2) of one component, never through a symlink.</summary>
    public static int Open(FileDescriptor directory, NativeName name, int flags, uint mode, out FileDescriptor file)
    {
        fixed (byte* p = name.Terminated)
            return Owned(
                SystemCallResult.From(
                    Libc.OpenAt(directory, p, flags | OpenFlags.CloseOnExec | OpenFlags.NoFollow, mode)),
                out file);
    }

    /// <summary>open(2) of a path in this process's own name space: for what is not below a source.</summary>
    public static int Open(NativeName path, int flags, out FileDescriptor file) => Open(path, flags, 0, out file);

    /// <summary>The same with the mode of a file that it makes.</summary>
    public static int Open(NativeName path, int flags, uint mode, out FileDescriptor file)
    {
        fixed (byte* p = path.Terminated)
            return Owned(SystemCallResult.From(Libc.Open(p, flags | OpenFlags.CloseOnExec, mode)), out file);
    }

    /// <summary>
    /// memfd_create(2): an empty file in memory, gone when it is closed. Its name shows only in /proc.
    /// </summary>
    public static int CreateMemoryFile(NativeName name, out FileDescriptor file)
    {
        const uint CloseOnExec = 1;
        fixed (byte* p = name.Terminated)
            return Owned(SystemCallResult.From(Libc.CreateMemoryFile(p, CloseOnExec)), out file);
    }

    /// <summary>
    /// Opens the file of a descriptor once more, through /proc: with other rights, or for an owner of its own. The file
    /// needs no name.
    /// </summary>
    public static int Reopen(FileDescriptor file, int flags, out FileDescriptor reopened)
    {
        Span<byte> path = stackalloc byte[ProcPath.MaxBytes];
        fixed (byte* p = ProcPath.Of(file, default, path))
            return Owned(SystemCallResult.From(Libc.Open(p, flags | OpenFlags.CloseOnExec, 0)), out reopened);
    }

    /// <summary>
    /// Opens the file of a descriptor once more, in another mount of its file system. Needs CAP_DAC_READ_SEARCH, and a
    /// file system that has file handles.
    /// </summary>
    /// <param name="mount">Anything in the other mount.</param>
    /// <param name="file">The file. It must be on the same file system: a handle is a number there.</param>
    /// <param name="flags">O_* for the file.</param>
    /// <param name="reopened">The file in the other mount.</param>
    public static int ReopenIn(FileDescriptor mount, FileDescriptor file, int flags, out FileDescriptor reopened)
    {
        const int LongestHandle = 128, HeadBytes = 8, EmptyPath = 0x1000; // MAX_HANDLE_SZ, AT_EMPTY_PATH
        byte* handle = stackalloc byte[HeadBytes + LongestHandle];
        *(uint*)handle = LongestHandle;
        byte nothing = 0;
        int mountId, result = SystemCallResult.From(Libc.NameToHandleAt(file, &nothing, handle, &mountId, EmptyPath));
        if (result >= 0)
            return Owned(
                SystemCallResult.From(Libc.OpenByHandleAt(mount, handle, flags | OpenFlags.CloseOnExec)), out reopened);
        reopened = null!;
        return result;
    }

    /// <summary>statx(2) of a name.</summary>
    public static int Stat(FileDescriptor directory, NativeName name, out Statx result)
    {
        fixed (Statx* buffer = &result)
        fixed (byte* p = name.Terminated)
            return SystemCallResult.From(
                Libc.Statx(directory, p, NoFollow, Statx.BasicStats | Statx.BirthTime, buffer));
    }

    /// <summary>statx(2) of an open file; O_PATH will do.</summary>
    public static int Stat(FileDescriptor file, out Statx result)
    {
        fixed (Statx* buffer = &result)
        fixed (byte* p = "\0"u8)
            return SystemCallResult.From(Libc.Statx(file, p, EmptyPath, Statx.BasicStats | Statx.BirthTime, buffer));
    }

    /// <summary>mkdirat(2).</summary>
    public static int MakeDirectory(FileDescriptor directory, NativeName name, uint mode)
    {
        fixed (byte* p = name.Terminated)
            return SystemCallResult.From(Libc.MakeDirectoryAt(directory, p, mode));
    }

    /// <summary>mknodat(2); <paramref name="device"/> in the kernel's 32-bit encoding.</summary>
    public static int MakeNode(FileDescriptor directory, NativeName name, uint mode, uint device)
    {
        ulong major = (device >> 8) & 0xfff, minor = (device & 0xff) | ((device >> 12) & 0xfff00);
        ulong number = ((major & 0xfff) << 8) | (minor & 0xff) | ((minor & ~0xfful) << 12) | ((major & ~0xffful) << 32);
        fixed (byte* p = name.Terminated)
            return SystemCallResult.From(Libc.MakeNodeAt(directory, p, mode, number));
    }

    /// <summary>unlinkat(2) of something that is not a folder.</summary>
    public static int Unlink(FileDescriptor directory, NativeName name)
    {
        fixed (byte* p = name.Terminated)
            return SystemCallResult.From(Libc.UnlinkAt(directory, p, 0));
    }

    /// <summary>unlinkat(2) of an empty folder.</summary>
    public static int RemoveDirectory(FileDescriptor directory, NativeName name)
    {
        fixed (byte* p = name.Terminated)
            return SystemCallResult.From(Libc.UnlinkAt(directory, p, RemoveDirectoryFlag));
    }

    /// <summary>renameat2(2).</summary>
    public static int Rename(
        FileDescriptor oldDirectory, NativeName oldName, FileDescriptor newDirectory, NativeName newName, uint flags)
    {
        fixed (byte* from = oldName.Terminated)
        fixed (byte* to = newName.Terminated)
            return SystemCallResult.From(Libc.RenameAt2(oldDirectory, from, newDirectory, to, flags));
    }

    /// <summary>linkat(2).</summary>
    public static int Link(
        FileDescriptor oldDirectory, NativeName oldName, FileDescriptor newDirectory, NativeName newName)
    {
        fixed (byte* from = oldName.Terminated)
        fixed (byte* to = newName.Terminated)
            return SystemCallResult.From(Libc.LinkAt(oldDirectory, from, newDirectory, to, 0));
    }

    /// <summary>
    /// linkat(2) of an open file that may have no name (O_TMPFILE), through /proc, which needs no capability.
    /// </summary>
    public static int Link(FileDescriptor file, FileDescriptor newDirectory, NativeName newName)
    {
        const int CurrentDirectory = -100, FollowSymlink = 0x400;
        Span<byte> path = stackalloc byte[ProcPath.MaxBytes];
        fixed (byte* from = ProcPath.Of(file, default, path))
        fixed (byte* to = newName.Terminated)
            return SystemCallResult.From(Libc.LinkAt(CurrentDirectory, from, newDirectory, to, FollowSymlink));
    }

    /// <summary>symlinkat(2).</summary>
    public static int Symlink(NativeName target, FileDescriptor directory, NativeName name)
    {
        fixed (byte* to = target.Terminated)
        fixed (byte* p = name.Terminated)
            return SystemCallResult.From(Libc.SymlinkAt(to, directory, p));
    }

    /// <summary>readlinkat(2). Returns the target's length.</summary>
    public static int ReadLink(FileDescriptor directory, NativeName name, Span<byte> target)
    {
        fixed (byte* p = name.Terminated)
        fixed (byte* buffer = target)
            return (int)SystemCallResult.From((long)Libc.ReadLinkAt(directory, p, buffer, (nuint)target.Length));
    }

    /// <summary>
    /// Where the kernel says that an open file or folder is. Returns the bytes written, or −errno. The path of a file
    /// without a name ends with "(deleted)".
    /// </summary>
    public static int PathOf(FileDescriptor file, Span<byte> path) =>
        ReadLink(file, new NativeName(ProcPath.Of(file, default, stackalloc byte[ProcPath.MaxBytes])), path);

    /// <summary>fchownat(2); uint.MaxValue leaves that one as it is.</summary>
    public static int ChangeOwner(FileDescriptor directory, NativeName name, uint user, uint group)
    {
        fixed (byte* p = name.Terminated)
            return SystemCallResult.From(Libc.ChangeOwnerAt(directory, p, user, group, NoFollow));
    }

    /// <summary>fchmodat2(2) without following symlinks; before Linux 6.6 by way of an O_PATH descriptor.</summary>
    public static int ChangeMode(FileDescriptor directory, NativeName name, uint mode)
    {
        int result;
        fixed (byte* p = name.Terminated)
            result = SystemCallResult.From((int)Libc.ChangeModeAt2(ChangeModeAt2Number, directory, p, mode, NoFollow));
        if (result != -(int)Errno.ENOSYS)
            return result;
        result = Open(directory, name, OpenFlags.PathOnly, 0, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
        {
            Span<byte> path = stackalloc byte[ProcPath.MaxBytes];
            fixed (byte* p = ProcPath.Of(file, default, path))
                return SystemCallResult.From(Libc.ChangeMode(p, mode));
        }
    }

    /// <summary>utimensat(2).</summary>
    public static int SetTimes(FileDescriptor directory, NativeName name, Timestamp access, Timestamp modify)
    {
        Timestamp* times = stackalloc Timestamp[2] { access, modify };
        fixed (byte* p = name.Terminated)
            return SystemCallResult.From(Libc.SetTimesAt(directory, p, times, NoFollow));
    }

    private static int Owned(int result, out FileDescriptor file)
    {
        file = result >= 0 ? new FileDescriptor(result) : null!;
        return result;
    }
}
