using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>What the kernel's pages of a file are worth to who opens it.</summary>
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
/// The pages of files that the kernel keeps. It keeps them over opens, writes through the mount and commits (EXPLICIT_INVAL_DATA), for as long as nobody says otherwise. So a stored file
/// that was changed behind the mount's back must be noticed here: at each open, and wherever attributes are told, because with them the kernel learns a new length.
/// </summary>
internal sealed class KernelPages(Volume volume)
{
    /// <summary>The kernel drops none by itself because a modification time has changed.</summary>
    internal bool AreKept { get; set; }

    /// <summary>A version is about to be opened. The caller holds the node's gate.</summary>
    internal static KeptPages NoteOpened(Node node, ulong version)
    {
        ulong cached = node.CachedVersion;
        if (cached == version)
            return KeptPages.Current;
        // Until they are gone, whoever else opens the file must not keep them either.
        if (cached != 0)
            return KeptPages.Stale;
        node.CachedVersion = version;
        return KeptPages.None;
    }

    /// <summary>
    /// The attributes of a file are about to be told. It waits for READ and WRITE requests of the file that are under way: the caller holds no lock that one of them needs, and
    /// answers no request that keeps the kernel from writing pages (SETATTR, FALLOCATE).
    /// </summary>
    internal void NoteShown(Node node, in Statx stat)
    {
        if (!AreKept || node.Kind != NodeKind.Stored)
            return;
        ulong cached = node.CachedVersion;
        if (cached != 0 && cached != StoredIdentity.Of(stat).Version && !node.HasStalePages && IsStale(node))
            Drop(node);
    }

    /// <summary>The kernel must read the whole file again. What it reads then counts only for who opens the file after that: who has it open may read another version.</summary>
    internal void Drop(Node node)
    {
        node.NoteDroppedPages();
        volume.InvalidatePages(node.Id, 0, 0);
    }

    /// <summary>The same for who has just opened a version, whose pages may be kept from now on.</summary>
    internal void DropFor(FileContent opened)
    {
        Drop(opened.Node);
        // Not the version from before: a commit may have followed it meanwhile.
        lock (opened.Node.LinksGate)
            opened.Node.KeepPagesFromNowOn(opened.Published.Version);
    }

    /// <summary>Looked at again where no commit can move the name: one that has just been published is a new version, and no change behind the mount's back.</summary>
    private bool IsStale(Node node)
    {
        lock (node.LinksGate)
        {
            if (node.AnyLink is not { } link || volume.Directories.Rent(link.Parent, out DescriptorLease lease) < 0)
                return false;
            Statx stat;
            using (lease)
            {
                Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
                if (SystemCallsAt.Stat(lease.Descriptor, link.Find(lease.Descriptor, NodeKind.Stored, buffer),
                    out stat) < 0)
                    return false;
            }
            // The first content of a new file is written in its place.
            return StoredIdentity.Of(stat).Version != node.CachedVersion && volume.Contents.Find(node.Id) is not { Base.IsFresh: true };
        }
    }
}
