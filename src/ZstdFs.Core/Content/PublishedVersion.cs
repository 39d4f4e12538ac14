using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// The version that a file's name leads to, as this mount left it last. A commit must not replace any other. Guarded by
/// the node's <see cref="Node.LinksGate"/>.
/// </summary>
internal sealed class PublishedVersion(StorageServices services, Node node, StoredIdentity opened)
{
    /// <summary>What tells it from every other.</summary>
    internal StoredIdentity Identity { get; private set; } = opened;

    /// <summary>The stored file's inode number.</summary>
    internal ulong InodeNumber => Identity.InodeNumber;

    /// <summary>Number of the version, for the kernel's pages and the log.</summary>
    internal ulong Version => Identity.Version;

    /// <summary>
    /// A step of this mount changed the published file's length or time, and the stat after it failed.
    /// </summary>
    internal bool IsUnseen { get; set; }

    /// <summary>
    /// Whether a stored file is this version. Until a stat of that works, the same inode is enough.
    /// </summary>
    internal bool Is(in Statx stored) => IsUnseen
        ? stored.InodeNumber == Identity.InodeNumber
        : StoredIdentity.Of(stored) == Identity;

    /// <summary>
    /// The name leads to this stored file, which has the same content for programs that have the file open.
    /// </summary>
    internal void Note(in Statx stored)
    {
        StoredIdentity next = StoredIdentity.Of(stored);
        // The kernel's pages hold this content: the writes went through them.
        node.KeepPages(Identity.Version, next.Version);
        Identity = next;
        IsUnseen = false;
        services.Publications.Note(node.Id);
    }
}
