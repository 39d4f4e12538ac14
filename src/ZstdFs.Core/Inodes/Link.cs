using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>One name of a node: an entry in a parent folder.</summary>
/// <param name="Parent">The folder.</param>
/// <param name="Name">Logical name with its NUL.</param>
internal sealed record Link(Node Parent, byte[] Name)
{
    /// <summary>The name for a system call.</summary>
    internal NativeName NativeName => new(Name);

    /// <summary>The name without its NUL.</summary>
    internal ReadOnlySpan<byte> Bytes => Name.AsSpan(0, Name.Length - 1);

    /// <summary>Whether it is this name in this folder.</summary>
    internal bool Is(Node parent, ReadOnlySpan<byte> name) => Parent == parent && Bytes.SequenceEqual(name);
}
