using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Names that something has already, as the mount shows the source.</summary>
internal sealed class TakenNames(Volume volume)
{
    /// <summary>
    /// The errno for a name that is taken although the kernel believes it to be free. A caller that does not insist on
    /// a new file wants to open the one that is there: at ESTALE the kernel drops its belief, looks the name up again
    /// and opens that. Where the mount does not show what has the name in the source, that lookup would find nothing
    /// again, so the answer is EEXIST.
    /// </summary>
    internal int ErrnoOf(Node parent, FileDescriptor directory, NativeName name, bool mustBeNew) =>
        !mustBeNew && volume.NameLookup.Find(parent, directory, name.Bytes, out _) >= 0
            ? -(int)Errno.ESTALE
            : -(int)Errno.EEXIST;

    /// <summary>
    /// Whether something already has the logical name under another name in the source than the new file will get. The
    /// system call that makes the file would not notice it.
    /// </summary>
    internal bool IsTaken(Node parent, FileDescriptor directory, NativeName name, NodeKind kind)
    {
        if (StoredName.IsShortened(name.Bytes) || StoredName.IsEscaped(name.Bytes))
            return volume.Resolver.Resolve(directory, parent == volume.Nodes.Root, name.Bytes, out _) >= 0;
        // The new stored file would hide a plain one that the mount shows.
        if (kind == NodeKind.Stored)
            return SystemCallsAt.Stat(directory, name, out Statx native) >= 0
                && (!native.IsRegular || volume.Services.Options.PlainFiles != PlainFiles.Ignore);
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        return SystemCallsAt.Stat(directory, StoredName.Of(name.Bytes, buffer), out Statx stored) >= 0
            && stored.IsRegular;
    }
}
