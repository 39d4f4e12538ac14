using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// Names that are in a folder of the source. <see cref="StoredName"/> alone does not tell them: a source may hold a
/// folder <c>b.zst</c> under that very name (of an earlier version, or of another program), which is shown as itself.
/// Only names that the rules change are looked for, at one system call more.
/// </summary>
internal static class SourceNames
{
    /// <summary>The name of a stored file that is there.</summary>
    internal static NativeName FindFile(FileDescriptor directory, ReadOnlySpan<byte> logical, Span<byte> buffer)
    {
        NativeName name = StoredName.Of(logical, buffer);
        return logical.Length <= StoredName.MaxLogicalBytes && StoredName.LooksShortened(logical)
            && SystemCallsAt.Stat(directory, name, out _) == -(int)Errno.ENOENT
            ? StoredName.WithSuffix(logical, buffer)
            : name;
    }

    /// <summary>The name of a folder, symlink or special file that is there.</summary>
    internal static NativeName FindNode(FileDescriptor directory, ReadOnlySpan<byte> logical, Span<byte> buffer)
    {
        NativeName name = StoredName.OfNode(logical, buffer);
        if (!StoredName.TryToLogical(logical, out _) || IsNode(directory, name))
            return name;
        Span<byte> own = stackalloc byte[StoredName.BufferBytes];
        if (!IsNode(directory, Itself(logical, own)))
            return name;
        return Itself(logical, buffer);
    }

    /// <summary>
    /// The logical name under which an entry of a folder is shown. <paramref name="buffer"/> may hold it. False where
    /// another entry is shown under that name instead. Where a fault hides a whole name, it is the shortened one.
    /// </summary>
    internal static bool TryToLogical(FileDescriptor directory, ReadOnlySpan<byte> stored, bool isRegular,
        Span<byte> buffer, out ReadOnlySpan<byte> logical) =>
        FindLogical(directory, stored, isRegular, buffer, out logical) is var found
        && (found > 0 || found < 0 && IsShownShortened(directory, logical));

    /// <summary>
    /// The same for a caller that writes the name down: 1 or 0, or −errno where a fault hides the whole name.
    /// </summary>
    internal static int FindLogical(FileDescriptor directory, ReadOnlySpan<byte> stored, bool isRegular,
        Span<byte> buffer, out ReadOnlySpan<byte> logical)
    {
        logical = stored;
        if (!isRegular)
        {
            logical = StoredName.ToLogicalNode(stored, buffer);
            return !StoredName.TryToLogical(stored, out _)
                || !IsNode(directory, StoredName.OfNode(stored, stackalloc byte[StoredName.BufferBytes])) ? 1 : 0;
        }
        if (!StoredName.TryToLogical(stored, out ReadOnlySpan<byte> name))
            return 1;
        logical = name;
        if (!StoredName.LooksShortened(name))
            return 1;
        int found = FullNames.Find(directory, Itself(stored, stackalloc byte[StoredName.BufferBytes]), buffer,
            out ReadOnlySpan<byte> full);
        if (found > 0)
            logical = full;
        return found == 0 && IsShownShortened(directory, name) ? 1 : found;
    }

    private static bool IsShownShortened(FileDescriptor directory, ReadOnlySpan<byte> name) =>
        SystemCallsAt.Stat(directory, StoredName.Of(name, stackalloc byte[StoredName.BufferBytes]), out _) < 0;

    /// <summary>The logical path of a folder: names with slashes between.</summary>
    internal static byte[] ToLogicalPath(byte[] path)
    {
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        byte[] logical = new byte[path.Length];
        int length = 0;
        foreach (Range part in path.AsSpan().Split((byte)'/'))
        {
            if (length > 0)
                logical[length++] = (byte)'/';
            ReadOnlySpan<byte> name = StoredName.ToLogicalNode(path.AsSpan(part), buffer);
            name.CopyTo(logical.AsSpan(length));
            length += name.Length;
        }
        return logical[..length];
    }

    /// <summary>
    /// Renames a folder, symlink or special file from its own name to the escaped one, because a stored file needs its
    /// own. True where the name is free then.
    /// </summary>
    internal static bool MakeRoom(FileDescriptor directory, NativeName stored)
    {
        if (!IsNode(directory, stored))
            return false;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        return SystemCallsAt.Rename(directory, stored, directory, StoredName.OfNode(stored.Bytes, buffer),
            RenameFlags.NoReplace) >= 0;
    }

    /// <summary>The name itself with its NUL, for a system call.</summary>
    internal static NativeName Itself(scoped ReadOnlySpan<byte> name, Span<byte> buffer)
    {
        name.CopyTo(buffer);
        buffer[name.Length] = 0;
        return new NativeName(buffer[..(name.Length + 1)]);
    }

    private static bool IsNode(FileDescriptor directory, NativeName name) =>
        SystemCallsAt.Stat(directory, name, out Statx stat) >= 0 && !stat.IsRegular;
}
