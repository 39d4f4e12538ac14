using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Names;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Attributes;

/// <summary>Finds where a file's attributes are: at its open content, at a file without a name, or at a name.</summary>
/// <param name="nodes">Files by number.</param>
/// <param name="contents">What is open.</param>
/// <param name="directories">Open folders.</param>
/// <param name="resolver">Tells which file a name leads to.</param>
/// <param name="release">Gives up a hold on a content.</param>
internal sealed class AttributePlaces(
    NodeTable nodes, ContentTable contents, DirectoryCache directories, Resolver resolver,
    Action<FileContent> release)
{
    /// <summary>
    /// Not an errno: a program has opened the file since the daemon looked for its open content, which must hear of
    /// the change. The caller tries again.
    /// </summary>
    internal const int WasOpened = 1;

    /// <summary>The open content of a stored file; null where it is not open. The caller gives up the hold.</summary>
    internal FileContent? Hold(Node node) => node.Kind == NodeKind.Stored ? contents.Hold(node.Id) : null;

    /// <summary>
    /// Whether the content is still what is open. The caller holds the node's gate, under which files are opened.
    /// </summary>
    internal bool IsWhatIsOpen(Node node, FileContent? held) =>
        node.Kind != NodeKind.Stored || contents.Find(node.Id) == held;

    /// <summary>Finds where the attributes of a node are. 0 or −errno.</summary>
    internal int Locate(ulong nodeId, out AttributePlace place)
    {
        place = default;
        if (nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        FileContent? held = node.Kind == NodeKind.Stored ? contents.Hold(nodeId) : null;
        int result = Locate(node, held, out place);
        if (held is not null)
            release(held);
        return result;
    }

    /// <summary>
    /// The open file where it has something to commit, or no name. Otherwise the name, which shows what other programs
    /// did to the file in the source.
    /// </summary>
    internal int Locate(Node node, FileContent? content, out AttributePlace place)
    {
        place = default;
        Link? link = node.AnyLink;
        bool hasName = link is not null || node == nodes.Root;
        if (content is not null && (!hasName || content.IsDirty || content.Base.IsFresh)
            && content.TryRentStored(hasName, out DescriptorLease open))
        {
            place = new AttributePlace(open);
            return 0;
        }
        if (!hasName)
        {
            if (!node.TryRentNameless(out DescriptorLease nameless))
                return -(int)Errno.ENOENT;
            place = node.Kind == NodeKind.Directory
                ? new AttributePlace(nameless, null, node.Kind)
                : new AttributePlace(nameless);
            return 0;
        }
        if (node.KnownLinks > 1)
            return LocateName(node, content, out place);
        int result = directories.Rent(link?.Parent ?? node, out DescriptorLease folder);
        if (result >= 0)
            place = new AttributePlace(folder, link, node.Kind);
        return result;
    }

    /// <summary>
    /// Finds a name that still leads to a file with several names: another program may have removed some of them in the
    /// source. Where a name leads to another file, the caller may mean that file. So ESTALE makes the kernel look the
    /// name up again.
    /// </summary>
    private int LocateName(Node node, FileContent? content, out AttributePlace place)
    {
        place = default;
        for (int left = node.KnownLinks; node.AnyLink is { } link; left--)
        {
            int result = directories.Rent(link.Parent, out DescriptorLease folder);
            if (result < 0)
                return result;
            bool isRoots = link.Parent == nodes.Root;
            result = resolver.Resolve(folder.Descriptor, isRoots, link.Bytes, out Resolved resolved);
            if (result >= 0 && resolved.Id == node.Id)
            {
                place = new AttributePlace(folder, link, node.Kind);
                return 0;
            }
            folder.Dispose();
            if (result < 0 && result != -(int)Errno.ENOENT)
                return result;
            bool isAnother = result >= 0;
            if (!node.TryPreferNext(link) || left <= 1 || isAnother)
                break;
        }
        if (content is null || !content.TryRentStored(hasName: true, out DescriptorLease open))
            return -(int)Errno.ESTALE;
        place = new AttributePlace(open);
        return 0;
    }
}
