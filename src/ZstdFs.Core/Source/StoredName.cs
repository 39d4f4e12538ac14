using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// Logical name ↔ name in the source, from the name alone. A regular file <c>b</c> is stored as <c>b.zst</c>;
/// folders, symlinks and special files have their own names. Two escapes keep names apart that would meet otherwise: a
/// folder <c>b.zst</c> is stored as <c>b.zs%</c>, and a file whose name leaves no room for the suffix under a shortened
/// name with a hash, beside which <see cref="FullNames"/> keeps the whole one. The rules are in HOW_IT_WORKS.md. Names
/// are bytes.
/// </summary>
internal static class StoredName
{
    /// <summary>Longest name that Linux file systems take, in bytes, and so the longest logical one.</summary>
    internal const int MaxStoredBytes = 255;

    /// <summary>
    /// Longest logical name, in bytes, with room for the suffix behind it. Longer ones need <see cref="FullNames"/>;
    /// the mount's f_namelen where the source keeps no attributes.
    /// </summary>
    internal const int MaxLogicalBytes = MaxStoredBytes - 4;

    /// <summary>
    /// Room for any name in the source with its NUL, and for one that the kernel finds a byte too long.
    /// </summary>
    internal const int BufferBytes = MaxStoredBytes + 2;

    private const int HashBytes = 16, HashDigits = 2 * HashBytes, LongestHead = MaxLogicalBytes - HashDigits - 1;
    private const byte Escape = (byte)'%';

    private static ReadOnlySpan<byte> Suffix => ".zst"u8;

    /// <summary>
    /// The end of an escaped folder name before its <c>%</c>. A name that ends escaped already gets one more <c>%</c>.
    /// </summary>
    private static ReadOnlySpan<byte> EscapedSuffix => ".zs"u8;

    /// <summary>The folder in the source root that holds what is ours; not part of the tree.</summary>
    internal static ReadOnlySpan<byte> ReservedFolder => ".zstdfs"u8;

    /// <summary>
    /// On another file system than the root's, a commit gives a new version a name that begins so, for the moment
    /// before it takes the old one's place. A crash may leave it.
    /// </summary>
    internal static ReadOnlySpan<byte> PassingPrefix => ".zstdfs-commit-"u8;

    /// <summary>Whether a commit may have made this name: the prefix and a file's number.</summary>
    internal static bool IsPassing(ReadOnlySpan<byte> name) => name.StartsWith(PassingPrefix)
        && name.Length > PassingPrefix.Length && !name[PassingPrefix.Length..].ContainsAnyExcept(AnyDigit);

    /// <summary>
    /// Whether the name is reserved: no file has it, neither in the tree nor in the source. Reserved are our own names,
    /// and those that each folder has for itself and its parent, for which a file <c>..zst</c> would pass otherwise.
    /// </summary>
    internal static bool IsReserved(ReadOnlySpan<byte> name, bool inRoot) => name.StartsWith(PassingPrefix)
        || inRoot && name.SequenceEqual(ReservedFolder) || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8);

    /// <summary>
    /// The stored name of a regular file, written into <paramref name="buffer"/> (of <see cref="BufferBytes"/>).
    /// </summary>
    internal static NativeName Of(ReadOnlySpan<byte> logical, Span<byte> buffer)
    {
        if (!IsShortened(logical))
            return WithSuffix(logical, buffer);
        int head = Math.Min(logical.Length, LongestHead);
        // No part of a UTF-8 character stays behind.
        for (int back = 0; back < 3 && head < logical.Length && (logical[head] & 0xC0) == 0x80; back++)
            head--;
        Span<byte> hash = stackalloc byte[Sha256.Bytes];
        Sha256.Hash(logical, hash);
        Span<byte> name = stackalloc byte[MaxLogicalBytes];
        logical[..head].CopyTo(name);
        name[head++] = Escape;
        for (int i = 0; i < HashBytes; i++)
        {
            name[head++] = Digits[hash[i] >> 4];
            name[head++] = Digits[hash[i] & 15];
        }
        return WithSuffix(name[..head], buffer);
    }

    /// <summary>The name with the suffix behind it, whatever it looks like.</summary>
    internal static NativeName WithSuffix(scoped ReadOnlySpan<byte> logical, Span<byte> buffer)
    {
        logical.CopyTo(buffer);
        Suffix.CopyTo(buffer[logical.Length..]);
        int length = logical.Length + Suffix.Length;
        buffer[length] = 0;
        return new NativeName(buffer[..(length + 1)]);
    }

    /// <summary>
    /// Whether a regular file of this logical name is stored under a shortened name with a hash of the whole one.
    /// </summary>
    internal static bool IsShortened(ReadOnlySpan<byte> logical) => logical.Length > MaxLogicalBytes
        || LooksShortened(logical);

    /// <summary>Whether a stored name without its suffix is one that <see cref="Of"/> may have shortened.</summary>
    internal static bool LooksShortened(ReadOnlySpan<byte> name) =>
        name.Length > HashDigits + 1 && name[^(HashDigits + 1)] == Escape
            && !name[^HashDigits..].ContainsAnyExcept(AnyDigit);

    /// <summary>
    /// The same, for a name as long as those of more than <see cref="MaxLogicalBytes"/> become: hardly any other name
    /// is.
    /// </summary>
    internal static bool IsAsLongAsShortened(ReadOnlySpan<byte> name) => name.Length > MaxLogicalBytes - 4
        && LooksShortened(name);

    private static ReadOnlySpan<byte> Digits => "0123456789abcdef"u8;
    private static readonly SearchValues<byte> AnyDigit = SearchValues.Create(Digits);

    /// <summary>
    /// Whether a regular file of this name is a stored file, and which logical name it has (where it is not a shortened
    /// one). <c>.zst</c> alone is not one.
    /// </summary>
    internal static bool TryToLogical(ReadOnlySpan<byte> stored, out ReadOnlySpan<byte> logical)
    {
        bool isStored = stored.Length > Suffix.Length && stored.EndsWith(Suffix);
        logical = isStored ? stored[..^Suffix.Length] : default;
        return isStored;
    }

    /// <summary>
    /// The name in the source of a folder, symlink or special file, written into <paramref name="buffer"/>. The kernel
    /// finds it too long where the logical name has 255 bytes and ends like an escaped one.
    /// </summary>
    internal static NativeName OfNode(ReadOnlySpan<byte> logical, Span<byte> buffer)
    {
        logical.CopyTo(buffer);
        int length = logical.Length;
        if (TryToLogical(logical, out _))
            buffer[length - 1] = Escape;
        else if (EndsEscaped(logical))
            buffer[length++] = Escape;
        buffer[length] = 0;
        return new NativeName(buffer[..(length + 1)]);
    }

    /// <summary>Whether a folder of this logical name has another one in the source.</summary>
    internal static bool IsEscaped(ReadOnlySpan<byte> logical) => TryToLogical(logical, out _) || EndsEscaped(logical);

    /// <summary>The logical name of a folder, symlink or special file. <paramref name="buffer"/> may hold it.</summary>
    internal static ReadOnlySpan<byte> ToLogicalNode(ReadOnlySpan<byte> stored, Span<byte> buffer)
    {
        if (!EndsEscaped(stored))
            return stored;
        if (stored[^2] == Escape)
            return stored[..^1];
        stored.CopyTo(buffer);
        buffer[stored.Length - 1] = Suffix[^1];
        return buffer[..stored.Length];
    }

    private static bool EndsEscaped(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty || name[^1] != Escape)
            return false;
        ReadOnlySpan<byte> head = name.TrimEnd(Escape);
        return head.Length > EscapedSuffix.Length && head.EndsWith(EscapedSuffix);
    }
}
