namespace ZstdFs.Linux;

/// <summary>
/// A file name, path or link target as Linux has it: bytes in no particular encoding, ended by a NUL byte that is part
/// of the memory behind this value. System calls take it without a copy.
/// </summary>
public readonly ref struct NativeName
{
    private const int LongestEntry = 255;

    private readonly ReadOnlySpan<byte> _terminated;

    /// <summary>Wraps <paramref name="terminated"/>, whose last byte must be the only NUL in it.</summary>
    /// <exception cref="ArgumentException">The last byte is not NUL, or an earlier one is.</exception>
    public NativeName(ReadOnlySpan<byte> terminated)
    {
        if (terminated.IsEmpty || terminated.IndexOf((byte)0) != terminated.Length - 1)
            throw new ArgumentException("A native name ends with its only NUL byte.", nameof(terminated));
        _terminated = terminated;
    }

    /// <summary>
    /// Whether these bytes are one name in a folder, with its NUL: a name that was read from a file leads nowhere else.
    /// </summary>
    public static bool IsEntry(ReadOnlySpan<byte> terminated) =>
        terminated.Length is > 1 and <= LongestEntry + 1 && terminated.IndexOf((byte)0) == terminated.Length - 1
        && !terminated.Contains((byte)'/') && !terminated.SequenceEqual(".\0"u8) && !terminated.SequenceEqual("..\0"u8);

    /// <summary>The bytes without the NUL.</summary>
    public ReadOnlySpan<byte> Bytes => _terminated.IsEmpty ? default : _terminated[..^1];

    /// <summary>The bytes with the NUL, for a system call.</summary>
    public ReadOnlySpan<byte> Terminated => _terminated.IsEmpty ? "\0"u8 : _terminated;

    /// <summary>Length in bytes, without the NUL.</summary>
    public int Length => _terminated.IsEmpty ? 0 : _terminated.Length - 1;

    /// <summary>The name for people: as UTF-8 where it is that, with replacement characters where it is not.</summary>
    public override string ToString() => System.Text.Encoding.UTF8.GetString(Bytes);
}
