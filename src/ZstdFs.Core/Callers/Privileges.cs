using ZstdFs.Core.Attributes;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Callers;

/// <summary>
/// Removes set-id bits when a caller without the right to keep them changes the content, and capabilities when any
/// caller does. The kernel says when the bits must go (HANDLE_KILLPRIV_V2). It removes capabilities itself, except at
/// writes past its page cache.
/// </summary>
/// <param name="directories">Open folders.</param>
/// <param name="invalidateAttributes">Makes the kernel ask for a node's attributes again.</param>
internal sealed class Privileges(DirectoryCache directories, Action<ulong> invalidateAttributes)
{
    internal const uint SetGroup = 0x400;

    private const uint SetUser = 0x800, GroupExecute = 0x8;

    /// <summary>Called before the content changes. Looks at the file once, not at every write.</summary>
    internal void Drop(FileContent content, in Writer writer)
    {
        if (!content.Marks.MayHavePrivileges || writer.KeepsPrivileges)
            return;
        Node node = content.Node;
        lock (node.LinksGate)
        {
            if (!TryLocate(content, out AttributePlace place))
                return;
            using (place)
            {
                if (place.Stat(out Statx stat) < 0)
                    return;
                uint kept = Without(stat, writer);
                bool changes = kept != (stat.Mode & 0xFFFu);
                // Where the bits stay for now, the next change must look again, and the kernel, which takes them for
                // gone, must learn that they are there. A writer that is in the file's group may keep the set-group
                // bit, which the next writer may not.
                bool isDone = !changes || place.ChangeMode(kept) >= 0;
                content.Marks.MayHavePrivileges = !isDone || (kept & (SetUser | SetGroup)) != 0;
                if (!changes)
                    return;
            }
        }
        invalidateAttributes(node.Id);
    }

    /// <summary>
    /// The same for a plain file. It looks at the mode each time, because other programs change the mode in the source;
    /// the look costs little beside a request.
    /// </summary>
    internal void Drop(Node node, FileDescriptor plain, in Writer writer)
    {
        if (writer.KeepsPrivileges || SystemCallsAt.Stat(plain, out Statx stat) < 0 || Of(stat) == 0)
            return;
        // No chmod(2) through the mount comes between the look and the change.
        lock (node.LinksGate)
        {
            if (SystemCallsAt.Stat(plain, out stat) < 0)
                return;
            uint kept = Without(stat, writer);
            if (kept == (stat.Mode & 0xFFFu) || SystemCallsFile.ChangeMode(plain, kept) < 0)
                return;
        }
        invalidateAttributes(node.Id);
    }

    /// <summary>Called before the content changes.</summary>
    internal void DropCapabilities(FileContent content)
    {
        if (!content.Marks.MayHaveCapabilities)
            return;
        // Under the gate, because a commit copies the attributes to the next version under it.
        lock (content.Node.LinksGate)
        {
            if (!TryLocate(content, out AttributePlace place))
                return;
            using (place)
            {
                int result = place.RemoveExtended(StoredAttributes.Capabilities);
                // A daemon that may remove none is refused where there are none, too.
                if (result == -(int)Errno.EPERM && place.GetExtended(StoredAttributes.Capabilities, default) < 0)
                    result = -(int)Errno.ENODATA;
                // Where they stay for now, the next change must try again.
                content.Marks.MayHaveCapabilities =
                    result is < 0 and not (-(int)Errno.ENODATA or -(int)Errno.EOPNOTSUPP);
            }
        }
    }

    /// <summary>
    /// Locates the stored file that the name leads to, or the open one of a file without a name. The caller holds the
    /// node's gate, so that no commit moves the name.
    /// </summary>
    private bool TryLocate(FileContent content, out AttributePlace place)
    {
        Link? link = content.Node.AnyLink;
        bool isOpen = content.TryRentStored(link is not null, out DescriptorLease lease);
        place = isOpen ? new AttributePlace(lease) : default;
        if (isOpen || link is null || directories.Rent(link.Parent, out lease) < 0)
            return isOpen;
        place = new AttributePlace(lease, link, content.Node.Kind);
        return true;
    }

    /// <summary>
    /// The set-id bits of a mode. The kernel must not serve a file with one by itself: the mount would not see the
    /// writes at which the bits must go.
    /// </summary>
    internal static uint Of(in Statx stat) => Of(stat.Mode);

    internal static uint Of(uint mode) => mode & (SetUser | SetGroup);

    /// <summary>
    /// The mode without the bits that a change by this writer removes. In a file that the group may not execute, the
    /// set-group bit has meant mandatory locking: a writer in the group leaves it.
    /// </summary>
    internal static uint Without(in Statx stat, in Writer writer)
    {
        uint mode = stat.Mode & 0xFFFu & ~SetUser;
        return (mode & SetGroup) != 0 && ((mode & GroupExecute) != 0 || !writer.IsIn(stat.GroupId))
            ? mode & ~SetGroup : mode;
    }
}
