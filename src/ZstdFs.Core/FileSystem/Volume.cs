using ZstdFs.Core.Callers;
using ZstdFs.Core.Commits;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.KernelCache;
using ZstdFs.Core.LiveConversion;
using ZstdFs.Core.Names;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Overlays;
using ZstdFs.Core.Policy;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>What all ops share: one source, its nodes, its open files, and the way attributes are shown.</summary>
internal sealed class Volume : IDisposable
{
    private const int OpenDirectories = 512;
    // A commit of a file takes many times as long as one look at it, so few looks meet a commit.
    private const int Attempts = 16;

    private readonly ulong _timeoutSeconds;
    private readonly uint _timeoutNanoseconds;
    private readonly ReturnedMemory _returnedMemory = new();
    private readonly FolderChanges _folderChanges;

    internal Volume(
        SourceTree source, StateFolder? state, FileSystemOptions options, LevelRules? rules, IInodeStore inodes,
        BoundedLog log)
    {
        Inodes = inodes;
        _folderChanges = OpenFolderChanges(source, state);
        FolderGates = new FolderGates(_folderChanges);
        Nodes = new NodeTable(inodes, _returnedMemory.Expect);
        Services = new StorageServices(source, state, options, log) { Rules = rules };
        Directories = new DirectoryCache(source, Nodes.Root, OpenDirectories);
        Contents = new ContentTable(Nodes);
        Committer = new Committer(Services, Directories, FolderGates, SettleNames);
        Keeping = new Keeping(Services, Committer);
        Queue = new CommitQueue(Contents, Committer, Keeping, log, Revert, Forgotten);
        WriteBack = new WriteBack(Contents, Committer.Durability, options.WriteBackAge, Release);
        Privileges = new Privileges(this);
        NameJournal = state is null ? null : new NameJournal(source, state, log);
        PlainFiles = new PlainFileView(options.PlainFiles, log);
        Pages = new KernelPages(this);
        ChangeTimes = new ChangeTimes(this);
        Resolver = new Resolver(Services, FolderGates);
        AccessTimes = new AccessTimes(source, options.KeepsAccessTimes, options.HasStrictAccessTimes);
        if (options.PlainFiles == Core.PlainFiles.Convert && state is { KeepsRecords: true })
            Conversion = new BackgroundConversion(this, state);
        CacheTimeout = options.CacheTimeout;
        _timeoutSeconds = (ulong)options.CacheTimeout.TotalSeconds;
        _timeoutNanoseconds = (uint)(options.CacheTimeout.Ticks % TimeSpan.TicksPerSecond * 100);
    }

    private int SettleNames(Node node) =>
        NameJournal is { } names && node.AnyLink is { } link ? names.Settle(link.Parent.Id, link.Bytes) : 0;

    /// <summary>A read-only mount reads what an earlier mount noted.</summary>
    private static FolderChanges OpenFolderChanges(SourceTree source, StateFolder? state)
    {
        if (state is not null)
            return new FolderChanges(source, state.Folder, readOnly: false);
        if (source.OpenDirectory(source.Root, new NativeName(".zstdfs\0"u8), out FileDescriptor folder) < 0)
            return new FolderChanges(source, folder: null, readOnly: true);
        using (folder)
            return new FolderChanges(source, folder, readOnly: true);
    }

    internal StorageServices Services { get; }
    internal SourceTree Source => Services.Source;
    internal IInodeStore Inodes { get; }
    internal NodeTable Nodes { get; }
    internal DirectoryCache Directories { get; }
    internal FolderGates FolderGates { get; }
    internal ContentTable Contents { get; }
    internal HandleShares Shares { get; } = new(ResourceLimits.OpenFiles, Credentials.UserId);
    internal Committer Committer { get; }
    internal Keeping Keeping { get; }
    internal CommitQueue Queue { get; }
    internal WriteBack WriteBack { get; }
    internal Privileges Privileges { get; }
    internal PlainFileView PlainFiles { get; }
    internal KernelPages Pages { get; }
    internal ChangeTimes ChangeTimes { get; }
    internal AccessTimes AccessTimes { get; }
    /// <summary>For renames that take two steps; null where nothing can be renamed.</summary>
    internal NameJournal? NameJournal { get; }
    internal Resolver Resolver { get; }
    /// <summary>
    /// Makes stored files of plain ones; null where the user did not ask for that, or it is impossible.
    /// </summary>
    internal BackgroundConversion? Conversion { get; }
    internal bool IsReadOnly => Services.State is null;

    /// <summary>How long the kernel may answer from what it has been told.</summary>
    internal TimeSpan CacheTimeout { get; }

    /// <summary>Tells the kernel what it must forget; null until the kernel has sent FUSE_INIT.</summary>
    internal FuseNotifier? Notifier { get; set; }

    /// <summary>
    /// The kernel says for each change of content whether set-id bits must go (HANDLE_KILLPRIV_V2). Before Linux 5.11
    /// it says so for some changes only.
    /// </summary>
    internal bool SaysWhoKeepsPrivileges { get; set; }

    /// <summary>Requests name no callers; those that create something name its owner instead (ALLOW_IDMAP).</summary>
    internal bool NamesOwnersOnly { get; set; }

    /// <summary>The user from whose share of the handles an open takes one.</summary>
    internal uint ShareOf(in RequestContext context) => Caller.ShareOf(context, NamesOwnersOnly);

    /// <summary>
    /// The caller that changes content. <paramref name="mustKill"/>: the kernel says that set-id bits must go.
    /// </summary>
    internal Writer WriterOf(in RequestContext context, bool mustKill) =>
        mustKill || SaysWhoKeepsPrivileges ? new Writer(context, keepsPrivileges: !mustKill) : Writer.Unknown(context);

    /// <summary>Makes the kernel ask for the attributes again. It keeps its pages.</summary>
    internal void InvalidateAttributes(ulong nodeId) => _ = Notifier?.InvalidateInode(nodeId, -1, 0);

    /// <summary>Makes the kernel read these bytes again.</summary>
    internal void InvalidatePages(ulong nodeId, long offset, long bytes) =>
        _ = Notifier?.InvalidateInode(nodeId, offset, bytes);

    /// <summary>
    /// Takes the old version of a file back, because what was written to it cannot be kept. False where a program has
    /// it open for writing again.
    /// </summary>
    internal bool Revert(FileContent content, int reason)
    {
        if (!Keeping.TryRevert(content, reason))
            return false;
        Pages.Drop(content.Node);
        return true;
    }

    /// <summary>Gives up a hold on an open file's content.</summary>
    internal void Release(FileContent content) => Forgotten(Contents.Release(content));

    /// <summary>Closes what a node holds that left the table.</summary>
    internal void Forgotten(Node? node)
    {
        if (node is null)
            return;
        Directories.Drop(node);
        lock (node.LinksGate)
        {
            node.Nameless?.Dispose();
            node.Nameless = null;
        }
    }

    /// <summary>Opens a folder by its node id, for calls on names in it.</summary>
    internal int RentFolder(ulong nodeId, out Node folder, out DescriptorLease lease)
    {
        lease = default;
        folder = Nodes.Find(nodeId)!;
        return folder is null ? -(int)Errno.ESTALE : Directories.Rent(folder, out lease);
    }

    /// <summary>Looks a name up and gives the kernel a reference to what it finds.</summary>
    internal int LookUp(Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, out FuseEntryOut entry)
    {
        entry = default;
        long before = Services.Publications.OfAll;
        int result = Acquire(parent, directory, name, out Resolved resolved, out Node node);
        if (result < 0)
            return result;
        entry = Entry(node, resolved);
        Conversion?.Consider(node);
        bool mayBeMixed = before != Services.Publications.OfAll;
        for (int attempt = 0; attempt < Attempts && mayBeMixed; attempt++)
        {
            before = Services.Publications.Of(node.Id);
            if (Resolver.Resolve(directory, parent == Nodes.Root, name, out resolved) < 0 || resolved.Id != node.Id)
                break;
            entry = Entry(node, resolved);
            mayBeMixed = before != Services.Publications.Of(node.Id);
        }
        Pages.NoteShown(node, resolved.Stat);
        return 0;
    }

    /// <summary>
    /// Finds what has a name, and takes a reference to its node. The result is as if a concurrent rename or removal
    /// came wholly before this, or wholly after it.
    /// </summary>
    internal int Acquire(
        Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, out Resolved resolved, out Node node)
    {
        while (true)
        {
            long takenNames = Nodes.TakenNames;
            int result = Find(parent, directory, name, out resolved);
            if (result < 0)
            {
                node = null!;
                return result;
            }
            bool isOnly = resolved.Stat.LinkCount <= 1;
            if (Nodes.TryAcquire(resolved.Id, resolved.Kind, parent, name, isOnly, takenNames, out node)
                || IsStillThere(node, parent, directory, name, ref resolved))
                return 0;
            Forgotten(Nodes.Forget(node.Id, 1));
        }
    }

    /// <summary>
    /// Whether the name still leads to the node. Since the lookup began, some file of the mount has lost a name, or the
    /// node is of another kind than the lookup saw. A later rename or removal finds the node in the table, and corrects
    /// its names.
    /// </summary>
    private bool IsStillThere(
        Node node, Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, ref Resolved resolved)
    {
        lock (node.LinksGate)
        {
            if (node.Kind == resolved.Kind)
            {
                byte[] terminated = new byte[name.Length + 1];
                name.CopyTo(terminated);
                Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
                NativeName native = new Link(parent, terminated).Find(directory, resolved.Kind, buffer);
                if (SystemCallsAt.Stat(directory, native, out Statx stat) < 0
                    || (stat.InodeNumber, stat.Device, stat.Birth.ToTimestamp())
                        != (resolved.Stat.InodeNumber, resolved.Stat.Device, resolved.Stat.Birth.ToTimestamp()))
                    return false;
                Nodes.AddLink(node, parent, name, stat.LinkCount <= 1 || stat.IsDirectory);
                return true;
            }
            // Only a conversion changes the kind, under this gate from its first step to its last.
            if (Resolver.Resolve(directory, parent == Nodes.Root, name, out Resolved now) < 0 || now.Id != node.Id)
                return false;
            (node.Kind, resolved) = (now.Kind, now);
            Nodes.AddLink(node, parent, name, now.Stat.LinkCount <= 1 || now.Kind == NodeKind.Directory);
            return true;
        }
    }

    /// <summary>
    /// Looks an entry of a listing up. One entry must not end the whole listing: every failure is returned as an errno.
    /// </summary>
    /// <param name="parent">The folder.</param>
    /// <param name="directory">The same, open.</param>
    /// <param name="name">Logical name.</param>
    /// <param name="withNode">
    /// Gives the kernel a reference and sets only <paramref name="entry"/>; otherwise only <paramref name="resolved"/>
    /// is set.
    /// </param>
    /// <param name="entry">The answer for the kernel.</param>
    /// <param name="resolved">What the name leads to.</param>
    internal int LookUpListed(
        Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, bool withNode,
        out FuseEntryOut entry, out Resolved resolved)
    {
        (entry, resolved) = (default, default);
        try
        {
            return withNode ? LookUp(parent, directory, name, out entry) : Find(parent, directory, name, out resolved);
        }
        catch (Exception e)
        {
            entry = default;
            Services.Log.Unexpected(
                $"'{PathOf(parent.Id)}/{System.Text.Encoding.UTF8.GetString(name)}': it is listed without its attributes",
                e);
            return -(int)Errno.EIO;
        }
    }

    /// <summary>Finds what has a name. It never shows a rename of two steps half done.</summary>
    internal int Find(Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, out Resolved resolved)
    {
        int result, steps;
        var wait = new SpinWait();
        do
        {
            // Users must not see half of a rename.
            if (NameJournal?.Settle(parent.Id, name) is < 0 and var half)
            {
                resolved = default;
                return half;
            }
            while ((steps = NameJournal?.Sequence ?? 0) % 2 != 0)
                wait.SpinOnce();
            result = Resolver.Resolve(directory, parent == Nodes.Root, name, out resolved);
        }
        while (NameJournal is not null && NameJournal.Sequence != steps);
        return result;
    }

    internal FuseEntryOut Entry(Node node, in Resolved resolved) => new()
    {
        NodeId = node.Id,
        Generation = NodeGeneration.Of(node.Id, resolved),
        EntryValid = _timeoutSeconds,
        EntryValidNsec = _timeoutNanoseconds,
        AttrValid = _timeoutSeconds,
        AttrValidNsec = _timeoutNanoseconds,
        Attr = Attributes(node, resolved),
    };

    /// <summary>The answer that a name does not exist; the kernel may remember it.</summary>
    internal FuseEntryOut NegativeEntry() =>
        new() { EntryValid = _timeoutSeconds, EntryValidNsec = _timeoutNanoseconds };

    /// <param name="node">The file or folder.</param>
    /// <param name="isChanging">The caller answers a change, during which nothing may wait for the kernel.</param>
    /// <param name="attributes">Its attributes.</param>
    internal int GetAttributes(Node node, bool isChanging, out FuseAttrOut attributes)
    {
        attributes = new FuseAttrOut { AttrValid = _timeoutSeconds, AttrValidNsec = _timeoutNanoseconds };
        int result = Gather(node, out Resolved resolved, out attributes.Attr);
        if (result >= 0 && !isChanging)
            Pages.NoteShown(node, resolved.Stat);
        return result;
    }

    /// <summary>A node's attributes. Where a commit publishes meanwhile, they are gathered again.</summary>
    private int Gather(Node node, out Resolved resolved, out FuseAttr attributes)
    {
        int result;
        attributes = default;
        long before;
        int attempt = 0;
        do
        {
            before = Services.Publications.Of(node.Id);
            result = Resolve(node, out resolved);
            if (result >= 0)
                attributes = Attributes(node, resolved);
        }
        while (before != Services.Publications.Of(node.Id) && attempt++ < Attempts);
        return result;
    }

    /// <summary>What statx(2) shows: the attributes and the birth time.</summary>
    internal int GetExtendedAttributes(Node node, out FuseStatxOut extended)
    {
        int result = Gather(node, out Resolved resolved, out FuseAttr attributes);
        Statx stored = resolved.Stat;
        if (result >= 0)
            Pages.NoteShown(node, stored);
        extended = new FuseStatxOut
        {
            AttrValid = _timeoutSeconds,
            AttrValidNsec = _timeoutNanoseconds,
            Stat = new FuseStatx
            {
                Mask = Statx.BasicStats | (resolved.Birth == default ? 0 : Statx.BirthTime),
                Blksize = attributes.Blksize,
                Nlink = attributes.Nlink,
                Uid = attributes.Uid,
                Gid = attributes.Gid,
                Mode = (ushort)attributes.Mode,
                Ino = attributes.Ino,
                Size = attributes.Size,
                Blocks = attributes.Blocks,
                Atime = new FuseSxTime { Seconds = attributes.Atime, Nanoseconds = attributes.AtimeNsec },
                Btime = new FuseSxTime
                {
                    Seconds = resolved.Birth.Seconds,
                    Nanoseconds = (uint)resolved.Birth.Nanoseconds
                },
                Ctime = new FuseSxTime { Seconds = attributes.Ctime, Nanoseconds = attributes.CtimeNsec },
                Mtime = new FuseSxTime { Seconds = attributes.Mtime, Nanoseconds = attributes.MtimeNsec },
                RdevMajor = stored.RdevMajor,
                RdevMinor = stored.RdevMinor,
            },
        };
        return result;
    }

    /// <summary>A node's path below the mount, for log messages.</summary>
    internal string PathOf(ulong nodeId)
    {
        if (Nodes.Find(nodeId) is not { } node)
            return $"node {nodeId}";
        var names = new List<string>();
        for (; node != Nodes.Root; node = names.Count < 4096 && node.AnyLink is { } link ? link.Parent : Nodes.Root)
            names.Insert(0, node.AnyLink is { } name ? name.NativeName.ToString() : "(deleted)");
        return string.Join('/', names);
    }

    /// <summary>
    /// A node's attributes: of its open content where that knows them, else of what its name leads to, else of the open
    /// file.
    /// </summary>
    internal int Resolve(Node node, out Resolved resolved)
    {
        resolved = default;
        int result = -(int)Errno.ESTALE;
        if (node == Nodes.Root)
        {
            Statx root;
            long look;
            do
            {
                look = FolderGates.Look();
                result = SystemCallsAt.Stat(Source.Root, out root);
            }
            while (!FolderGates.TryShow(look, Nodes.Root.Id, ref root));
            resolved = new Resolved(NodeKind.Directory, root.InodeNumber, root, root.Size, root.Birth.ToTimestamp());
            return Math.Min(result, 0);
        }
        if (node.Kind == NodeKind.Stored && Contents.Hold(node.Id) is { } current)
        {
            bool isKnown = current.TryStat(out Statx known, out ShownContent shown);
            resolved = new Resolved(NodeKind.Stored, node.Id, known, shown.LogicalBytes, current.Birth)
            {
                HasHoles = shown.HasHoles,
                Content = shown,
                ShowsChange = true,
            };
            Release(current);
            if (isKnown)
                return 0;
        }
        // A rename may move the node between reading its name and using it. Then the node has another name, which the
        // next attempt reads.
        for (int attempt = 0; attempt < Attempts && node.AnyLink is { } link; attempt++)
        {
            result = Directories.Rent(link.Parent, out DescriptorLease lease);
            if (result >= 0)
            {
                using (lease)
                    result = Resolver.Resolve(lease.Descriptor, link.Parent == Nodes.Root, link.Bytes, out resolved);
            }
            if (result >= 0 && resolved.Id == node.Id)
            {
                if (resolved.LogicalBytes < 0 && Contents.Hold(node.Id) is { } opened)
                {
                    resolved = resolved with { LogicalBytes = opened.ShownBytes() };
                    Release(opened);
                }
                return 0;
            }
            // A rename or removal changes the source first and the node's names a few steps later, all under the gate:
            // the gate waits for it. Where another program took the name in the source, a hard-linked file has other
            // names.
            lock (node.LinksGate)
            {
                if (node.AnyLink == link && !node.TryPreferNext(link))
                    break;
            }
        }
        if (Contents.Hold(node.Id) is not { } held)
            return node.AnyLink is null
                ? ResolveNameless(node, out resolved) : result < 0 ? result : -(int)Errno.ESTALE;
        Statx stat = default;
        result = held.TryRentBase(out DescriptorLease file)
            ? SystemCallsAt.Stat(file.Descriptor, out stat) : -(int)Errno.ESTALE;
        file.Dispose();
        long bytes = held.ShownBytes();
        ShownContent open = held.Show();
        resolved = new Resolved(node.Kind, node.Id, stat, bytes, stat.Birth.ToTimestamp())
        {
            HasHoles = open.HasHoles,
            Content = open,
        };
        Release(held);
        return Math.Min(result, 0);
    }

    /// <summary>
    /// The attributes of a file or folder that lost its last name, and whose content is not in <see cref="Contents"/>.
    /// </summary>
    private int ResolveNameless(Node node, out Resolved resolved)
    {
        resolved = default;
        if (!node.TryRentNameless(out DescriptorLease lease))
            return -(int)Errno.ESTALE;
        using (lease)
        {
            int result = SystemCallsAt.Stat(lease.Descriptor, out Statx stat);
            if (result < 0)
                return result;
            resolved = new Resolved(node.Kind, node.Id, stat, stat.Size, stat.Birth.ToTimestamp());
            if (node.Kind == NodeKind.Stored)
                resolved = Services.Inspector.Inspect(
                    lease.Descriptor, ref stat, new NativeName("(deleted)\0"u8), out StoredFacts facts) >= 0
                    ? new Resolved(NodeKind.Stored, node.Id, stat, facts.LogicalBytes, facts.Birth)
                    { HasHoles = facts.HasHoles, Change = facts.Change }
                    : resolved with { LogicalBytes = -1 };
            return 0;
        }
    }

    /// <summary>
    /// st_blocks: the space that the content would take up uncompressed, as on btrfs. A file that shows less counts as
    /// sparse to cp, tar and others, which then look for holes and do not copy inside the kernel. So only a file with
    /// holes shows less. It shows at least one block, because 0 tells tar that there is nothing to read.
    /// </summary>
    private static ulong ShownBlocks(long logicalBytes, ulong storedBlocks, bool hasHoles)
    {
        const int SectorBytes = 512, SectorsInBlock = 8;
        ulong whole = ((ulong)Math.Max(logicalBytes, 0) + SectorBytes * SectorsInBlock - 1)
            / (SectorBytes * SectorsInBlock) * SectorsInBlock;
        return hasHoles ? Math.Min(whole, Math.Max(storedBlocks, 1)) : whole;
    }

    private FuseAttr Attributes(Node node, in Resolved resolved)
    {
        Statx stat = resolved.Stat;
        Timestamp change = ChangeTimes.Of(node, resolved);
        var attributes = new FuseAttr
        {
            Ino = resolved.Id,
            Size = (ulong)Math.Max(resolved.LogicalBytes, 0),
            Blocks = node.Kind == NodeKind.Stored
                ? ShownBlocks(resolved.LogicalBytes, stat.Blocks, resolved.HasHoles) : stat.Blocks,
            Atime = stat.AccessTime.Seconds,
            AtimeNsec = stat.AccessTime.Nanoseconds,
            Mtime = stat.ModifyTime.Seconds,
            MtimeNsec = stat.ModifyTime.Nanoseconds,
            Ctime = change.Seconds,
            CtimeNsec = (uint)change.Nanoseconds,
            Mode = stat.Mode,
            Nlink = stat.LinkCount,
            Uid = stat.UserId,
            Gid = stat.GroupId,
            Rdev = stat.Rdev,
            Blksize = stat.BlockSize,
        };
        ShownContent? shown =
            node.Kind == NodeKind.Stored ? resolved.Content ?? Contents.Find(node.Id)?.Show() : null;
        if (shown is { IsDirty: true } content)
        {
            attributes.Size = (ulong)content.LogicalBytes;
            attributes.Blocks = ShownBlocks(content.LogicalBytes, stat.Blocks, content.HasHoles);
            attributes.Mtime = content.ModifyTime.Seconds;
            attributes.MtimeNsec = (uint)content.ModifyTime.Nanoseconds;
        }
        return attributes;
    }

    public void Dispose()
    {
        Conversion?.Dispose();
        WriteBack.Dispose();
        Queue.Dispose();
        NameJournal?.Dispose();
        Nodes.CloseNameless();
        if (Inodes.KeepsAll)
            Nodes.StoreAll();
        Inodes.Dispose();
        _returnedMemory.Dispose();
        _folderChanges.Dispose();
        Directories.Dispose();
        Services.Dispose();
    }
}
