using ZstdFs.Core.Callers;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.KernelCache;
using ZstdFs.Core.Names;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem.Handles;

/// <summary>Opens what a node stands for.</summary>
internal sealed class FileOpener(Volume volume)
{
    private const int MostAttempts = 3;

    /// <param name="nodeId">The file.</param>
    /// <param name="access">What the caller may do.</param>
    /// <param name="appends">Only to write at the end.</param>
    /// <param name="mayLend">The kernel may serve it by itself.</param>
    /// <param name="handle">The open file.</param>
    /// <param name="pages">What the kernel's pages of it are worth.</param>
    internal int Open(
        ulong nodeId, OpenAccess access, bool appends, bool mayLend, out OpenHandle handle, out KeptPages pages)
    {
        handle = null!;
        pages = KeptPages.None;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        if (access != OpenAccess.Read && volume.IsReadOnly)
            return -(int)Errno.EROFS;
        int result = -(int)Errno.ESTALE;
        // The kernel does not say by which name an open comes. After ESTALE it looks that name up again.
        if (node.KnownLinks > 1 && ForgetLostNames(node))
            return result;
        // A rename may move the node after its name was read and before the name is used. The node has another name
        // then.
        for (int attempt = 0; attempt < MostAttempts && node.AnyLink is { } link; attempt++)
        {
            result = node.Kind switch
            {
                NodeKind.Stored => OpenStored(node, link, access, appends, mayLend, out handle, out pages),
                NodeKind.Plain => OpenPlain(node, link, access, appends, out handle),
                _ => -(int)Errno.EOPNOTSUPP,
            };
            if (result == -(int)Errno.ETXTBSY && volume.Contents.Hold(nodeId) is { } lent)
            {
                volume.Contents.TakeBackSoon(lent, alsoReaders: true);
                volume.Release(lent);
                result = OpenStored(node, link, access, appends, mayLend, out handle, out pages);
            }
            // ESTALE: the name leads to another file. Either the name is not this node's any more, or the kernel must
            // look it up again.
            if (result is not (-(int)Errno.ENOENT or -(int)Errno.ESTALE))
                return result;
            // The kernel looks its name up again. It comes back with the file that has the name, or with a name that is
            // preferred from then on. Another name must not be tried here: it may belong to a file that the caller does
            // not mean.
            if (node.AnyLink == link && (node.TryPreferNext(link) || result == -(int)Errno.ESTALE))
                return -(int)Errno.ESTALE;
        }
        return OpenNameless(node, access, out handle) is < 0 and var failed
            ? (result == -(int)Errno.ENOENT ? failed : result)
            : 0;
    }

    /// <summary>
    /// Another program may have taken some of the file's names in the source, or put other files under them. Forgets
    /// these names. True where there were any.
    /// </summary>
    private bool ForgetLostNames(Node node)
    {
        lock (node.LinksGate)
        {
            (ulong Inode, ulong Device) first = default;
            bool areOne = true;
            for (int i = 0; areOne && node.LinkAt(i) is { } link; i++)
            {
                areOne = TryFind(link, node.Kind, out (ulong, ulong) stored) && (i == 0 || stored == first);
                first = stored;
            }
            if (areOne)
                return false;
            int known = node.KnownLinks;
            for (int i = known - 1; i >= 0 && node.KnownLinks > 1; i--)
            {
                if (node.LinkAt(i) is { } link && !LeadsTo(link, node))
                    volume.Nodes.RemoveLink(node, link.Parent, link.Bytes);
            }
            return node.KnownLinks < known;
        }
    }

    private bool TryFind(Link link, NodeKind kind, out (ulong Inode, ulong Device) stored)
    {
        stored = default;
        if (volume.Directories.Rent(link.Parent, out DescriptorLease lease) < 0)
            return false;
        using (lease)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            NativeName name = link.Find(lease.Descriptor, kind, buffer);
            if (SystemCallsAt.Stat(lease.Descriptor, name, out Statx stat) < 0)
                return false;
            stored = (stat.InodeNumber, stat.Device);
            return true;
        }
    }

    /// <summary>True also where that cannot be found out at this moment.</summary>
    private bool LeadsTo(Link link, Node node)
    {
        if (volume.Directories.Rent(link.Parent, out DescriptorLease lease) < 0)
            return true;
        using (lease)
        {
            bool isRoots = link.Parent == volume.Nodes.Root;
            int result = volume.Resolver.Resolve(lease.Descriptor, isRoots, link.Bytes, out Resolved resolved);
            return result >= 0 ? resolved.Id == node.Id : result != -(int)Errno.ENOENT;
        }
    }

    /// <summary>
    /// Opens a file that was unlinked meanwhile, or that is still open elsewhere: /proc/PID/fd leads here.
    /// </summary>
    private int OpenNameless(Node node, OpenAccess access, out OpenHandle handle)
    {
        handle = null!;
        if (volume.Contents.Hold(node.Id) is { } held)
        {
            handle = new OpenFile(volume, volume.Contents.Share(held, access));
            volume.Release(held);
            return 0;
        }
        lock (node.LinksGate)
        {
            if (node.Nameless is null || node.AnyLink is not null)
                return -(int)Errno.ESTALE;
            if (node.Kind is not (NodeKind.Stored or NodeKind.Plain))
                return -(int)Errno.EOPNOTSUPP;
            bool isPlain = node.Kind == NodeKind.Plain;
            int result = isPlain && access != OpenAccess.Read
                ? SourceTree.ReopenWrite(node.Nameless, out FileDescriptor stored)
                : SystemCallsAt.Reopen(node.Nameless, OpenFlags.ReadOnly | OpenFlags.NonBlocking, out stored);
            if (result < 0)
                return result;
            _ = SystemCallsFile.KeepAccessTime(stored);
            if (isPlain)
            {
                node.PlainHandles++;
                handle = new OpenPlainFile(volume, node, stored, access != OpenAccess.Read);
                return 0;
            }
            Statx stat = default;
            StoredFacts facts = default;
            result = SystemCallsAt.Stat(stored, out stat);
            if (result >= 0)
                result = volume.Services.Inspector.Inspect(
                    stored, ref stat, new NativeName("(deleted)\0"u8), out facts);
            if (result < 0)
            {
                stored.Dispose();
                return result;
            }
            var opened = StoredBase.Of(volume.Services, stored, stat, facts);
            var content = new FileContent(volume.Services, node, opened)
            {
                Birth = facts.Birth,
                Marks = { IsAppendOnly = stat.IsAppendOnly },
            };
            handle = new OpenFile(volume, volume.Contents.Add(content, access));
            return 0;
        }
    }

    private int OpenStored(
        Node node, Link link, OpenAccess access, bool appends, bool mayLend, out OpenHandle handle,
        out KeptPages pages)
    {
        handle = null!;
        pages = KeptPages.None;
        // The gate keeps commits from moving the name while its version is compared with the open one.
        lock (node.LinksGate)
        {
            int result = Find(link, out FileDescriptor stored, out Statx stat);
            if (result < 0)
                return result;
            if (access != OpenAccess.Read)
                result = ProtectedFile.CheckWrite(stat, appends);
            if (result < 0)
            {
                stored.Dispose();
                return result;
            }
            bool isAppendOnly = stat.IsAppendOnly;
            FileContent? lent = volume.Contents.Lend(
                node, stat, access, mayLend && !isAppendOnly && Privileges.Of(stat) == 0);
            // A program has had the file open or mapped since before it was append-only.
            bool isUnheard = isAppendOnly && access != OpenAccess.Read && volume.Contents.IsLentOn(node);
            OpenContent? open = isUnheard ? null : volume.Contents.TryShare(node, stat, access);
            if (lent is not null)
                volume.Release(lent);
            if (isUnheard)
            {
                stored.Dispose();
                return -(int)Errno.ETXTBSY;
            }
            if (open is not null)
            {
                stored.Dispose();
            }
            else if (volume.Contents.IsServedByKernel(node))
            {
                stored.Dispose();
                volume.Services.Log.Error(
                    $"{link.NativeName.ToString()}: changed in the source while a program has it open; opens fail "
                        + "until that is closed",
                    "busy",
                    node.Id);
                return -(int)Errno.EBUSY;
            }
            else
            {
                result = volume.Services.Inspector.Inspect(stored, ref stat, link.NativeName, out StoredFacts facts);
                // Another file may have taken the name since the kernel looked it up. After ESTALE the kernel looks
                // again.
                if (result >= 0 && facts.InodeNumber != node.Id)
                    result = -(int)Errno.ESTALE;
                if (result < 0)
                {
                    stored.Dispose();
                    return result;
                }
                // Finding the size may have written a record, which moves the change time only.
                open = volume.Contents.Add(
                    new FileContent(volume.Services, node, StoredBase.Of(volume.Services, stored, stat, facts))
                    { Birth = facts.Birth },
                    access);
            }
            open.Content.Marks.IsAppendOnly = isAppendOnly;
            pages = KernelPages.NoteOpened(node, open.Content.Published.Identity.Version);
            handle = new OpenFile(volume, open);
            return 0;
        }
    }

    private int Find(Link link, out FileDescriptor stored, out Statx stat)
    {
        stored = null!;
        stat = default;
        int result = volume.Directories.Rent(link.Parent, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            result = volume.Source.OpenRead(lease.Descriptor, link.Find(lease.Descriptor, NodeKind.Stored, buffer),
                out stored);
        }
        if (result < 0)
            return result;
        result = SystemCallsAt.Stat(stored, out stat);
        if (result < 0)
            stored.Dispose();
        return Math.Min(result, 0);
    }

    private int OpenPlain(Node node, Link link, OpenAccess access, bool appends, out OpenHandle handle)
    {
        handle = null!;
        // No conversion begins from here until the last handle is closed.
        lock (node.LinksGate)
        {
            if (node.Kind != NodeKind.Plain)
                return -(int)Errno.ENOENT;
            int result = volume.Directories.Rent(link.Parent, out DescriptorLease lease);
            if (result < 0)
                return result;
            FileDescriptor file;
            bool isAppendOnly = false;
            using (lease)
            {
                result = access != OpenAccess.Read
                    ? volume.Source.OpenWrite(lease.Descriptor, link.NativeName, out file)
                    : volume.Source.OpenRead(lease.Descriptor, link.NativeName, out file);
                // Each write request says whether it appends. Only a file with the flag of chattr(1) must be opened
                // with O_APPEND.
                isAppendOnly = result == -(int)Errno.EPERM && appends;
                if (isAppendOnly)
                    result = volume.Source.OpenAppend(lease.Descriptor, link.NativeName, out file);
            }
            if (result < 0)
                return result;
            node.PlainHandles++;
            handle = new OpenPlainFile(volume, node, file, access != OpenAccess.Read) { IsAppendOnly = isAppendOnly };
            return 0;
        }
    }
}
