using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// Set-id bits, which go when somebody without the right to keep them changes the content, and capabilities, which go when anybody does. Of the bits the kernel
/// says when (HANDLE_KILLPRIV_V2); capabilities it removes itself, except at writes past its page cache.
/// </summary>
internal sealed class Privileges(Volume volume)
{
    internal const uint SetGroup = 0x400;

    private const uint SetUser = 0x800, GroupExecute = 0x8;

    /// <summary>Called before the content changes. Costs a look at the file once, not at every write.</summary>
    internal void Drop(FileContent content, in Writer writer)
    {
        if (writer.KeepsPrivileges || !content.MayHavePrivileges)
            return;
        Node node = content.Node;
        lock (node.LinksGate)
        {
            if (SystemCallsAt.Stat(content.Base.Stored, out Statx stat) < 0)
                return;
            uint kept = Without(stat, writer);
            // A member of the group leaves what the next writer takes away.
            content.MayHavePrivileges = (kept & (SetUser | SetGroup)) != 0;
            if (kept == (stat.Mode & 0xFFFu))
                return;
            if (node.AnyLink is not { } link || volume.Directories.Rent(link.Parent, out DescriptorLease lease) < 0)
            {
                _ = SystemCallsFile.ChangeMode(content.Base.Stored, kept);
            }
            else
            {
                using (lease)
                {
                    Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
                    _ = SystemCallsAt.ChangeMode(lease.Descriptor, StoredName.Of(link.Bytes, buffer), kept);
                }
            }
        }
        volume.InvalidateAttributes(node.Id);
    }

    /// <summary>Called before the content changes.</summary>
    internal static void DropCapabilities(FileContent content)
    {
        if (!content.MayHaveCapabilities)
            return;
        content.MayHaveCapabilities = false;
        _ = ExtendedAttributes.Remove(content.Base.Stored, StoredAttributes.Capabilities);
    }

    /// <summary>The set-id bits that a mode has: nobody would take them away from a file that the kernel writes by itself.</summary>
    internal static uint Of(in Statx stat) => Of(stat.Mode);

    internal static uint Of(uint mode) => mode & (SetUser | SetGroup);

    /// <summary>The mode without the bits that this writer takes away. Without execution for the group its bit has meant mandatory locking: members leave it.</summary>
    internal static uint Without(in Statx stat, in Writer writer)
    {
        uint mode = stat.Mode & 0xFFFu & ~SetUser;
        return (mode & SetGroup) != 0 && ((mode & GroupExecute) != 0 || !writer.IsIn(stat.GroupId)) ? mode & ~SetGroup : mode;
    }
}
