using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// An open folder of a source, shared by all that still have work in it: the last release closes its descriptor.
/// Thread-safe.
/// </summary>
internal sealed class SourceFolder(FileDescriptor descriptor, byte[] path, in Statx stat, bool ownsDescriptor = true)
{
    private int _users = 1;

    /// <summary>The folder, open.</summary>
    internal FileDescriptor Descriptor { get; } = descriptor;

    /// <summary>Path below the source's root; empty for the root itself, no slash at either end, no NUL.</summary>
    internal byte[] Path { get; } = path;

    /// <summary>The folder as it was when it was opened, before anything in it was changed.</summary>
    internal Statx Stat { get; } = stat;

    /// <summary>It is the source's root.</summary>
    internal bool IsRoot => Path is [];

    /// <summary>The path of a name in this folder.</summary>
    internal byte[] PathOf(ReadOnlySpan<byte> name) => IsRoot ? name.ToArray() : [.. Path, (byte)'/', .. name];

    /// <summary>One more user, until it calls <see cref="Release"/>.</summary>
    internal SourceFolder Retain()
    {
        Interlocked.Increment(ref _users);
        return this;
    }

    /// <summary>One user less; the last one closes the folder.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0 && ownsDescriptor)
            Descriptor.Dispose();
    }
}
