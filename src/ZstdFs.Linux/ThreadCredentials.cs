using System.Buffers.Text;
using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary>
/// Whom another thread acts as, by /proc. The answer holds while that thread waits in a system call. Ids are those of
/// this process's user namespace.
/// </summary>
public static unsafe class ThreadCredentials
{
    // 65,536 groups are the most that Linux allows.
    private const int LongestStatusBytes = 1024 * 1024;

    /// <summary>Room for the lines up to "Gid:", which come before those of any length.</summary>
    private const int IdentityBytes = 1024;

    private const int PathBytes = 32, CurrentDirectory = -100; // AT_FDCWD
    private const uint UserIdMask = 0x8;                        // STATX_UID

    /// <summary>
    /// Effective user id of a thread: one system call, and no text to read. 0 or −errno (ENOENT: it is gone, or in a
    /// process namespace that this process does not see).
    /// </summary>
    public static int EffectiveUser(uint thread, out uint user)
    {
        Statx stat = default;
        int result;
        fixed (byte* path = PathOf(thread, default, stackalloc byte[PathBytes]))
            result = SystemCallResult.From(Libc.StatxOfPath(CurrentDirectory, path, 0, UserIdMask, &stat));
        user = stat.UserId;
        return result;
    }

    /// <summary>
    /// File-system user id of a thread, which is what the kernel goes by when it opens files. 0 or −errno.
    /// </summary>
    public static int FileSystemUser(uint thread, out uint user) => Read(thread, "\nUid:"u8, out user);

    /// <summary>File-system group id of a thread. 0 or −errno.</summary>
    public static int FileSystemGroup(uint thread, out uint group) => Read(thread, "\nGid:"u8, out group);

    /// <summary>The group is among the thread's further groups. A thread that is gone has none.</summary>
    public static bool HasGroup(uint thread, uint group)
    {
        byte[] text = new byte[LongestStatusBytes];
        int length = Read(thread, text);
        if (length < 0 || !TryFindLine(text.AsSpan(0, length), "\nGroups:"u8, out ReadOnlySpan<byte> line))
            return false;
        while (TryTakeNumber(ref line, out uint one))
        {
            if (one == group)
                return true;
        }
        return false;
    }

    // A line has the real, the effective, the saved and the file-system id.
    private static int Read(uint thread, ReadOnlySpan<byte> label, out uint id)
    {
        id = 0;
        Span<byte> text = stackalloc byte[IdentityBytes];
        int length = Read(thread, text);
        if (length < 0)
            return length;
        if (!TryFindLine(text[..length], label, out ReadOnlySpan<byte> line))
            return -(int)Errno.EIO;
        for (int i = 0; i < 4; i++)
        {
            if (!TryTakeNumber(ref line, out id))
                return -(int)Errno.EIO;
        }
        return 0;
    }

    private static int Read(uint thread, Span<byte> text)
    {
        var path = new NativeName(PathOf(thread, "/status"u8, stackalloc byte[PathBytes]));
        int result = SystemCallsAt.Open(path, OpenFlags.ReadOnly, out FileDescriptor status);
        if (result < 0)
            return result;
        using (status)
            return SystemCallsFile.Read(status, 0, text);
    }

    // The name of the program comes first. The kernel escapes its line ends.
    private static bool TryFindLine(ReadOnlySpan<byte> text, ReadOnlySpan<byte> label, out ReadOnlySpan<byte> line)
    {
        int start = text.IndexOf(label);
        line = start < 0 ? default : text[(start + label.Length)..];
        int end = line.IndexOf((byte)'\n');
        if (end >= 0)
            line = line[..end];
        return start >= 0;
    }

    private static bool TryTakeNumber(ref ReadOnlySpan<byte> line, out uint number)
    {
        line = line.TrimStart("\t "u8);
        bool isNumber = Utf8Parser.TryParse(line, out number, out int digits);
        line = line[digits..];
        return isNumber;
    }

    private static Span<byte> PathOf(uint thread, ReadOnlySpan<byte> file, Span<byte> buffer)
    {
        ReadOnlySpan<byte> prefix = "/proc/"u8;
        prefix.CopyTo(buffer);
        Utf8Formatter.TryFormat(thread, buffer[prefix.Length..], out int digits);
        int length = prefix.Length + digits;
        file.CopyTo(buffer[length..]);
        length += file.Length;
        buffer[length++] = 0;
        return buffer[..length];
    }
}
