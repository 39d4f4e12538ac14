using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>What every op that changes names needs.</summary>
internal sealed class NameChanges(Volume volume)
{
    /// <summary>Not an errno: a plain file became a stored one between the look at its name and the change of it, which is to be done again.</summary>
    internal const int Converted = 1;

    /// <summary>Looks before an op gives up.</summary>
    internal const int Attempts = 3;

    /// <summary>A folder in which a name is about to change. What is ours in the root cannot be named, and longer names than a stored file's cannot be made.</summary>
    internal int Prepare(ulong parentId, NativeName name, out Node parent, out DescriptorLease lease)
    {
        parent = null!;
        lease = default;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        if (name.Length > StoredName.MaxLogicalBytes)
            return -(int)Errno.ENAMETOOLONG;
        if (parentId == NodeTable.RootId && name.Bytes.SequenceEqual(StoredName.ReservedFolder))
            return -(int)Errno.EPERM;
        return volume.RentFolder(parentId, out parent, out lease);
    }

    /// <summary>The last name of a file is gone: its working copy has no target that the next mount could look for.</summary>
    internal void ForgetWorkingCopy(Node node)
    {
        if (volume.Contents.Hold(node.Id) is not { } held)
            return;
        held.ForgetName();
        volume.Release(held);
    }

    /// <summary>The name of a file changed: its working copy says so.</summary>
    internal void NoteWorkingPath(Node node)
    {
        if (volume.Contents.Hold(node.Id) is not { } held)
            return;
        held.NotePath(node.LogicalPath());
        volume.Release(held);
    }

    /// <summary>A stored file that is about to lose its last name, open, for who looked it up before. The caller holds its gate.</summary>
    internal FileDescriptor? OpenLastName(Node node, in Resolved resolved, FileDescriptor directory, NativeName name)
    {
        if (node.Kind != NodeKind.Stored || resolved.Stat.LinkCount > 1 || node.Nameless is not null)
            return null;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        return volume.Source.OpenRead(directory, StoredName.Of(name.Bytes, buffer), out FileDescriptor file) >= 0 ? file : null;
    }

    internal static int RemoveNative(FileDescriptor directory, NativeName name, NodeKind kind)
    {
        if (kind == NodeKind.Directory)
            return SystemCallsAt.RemoveDirectory(directory, name);
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        return SystemCallsAt.Unlink(directory, kind == NodeKind.Stored ? StoredName.Of(name.Bytes, buffer) : name);
    }

    /// <summary>Under the node's gate this stays so.</summary>
    internal static bool IsConverted(Node? node, in Resolved resolved) =>
        (node?.Kind, resolved.Kind) is (NodeKind.Stored, NodeKind.Plain) or (NodeKind.Plain, NodeKind.Stored);
}
