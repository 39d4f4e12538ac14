using System.Runtime.InteropServices;

namespace ZstdFs.Linux;

/// <summary>
/// mount(2), umount2(2), and the socket over which fusermount3 hands its descriptor. Results below zero are −errno;
/// paths end with their NUL.
/// </summary>
public static unsafe partial class MountCalls
{
    /// <summary>MS_RDONLY.</summary>
    public const ulong ReadOnly = 1;
    /// <summary>MS_NOSUID.</summary>
    public const ulong NoSuid = 2;
    /// <summary>MS_NODEV.</summary>
    public const ulong NoDev = 4;
    /// <summary>MS_NOEXEC.</summary>
    public const ulong NoExec = 8;
    /// <summary>MS_NOSYMFOLLOW.</summary>
    public const ulong NoSymFollow = 256;
    /// <summary>MS_NOATIME.</summary>
    public const ulong NoAtime = 1024;
    /// <summary>MS_RELATIME.</summary>
    public const ulong RelativeAtime = 1 << 21;
    /// <summary>MS_STRICTATIME.</summary>
    public const ulong StrictAtime = 1 << 24;
    /// <summary>MNT_DETACH: unmount lazily.</summary>
    public const int Detach = 2;
    /// <summary>UMOUNT_NOFOLLOW.</summary>
    public const int NoFollow = 8;

    private const int UnixFamily = 1, CloseOnExec = 0x80000;

    /// <summary>mount(2).</summary>
    public static int Mount(NativeName source, NativeName target, NativeName type, ulong flags, NativeName data)
    {
        fixed (byte* s = source.Terminated)
        fixed (byte* t = target.Terminated)
        fixed (byte* y = type.Terminated)
        fixed (byte* d = data.Terminated)
            return SystemCallResult.From(NativeMount(s, t, y, (nuint)flags, d));
    }

    /// <summary>
    /// mount(2) with MS_REMOUNT: <paramref name="flags"/> replace those that the mount and its file system have. Where
    /// none of them is about access times, those that are stay.
    /// </summary>
    public static int Remount(NativeName target, ulong flags)
    {
        const ulong RemountFlag = 32; // MS_REMOUNT
        fixed (byte* nothing = "none\0"u8)
        fixed (byte* t = target.Terminated)
            return SystemCallResult.From(NativeMount(nothing, t, nothing, (nuint)(flags | RemountFlag), null));
    }

    /// <summary>umount2(2).</summary>
    public static int Unmount(NativeName target, int flags)
    {
        fixed (byte* t = target.Terminated)
            return SystemCallResult.From(NativeUnmount(t, flags));
    }

    /// <summary>
    /// open_tree(2) with OPEN_TREE_CLONE: a copy of a mount that is on no path and goes with its descriptor. Needs
    /// CAP_SYS_ADMIN.
    /// </summary>
    public static int CopyOf(NativeName target, out FileDescriptor copy)
    {
        const int OpenTreeNumber = 428;
        const int CurrentFolder = -100; // AT_FDCWD
        const uint Clone = 1;           // OPEN_TREE_CLONE
        fixed (byte* t = target.Terminated)
        {
            int result = SystemCallResult.From(
                (int)NativeOpenTree(OpenTreeNumber, CurrentFolder, t, Clone | CloseOnExec));
            copy = result >= 0 ? new FileDescriptor(result) : null!;
            return result;
        }
    }

    /// <summary>
    /// Opens a folder through a copy of its mount. In the copy, access times move at each read. Needs CAP_SYS_ADMIN,
    /// and Linux 5.12 for mount_setattr(2).
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="withMountsBelow">
    /// The copy has what is mounted below, too. Those file systems are then in use for as long as the copy is.
    /// </param>
    /// <param name="copy">The folder in the copy.</param>
    public static int WithStrictAccessTimes(FileDescriptor folder, bool withMountsBelow, out FileDescriptor copy)
    {
        const int OpenTreeNumber = 428, SetAttributesNumber = 442;
        const uint Clone = 1, Recursive = 0x8000, EmptyPath = 0x1000; // OPEN_TREE_CLONE, AT_RECURSIVE, AT_EMPTY_PATH
        copy = null!;
        uint below = withMountsBelow ? Recursive : 0;
        byte nothing = 0;
        // MOUNT_ATTR_STRICTATIME in place of what MOUNT_ATTR__ATIME covers, and no MOUNT_ATTR_NODIRATIME.
        var attributes = new MountAttributes { Set = 0x20, Clear = 0x70 | 0x80 };
        int result = SystemCallResult.From(
            (int)NativeOpenTreeAt(OpenTreeNumber, folder, &nothing, Clone | below | EmptyPath | CloseOnExec));
        if (result < 0)
            return result;
        var tree = new FileDescriptor(result);
        result = SystemCallResult.From((int)NativeSetAttributes(
            SetAttributesNumber, tree, &nothing, below | EmptyPath, &attributes, (nuint)sizeof(MountAttributes)));
        // open_tree(2) gives an O_PATH descriptor, which cannot be read.
        if (result >= 0)
            result = SystemCallsAt.Open(
                tree, new NativeName(".\0"u8), OpenFlags.ReadOnly | OpenFlags.Directory, 0, out copy);
        tree.Dispose();
        return result;
    }

    /// <summary>Two connected descriptors that carry whole messages (SOCK_SEQPACKET), closed on exec.</summary>
    public static int MessagePair(out FileDescriptor first, out FileDescriptor second) =>
        Pair(5 | CloseOnExec, out first, out second);

    /// <summary>Two connected stream sockets; the second one survives exec, for a child process.</summary>
    public static int ChildPair(out FileDescriptor ours, out FileDescriptor childs)
    {
        int result = Pair(1 | CloseOnExec, out ours, out childs);
        return result < 0 ? result : SystemCallResult.From(NativeControl(childs, 2 /* F_SETFD */, 0));
    }

    /// <summary>
    /// Waits for a descriptor sent with SCM_RIGHTS. −ENOTCONN where the other side closed without sending one.
    /// </summary>
    public static int ReceiveDescriptor(FileDescriptor socket, out FileDescriptor received)
    {
        received = new FileDescriptor();
        byte data = 0;
        // A cmsghdr (length, level, type) and one int, padded to eight bytes.
        ulong* control = stackalloc ulong[3];
        new Span<ulong>(control, 3).Clear();
        var vector = new IoVector { Base = &data, Length = 1 };
        var message = new Message { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = 24 };
        int result;
        do
            result = (int)SystemCallResult.From(
                (long)NativeReceive(socket, &message, 0x40000000 /* MSG_CMSG_CLOEXEC */));
        while (result == -(int)Errno.EINTR);
        if (result < 0)
            return result;
        int* header = (int*)control;
        bool hasOne = result > 0 && message.ControlLength >= 20 && control[0] >= 20
            && header[2] == 1 /* SOL_SOCKET */ && header[3] == 1 /* SCM_RIGHTS */;
        if (!hasOne)
            return -(int)Errno.ENOTCONN;
        received = new FileDescriptor(header[4]);
        return 0;
    }

    private static int Pair(int type, out FileDescriptor first, out FileDescriptor second)
    {
        int* pair = stackalloc int[2];
        pair[0] = pair[1] = -1;
        int result = SystemCallResult.From(NativeSocketPair(UnixFamily, type, 0, pair));
        first = new FileDescriptor(pair[0]);
        second = new FileDescriptor(pair[1]);
        return result;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct IoVector
    {
        internal void* Base;
        internal nuint Length;
    }

    // struct msghdr of glibc on 64-bit Linux; musl's narrower counts have padding in the same places.
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        private readonly void* _name;
        private readonly ulong _nameLength;
        internal IoVector* Vectors;
        internal nuint VectorCount;
        internal void* Control;
        internal nuint ControlLength;
        private readonly int _flags;
    }

    /// <summary>struct mount_attr.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 32)]
    private struct MountAttributes
    {
        internal ulong Set;
        internal ulong Clear;
    }

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true)]
    private static partial int NativeMount(byte* source, byte* target, byte* type, nuint flags, byte* data);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true)]
    private static partial int NativeUnmount(byte* target, int flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint NativeOpenTree(nint number, int directory, byte* path, uint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint NativeOpenTreeAt(nint number, FileDescriptor folder, byte* path, nuint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint NativeSetAttributes(
        nint number, FileDescriptor tree, byte* path, nuint flags, MountAttributes* attributes, nuint size);

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static partial int NativeSocketPair(int domain, int type, int protocol, int* pair);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int NativeControl(FileDescriptor file, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint NativeReceive(FileDescriptor socket, Message* message, int flags);
}
