using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Names;

/// <summary>The steps that all ops that change names share.</summary>
internal sealed class NameChanges(
    StorageServices services, NameJournal? journal, NodeDescriptors descriptors, DirectoryCache directories,
    FolderGates folderGates, ContentTable contents)
{
    /// <summary>
    /// Not an errno. The op looked at a name, and before it could change the name, a conversion made a stored file of
    /// the plain one (or took it back). The caller starts the op again.
    /// </summary>
    internal const int Converted = 1;

    /// <summary>How many times an op starts before it gives up.</summary>
    internal const int Attempts = 3;

    /// <summary>
    /// Opens a folder in which a name is about to change. Refuses reserved names, and names longer than a stored file
    /// can have.
    /// </summary>
    internal int Prepare(ulong parentId, NativeName name, out Node parent, out DescriptorLease lease)
    {
        parent = null!;
        lease = default;
        if (services.State is null)
            return -(int)Errno.EROFS;
        if (name.Length > services.LongestName)
            return -(int)Errno.ENAMETOOLONG;
        if (StoredName.IsReserved(name.Bytes, parentId == NodeTable.RootId))
            return -(int)Errno.EPERM;
        if (journal?.Settle(parentId, name.Bytes) is < 0 and var half)
            return half;
        return descriptors.RentFolder(parentId, out parent, out lease);
    }

    /// <summary>The file lost its last name: the next mount must not look for a target of its working copy.</summary>
    internal void ForgetWorkingCopy(Node node)
    {
        if (contents.Hold(node.Id) is not { } held)
            return;
        held.ForgetName();
        descriptors.Close(contents.Release(held));
    }

    /// <summary>Writes the file's new path into its working copy.</summary>
    internal void NoteWorkingPath(Node node)
    {
        if (contents.Hold(node.Id) is not { } held)
            return;
        held.NotePath(node.LogicalPath());
        descriptors.Close(contents.Release(held));
    }

    /// <summary>
    /// Opens a file or folder before it loses the last name that the mount knows. Programs that have it open, or looked
    /// it up before, go on using it. The caller holds its gate. Null where the mount knows another name, or cannot open
    /// it.
    /// </summary>
    internal FileDescriptor? OpenLastName(Node node, Node parent, FileDescriptor directory, NativeName name)
    {
        if (!node.IsOnlyLink(parent, name.Bytes))
            return null;
        if (node.Kind == NodeKind.Directory)
            return directories.Take(node, directory, name);
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        NativeName source = NameInSource.Find(directory, node.Kind, name.Bytes, buffer);
        if (node.Kind != NodeKind.Special && services.Source.OpenRead(directory, source, out FileDescriptor file) >= 0)
            return file;
        return services.Source.OpenPath(directory, source, out file) >= 0 ? file : null;
    }

    /// <summary>
    /// The node lost its last known name, and keeps <paramref name="nameless"/> open. It may have lost its last known
    /// name before, and still hold a descriptor of the version of that time. The caller holds the node's gate.
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
    /// The file has just lost a name. It may have hard links that the kernel never looked up: then the mount must keep
    /// what programs write to it from here on. The caller holds its gate.
    /// </summary>
    /// <param name="node">The file.</param>
    /// <param name="linkCount">Its link count before that.</param>
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
    /// Removes the files that interrupted commits left in a folder; users do not see them. A commit under way holds the
    /// folder's gate while it has such a file, so none is removed under it. True where at least one file was removed.
    /// </summary>
    internal bool RemoveLeftovers(Node folder, FileDescriptor descriptor)
    {
        if (services.Source.OpenListing(descriptor, new NativeName(".\0"u8), out FileDescriptor listing) < 0)
            return false;
        bool any = false;
        using (listing)
        {
            if (DirectoryListing.Read(listing, services.Source.Watches, out DirectoryListing entries) < 0)
                return false;
            for (int i = 0; i < entries.Count; i++)
            {
                if (!StoredName.IsPassing(entries.Name(i).Bytes))
                    continue;
                lock (folderGates[folder])
                    any |= SystemCallsAt.Unlink(listing, entries.Name(i)) >= 0;
            }
        }
        return any;
    }

    /// <summary>
    /// Whether a conversion has changed the node's kind since its name was resolved. The caller holds the node's gate,
    /// so the answer stays true.
    /// </summary>
    internal static bool IsConverted(Node? node, in Resolved resolved) =>
        (node?.Kind, resolved.Kind) is (NodeKind.Stored, NodeKind.Plain) or (NodeKind.Plain, NodeKind.Stored);

    /// <summary>
    /// A folder's path for the <see cref="NameJournal"/>. −errno where the folder has none that the journal can take:
    /// it would name the root instead, and after a crash the next mount would look for the file there, and move it
    /// there.
    /// </summary>
    internal static int PathOf(Node folder, Node root, out byte[] path)
    {
        path = folder.LogicalPath();
        Node top = folder;
        for (int level = 0; level < path.Length && top.AnyLink is { } link; level++)
            top = link.Parent;
        if (top == root)
            return 0;
        return -(int)(path.Length == 0 && folder.HasName ? Errno.ENAMETOOLONG : Errno.ENOENT);
    }
}
