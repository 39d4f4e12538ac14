using ZstdFs.Linux.Native;

namespace ZstdFs.Linux;

/// <summary>
/// Extended attributes of a name in an open folder (never through a symlink) and of an open file. Results below zero
/// are −errno.
/// </summary>
public static unsafe class ExtendedAttributes
{
    /// <summary>XATTR_CREATE: −EEXIST where the file has the attribute.</summary>
    public const int CreateOnly = 1;

    /// <summary>XATTR_SIZE_MAX: no value is longer.</summary>
    public const int LongestBytes = 65536;

    private const nint GetAtNumber = 464, NoFollow = 0x100; // getxattrat(2), AT_SYMLINK_NOFOLLOW

    private static volatile bool _knowsNoGetAt;

    /// <summary>
    /// Value of the attribute of <paramref name="file"/> in <paramref name="directory"/>. Returns its length; with an
    /// empty buffer only that.
    /// </summary>
    public static int Get(FileDescriptor directory, NativeName file, NativeName name, Span<byte> value)
    {
        if (!_knowsNoGetAt)
        {
            int result = GetAt(directory, file, name, value);
            // EPERM: a container's filter refuses a call that it does not know.
            if (result is not (-(int)Errno.ENOSYS or -(int)Errno.EPERM))
                return result;
            _knowsNoGetAt |= result == -(int)Errno.ENOSYS;
        }
        Span<byte> buffer = stackalloc byte[ProcPath.MaxBytes];
        fixed (byte* path = ProcPath.Of(directory, file.Bytes, buffer))
        fixed (byte* n = name.Terminated)
        fixed (byte* v = value)
            return (int)SystemCallResult.From((long)Libc.LGetXattr(path, n, v, (nuint)value.Length));
    }

    /// <summary>The same by getxattrat(2), since Linux 6.13: it takes a third of the time that /proc takes.</summary>
    private static int GetAt(FileDescriptor directory, NativeName file, NativeName name, Span<byte> value)
    {
        fixed (byte* path = file.Terminated)
        fixed (byte* n = name.Terminated)
        fixed (byte* v = value)
        {
            var room = new AttributeRoom { Value = v, Size = (uint)value.Length };
            return (int)SystemCallResult.From((long)Libc.GetXattrAt(
                GetAtNumber, directory, path, NoFollow, n, &room, (nuint)sizeof(AttributeRoom)));
        }
    }

    /// <summary>Value of the attribute of an open file; O_PATH will do.</summary>
    public static int Get(FileDescriptor file, NativeName name, Span<byte> value)
    {
        fixed (byte* n = name.Terminated)
        fixed (byte* v = value)
        {
            int result = (int)SystemCallResult.From((long)Libc.FGetXattr(file, n, v, (nuint)value.Length));
            if (result != -(int)Errno.EBADF)
                return result;
            Span<byte> buffer = stackalloc byte[ProcPath.MaxBytes];
            fixed (byte* path = ProcPath.Of(file, default, buffer))
                return (int)SystemCallResult.From((long)Libc.GetXattr(path, n, v, (nuint)value.Length));
        }
    }

    /// <summary>
    /// Sets the attribute of <paramref name="file"/> in <paramref name="directory"/>; <paramref name="flags"/> are
    /// XATTR_*.
    /// </summary>
    public static int Set(
        FileDescriptor directory, NativeName file, NativeName name, ReadOnlySpan<byte> value, int flags)
    {
        Span<byte> buffer = stackalloc byte[ProcPath.MaxBytes];
        fixed (byte* path = ProcPath.Of(directory, file.Bytes, buffer))
        fixed (byte* n = name.Terminated)
        fixed (byte* v = value)
            return SystemCallResult.From(Libc.LSetXattr(path, n, v, (nuint)value.Length, flags));
    }

    /// <summary>Sets the attribute of an open file; O_PATH will do.</summary>
    public static int Set(FileDescriptor file, NativeName name, ReadOnlySpan<byte> value, int flags)
    {
        fixed (byte* n = name.Terminated)
        fixed (byte* v = value)
        {
            int result = SystemCallResult.From(Libc.FSetXattr(file, n, v, (nuint)value.Length, flags));
            if (result != -(int)Errno.EBADF)
                return result;
            Span<byte> buffer = stackalloc byte[ProcPath.MaxBytes];
            fixed (byte* path = ProcPath.Of(file, default, buffer))
                return SystemCallResult.From(Libc.SetXattr(path, n, v, (nuint)value.Length, flags));
        }
    }

    /// <summary>
    /// NUL-ended names of the attributes of <paramref name="file"/> in <paramref name="directory"/>. Returns their
    /// length in all.
    /// </summary>
    public static int List(FileDescriptor directory, NativeName file, Span<byte> names)
    {
        Span<byte> buffer = stackalloc byte[ProcPath.MaxBytes];
        fixed (byte* path = ProcPath.Of(directory, file.Bytes, buffer))
        fixed (byte* n = names)
            return (int)SystemCallResult.From((long)Libc.LListXattr(path, n, (nuint)names.Length));
    }

    /// <summary>NUL-ended names of the attributes of an open file; O_PATH will do.</summary>
    public static int List(FileDescriptor file, Span<byte> names)
    {
        fixed (byte* n = names)
        {
            int result = (int)SystemCallResult.From((long)Libc.FListXattr(file, n, (nuint)names.Length));
            if (result != -(int)Errno.EBADF)
                return result;
            Span<byte> buffer = stackalloc byte[ProcPath.MaxBytes];
            fixed (byte* path = ProcPath.Of(file, default, buffer))
                return (int)SystemCallResult.From((long)Libc.ListXattr(path, n, (nuint)names.Length));
        }
    }

    /// <summary>Removes the attribute of <paramref name="file"/> in <paramref name="directory"/>.</summary>
    public static int Remove(FileDescriptor directory, NativeName file, NativeName name)
    {
        Span<byte> buffer = stackalloc byte[ProcPath.MaxBytes];
        fixed (byte* path = ProcPath.Of(directory, file.Bytes, buffer))
        fixed (byte* n = name.Terminated)
            return SystemCallResult.From(Libc.LRemoveXattr(path, n));
    }

    /// <summary>Removes the attribute of an open file; O_PATH will do.</summary>
    public static int Remove(FileDescriptor file, NativeName name)
    {
        fixed (byte* n = name.Terminated)
        {
            int result = SystemCallResult.From(Libc.FRemoveXattr(file, n));
            if (result != -(int)Errno.EBADF)
                return result;
            Span<byte> buffer = stackalloc byte[ProcPath.MaxBytes];
            fixed (byte* path = ProcPath.Of(file, default, buffer))
                return SystemCallResult.From(Libc.RemoveXattr(path, n));
        }
    }
}
