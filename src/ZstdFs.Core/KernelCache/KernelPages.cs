using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.KernelCache;

/// <summary>What the kernel's pages of a file are worth to an open of it.</summary>
internal enum KeptPages
{
    /// <summary>There are none, or none that count.</summary>
    None,
    /// <summary>They hold the version that was opened.</summary>
    Current,
    /// <summary>They hold another one, and must go.</summary>
    Stale,
}

/// <summary>
/// The pages of files that the kernel keeps. It keeps them over opens, writes through the mount and commits
/// (EXPLICIT_INVAL_DATA) until the daemon has it drop them. So the daemon must notice here that a stored file was
/// changed behind the mount's back: at each open, and before attributes are told, because with them the kernel learns a
/// new length.
/// </summary>
internal sealed class KernelPages(KernelNotices notices, DirectoryCache directories, ContentTable contents)
{
    /// <summary>The kernel drops no pages by itself when a modification time changes.</summary>
    internal bool AreKept { get; set; }

    /// <summary>An open of a version is about to be answered. The caller holds the node's gate.</summary>
    internal static KeptPages NoteOpened(Node node, ulong version)
    {
        ulong cached = node.CachedVersion;
        if (cached == version)
            return KeptPages.Current;
        // The version stays as it is until the pages are gone: another open must not keep them either.
        if (cached != 0)
            return KeptPages.Stale;
        node.CachedVersion = version;
        return KeptPages.None;
    }

    /// <summary>
    /// The attributes of a file are about to be told. This waits for READ and WRITE requests of the file that are under
    /// way. So the caller holds no lock that one of them needs, and answers no request that keeps the kernel from
    /// writing pages (SETATTR, FALLOCATE).
    /// </summary>
    internal void NoteShown(Node node, in Statx stat)
    {
        if (!AreKept || node.Kind != NodeKind.Stored)
            return;
        ulong cached = node.CachedVersion;
        if (cached != 0 && cached != StoredIdentity.Of(stat).Version && !node.HasStalePages && IsStale(node))
            Drop(node);
    }

    /// <summary>
    /// The kernel must read the whole file again. Handles that are open may read another version, so the next open must
    /// not keep the pages that the kernel reads for them.
    /// </summary>
    internal void Drop(Node node)
    {
        node.NoteDroppedPages();
        notices.InvalidatePages(node.Id, 0, 0);
    }

    /// <summary>The same after an open of a version, whose pages the kernel may keep from here on.</summary>
    internal void DropFor(FileContent opened)
    {
        Drop(opened.Node);
        // Take the version that is published at this moment: a commit may have followed the opened one.
        lock (opened.Node.LinksGate)
            opened.Node.KeepPagesFromNowOn(opened.Published.Identity.Version);
    }

    /// <summary>
    /// Looks again under the gate, where no commit can move the name: a version that a commit has just published is no
    /// change behind the mount's back.
    /// </summary>
    private bool IsStale(Node node)
    {
        lock (node.LinksGate)
        {
            if (node.AnyLink is not { } link || directories.Rent(link.Parent, out DescriptorLease lease) < 0)
                return false;
            Statx stat;
            using (lease)
            {
                Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
                if (SystemCallsAt.Stat(lease.Descriptor, link.Find(lease.Descriptor, NodeKind.Stored, buffer),
                    out stat) < 0)
                    return false;
            }
            // The first content of a new file is written in place, which changes its version.
            return StoredIdentity.Of(stat).Version != node.CachedVersion
                && contents.Find(node.Id) is not { Base.IsFresh: true };
        }
    }
}
