using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>A folder that is open to be listed.</summary>
/// <param name="descriptor">The folder, at a position of its own.</param>
/// <param name="folder">Its node.</param>
/// <param name="stat">As it was when it was opened.</param>
/// <param name="isElsewhere">On another file system than the root.</param>
/// <param name="share">Of its user's open files.</param>
internal sealed class Listing(FileDescriptor descriptor, Node folder, Statx stat, bool isElsewhere, HandleShare share) : IDisposable
{
    /// <summary>Guards the position.</summary>
    internal readonly Lock Gate = new();
    internal readonly FileDescriptor Descriptor = descriptor;
    internal readonly Node Folder = folder;
    internal readonly Statx Stat = stat;
    internal readonly bool IsElsewhere = isElsewhere;
    internal readonly HandleShare Share = share;

    /// <summary>How many entries came with their attributes since it was begun. Guarded by <see cref="Gate"/>.</summary>
    internal int WithAttributes;

    /// <summary>Position of the last entry that was given. Guarded by <see cref="Gate"/>.</summary>
    internal ulong Shown;
    /// <summary>The descriptor stands there, and nothing that it has passed is still to be given. Guarded by <see cref="Gate"/>.</summary>
    internal bool IsAtShown = true;

    public void Dispose() => Descriptor.Dispose();
}
