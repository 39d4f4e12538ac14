using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// The attribute <c>user.zstdfs.name</c> of a stored file whose name in the source is shortened: the whole names that
/// it has, each with its NUL, those of its hard links too. Each name in the source holds a hash of the whole name that
/// counts there. So a name may be added before the file has it, and a name that the file has lost does no harm.
/// </summary>
internal static class FullNames
{
    private const int RoomBytes = 1024, LongestBytes = 64 * 1024;

    /// <summary>Name of the attribute.</summary>
    internal static NativeName AttributeName => new("user.zstdfs.name\0"u8);

    /// <summary>
    /// The logical name of a stored file under a shortened name. 1 where the file tells it. 0 where it does not: it was
    /// copied without its attributes, or its name is older than these rules and only looks shortened. −errno where a
    /// fault hides the name at this moment.
    /// </summary>
    internal static int Find(FileDescriptor directory, scoped NativeName stored, Span<byte> buffer,
        out ReadOnlySpan<byte> logical)
    {
        logical = default;
        Span<byte> room = stackalloc byte[RoomBytes];
        int length = ExtendedAttributes.Get(directory, stored, AttributeName, room);
        if (length != -(int)Errno.ERANGE)
            return length > 0 ? ToInt(TryFind(room[..length], stored, buffer, out logical)) : ToFault(length);
        byte[] rented = ArrayPool<byte>.Shared.Rent(LongestBytes);
        length = ExtendedAttributes.Get(directory, stored, AttributeName, rented);
        bool isFound = length > 0 && TryFind(rented.AsSpan(0, length), stored, buffer, out logical);
        ArrayPool<byte>.Shared.Return(rented);
        return length > 0 ? ToInt(isFound) : ToFault(length);
    }

    private static int ToInt(bool isFound) => isFound ? 1 : 0;

    private static int ToFault(int result) => PassingFault.Is(result) ? result : 0;

    private static bool TryFind(scoped ReadOnlySpan<byte> names, scoped NativeName stored, Span<byte> buffer,
        out ReadOnlySpan<byte> logical)
    {
        Span<byte> shortened = stackalloc byte[StoredName.BufferBytes];
        while (TryTake(ref names, out ReadOnlySpan<byte> name))
        {
            if (!StoredName.IsShortened(name) || !StoredName.Of(name, shortened).Bytes.SequenceEqual(stored.Bytes))
                continue;
            name.CopyTo(buffer);
            logical = buffer[..name.Length];
            return true;
        }
        logical = default;
        return false;
    }

    /// <summary>
    /// The next name. One with a slash is passed over: another program wrote the attribute, the kernel refuses a
    /// listing with such a name, and the name would lead out of this folder.
    /// </summary>
    private static bool TryTake(scoped ref ReadOnlySpan<byte> names, out ReadOnlySpan<byte> name)
    {
        while (names.IndexOf((byte)0) is > 0 and <= StoredName.MaxStoredBytes and var end)
        {
            name = names[..end];
            names = names[(end + 1)..];
            if (!name.Contains((byte)'/'))
                return true;
        }
        name = default;
        names = default;
        return false;
    }

    /// <summary>
    /// Adds a name that the file is about to get, where that name is shortened. The current name stays; other names
    /// stay only where the file has hard links. Returns 0, −ENAMETOOLONG where the source keeps no attributes,
    /// −EMLINK where the attribute has no more room, or another error.
    /// </summary>
    internal static int Add(SourceTree source, FileDescriptor directory, NativeName stored, ReadOnlySpan<byte> name,
        bool isOnlyLink)
    {
        if (!StoredName.IsShortened(name))
            return 0;
        byte[] rented = ArrayPool<byte>.Shared.Rent(LongestBytes);
        try
        {
            int length = ExtendedAttributes.Get(directory, stored, AttributeName, rented);
            // A fault hides the names at this moment: they must not be overwritten.
            if (PassingFault.Is(length))
                return length;
            length = Math.Max(0, length);
            if (Contains(rented.AsSpan(0, length), name))
                return 0;
            if (isOnlyLink)
                length = TryFind(rented.AsSpan(0, length), stored, stackalloc byte[StoredName.BufferBytes],
                    out ReadOnlySpan<byte> current) ? Put(rented, 0, current) : 0;
            else if (length + name.Length + 1 > LongestBytes)
                return -(int)Errno.EMLINK;
            int all = Put(rented, length, name);
            return ToError(Write(source, directory, stored, rented.AsSpan(0, all)), isFirst: length == 0);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>The names that a stored file has, and may have had; none where they cannot be read.</summary>
    internal static List<byte[]> All(FileDescriptor directory, NativeName stored)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(LongestBytes);
        int length = ExtendedAttributes.Get(directory, stored, AttributeName, rented);
        ReadOnlySpan<byte> names = rented.AsSpan(0, Math.Max(0, length));
        List<byte[]> all = [];
        while (TryTake(ref names, out ReadOnlySpan<byte> name))
            all.Add(name.ToArray());
        ArrayPool<byte>.Shared.Return(rented);
        return all;
    }

    /// <summary>Keeps these of the file's names, and no others. Returns 0 or −errno.</summary>
    internal static int Keep(
        SourceTree source, FileDescriptor directory, NativeName stored, IEnumerable<byte[]> names) =>
        Math.Min(0, Write(source, directory, stored, Join(names)));

    private static int Write(SourceTree source, FileDescriptor directory, NativeName stored, ReadOnlySpan<byte> names)
    {
        int result = ExtendedAttributes.Set(directory, stored, AttributeName, names, 0);
        if (result != -(int)Errno.EACCES || source.OpenRead(directory, stored, out FileDescriptor file) < 0)
            return result;
        using (file)
            return SourceTree.SetAttribute(file, AttributeName, names);
    }

    /// <summary>
    /// Notes the name that an open file without a name is about to get, where that name is shortened.
    /// </summary>
    internal static int Set(FileDescriptor file, ReadOnlySpan<byte> name)
    {
        if (!StoredName.IsShortened(name))
            return 0;
        Span<byte> terminated = stackalloc byte[StoredName.BufferBytes];
        name.CopyTo(terminated);
        terminated[name.Length] = 0;
        return ToError(SourceTree.SetAttribute(file, AttributeName, terminated[..(name.Length + 1)]), isFirst: true);
    }

    /// <summary>The same for all names that a file is about to get.</summary>
    internal static int Set(FileDescriptor file, IEnumerable<byte[]> names)
    {
        byte[] value = Join(names.Where(static n => StoredName.IsShortened(n)));
        return value.Length == 0 ? 0 : ToError(SourceTree.SetAttribute(file, AttributeName, value), isFirst: true);
    }

    /// <summary>A new version of a stored file has all names of the one before. Returns 0 or −errno.</summary>
    internal static int Copy(FileDescriptor from, FileDescriptor to)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(LongestBytes);
        int length = ExtendedAttributes.Get(from, AttributeName, rented);
        int result = PassingFault.Is(length) ? length
            : length <= 0 ? 0
            : SourceTree.SetAttribute(to, AttributeName, rented.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(rented);
        return result;
    }

    private static int ToError(int result, bool isFirst) => (Errno)(-result) switch
    {
        Errno.EOPNOTSUPP => -(int)Errno.ENAMETOOLONG,
        Errno.ENOSPC or Errno.E2BIG or Errno.ERANGE when !isFirst => -(int)Errno.EMLINK,
        _ => Math.Min(result, 0),
    };

    private static bool Contains(ReadOnlySpan<byte> names, ReadOnlySpan<byte> wanted)
    {
        while (TryTake(ref names, out ReadOnlySpan<byte> name))
        {
            if (name.SequenceEqual(wanted))
                return true;
        }
        return false;
    }

    private static byte[] Join(IEnumerable<byte[]> names) => [.. names.SelectMany(static n => (byte[])[.. n, 0])];

    private static int Put(Span<byte> names, int at, ReadOnlySpan<byte> name)
    {
        name.CopyTo(names[at..]);
        names[at + name.Length] = 0;
        return at + name.Length + 1;
    }
}
