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

    /// <summary>A folder in which a name is about to change. What is ours cannot be named, and longer names than a stored file's cannot be made.</summary>
    internal int Prepare(ulong parentId, NativeName name, out Node parent, out DescriptorLease lease)
    {
        parent = null!;
        lease = default;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        if (name.Length > volume.Services.LongestName)
            return -(int)Errno.ENAMETOOLONG;
        if (StoredName.IsReserved(name.Bytes, parentId == NodeTable.RootId))
            return -(int)Errno.EPERM;
        if (volume.NameJournal?.Settle(parentId, name.Bytes) is < 0 and var half)
            return half;
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

    /// <summary>
    /// A file or folder that is about to lose the last name that is known, open: for programs that have it open, and those that looked it up before. The caller
    /// holds its gate.
    /// </summary>
    internal FileDescriptor? OpenLastName(Node node, Node parent, FileDescriptor directory, NativeName name)
    {
        if (!node.IsOnlyLink(parent, name.Bytes))
            return null;
        if (node.Kind == NodeKind.Directory)
            return volume.Directories.Take(node, directory, name);
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        NativeName source = NameInSource.Find(directory, node.Kind, name.Bytes, buffer);
        if (node.Kind != NodeKind.Special && volume.Source.OpenRead(directory, source, out FileDescriptor file) >= 0)
            return file;
        return volume.Source.OpenPath(directory, source, out file) >= 0 ? file : null;
    }

    /// <summary>
    /// The last known name is gone. An earlier one may have gone before, and left a descriptor of the version that the file
    /// had then. The caller holds the node's gate.
    /// </summary>
    internal static void KeepOpen(Node node, FileDescriptor? nameless)
    {
        if (nameless is null)
            return;
        FileDescriptor? earlier = node.Nameless;
        node.Nameless = nameless;
        earlier?.Dispose();
    }

    /// <summary>
    /// The file has just lost a name, and may have hard links that nobody looked up: what is written to it from now on is
    /// not lost with the name. The caller holds its gate.
    /// </summary>
    /// <param name="node">The file.</param>
    /// <param name="linkCount">As it was before.</param>
    internal static void NoteOtherNames(Node node, uint linkCount)
    {
        if (node.Kind == NodeKind.Directory || node.AnyLink is not null || linkCount <= 1 && !node.HasUnknownName)
            return;
        node.HasUnknownName = node.TryRentNameless(out DescriptorLease lease) ? HasAnyName(lease) : linkCount > 1;
    }

    private static bool HasAnyName(DescriptorLease nameless)
    {
        using (nameless)
            return SystemCallsAt.Stat(nameless.Descriptor, out Statx stat) < 0 || stat.LinkCount > 0;
    }

    internal static int RemoveNative(FileDescriptor directory, NativeName name, NodeKind kind)
    {
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        NativeName inSource = NameInSource.Find(directory, kind, name.Bytes, buffer);
        return kind == NodeKind.Directory ? SystemCallsAt.RemoveDirectory(directory, inSource)
            : SystemCallsAt.Unlink(directory, inSource);
    }

    /// <summary>
    /// What commits that a crash interrupted have left in a folder, which its users do not see. No commit is in the
    /// middle of it: that takes the folder's gate, too. True where something went.
    /// </summary>
    internal bool RemoveLeftovers(Node folder, FileDescriptor descriptor)
    {
        if (volume.Source.OpenListing(descriptor, new NativeName(".\0"u8), out FileDescriptor listing) < 0)
            return false;
        bool any = false;
        using (listing)
        {
            if (DirectoryListing.Read(listing, volume.Source.Watches, out DirectoryListing entries) < 0)
                return false;
            for (int i = 0; i < entries.Count; i++)
            {
                if (!StoredName.IsPassing(entries.Name(i).Bytes))
                    continue;
                lock (volume.FolderGates[folder])
                    any |= SystemCallsAt.Unlink(listing, entries.Name(i)) >= 0;
            }
        }
        return any;
    }

    /// <summary>Under the node's gate this stays so.</summary>
    internal static bool IsConverted(Node? node, in Resolved resolved) =>
        (node?.Kind, resolved.Kind) is (NodeKind.Stored, NodeKind.Plain) or (NodeKind.Plain, NodeKind.Stored);
}
