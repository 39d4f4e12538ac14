using ZstdFs.Core.Attributes;
using ZstdFs.Core.Callers;
using ZstdFs.Core.Commits;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.KernelCache;
using ZstdFs.Core.LiveConversion;
using ZstdFs.Core.Names;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Policy;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Fuse;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>What all ops share: one source, its nodes, its open files, and the way attributes are shown.</summary>
internal sealed class Volume : IDisposable
{
    private const int OpenDirectories = 512;

    private readonly ReturnedMemory _returnedMemory = new();
    private readonly FolderChanges _folderChanges;

    internal Volume(
        SourceTree source, StateFolder? state, FileSystemOptions options, LevelRules? rules, IInodeStore inodes,
        BoundedLog log)
    {
        // What tables and folders hold.
        Inodes = inodes;
        _folderChanges = FolderChanges.Of(source, state?.Folder);
        if (state?.RootStep is { } step)
            _folderChanges.Note(NodeTable.RootId, step.Left, step.Shown);
        FolderGates = new FolderGates(_folderChanges);
        Nodes = new NodeTable(inodes, _returnedMemory.Expect);
        Services = new StorageServices(source, state, options, log) { Rules = rules };
        Directories = new DirectoryCache(source, Nodes.Root, OpenDirectories);
        Descriptors = new NodeDescriptors(Nodes, Directories);
        Contents = new ContentTable(Nodes);

        // What names lead to.
        NameJournal = state is null ? null : new NameJournal(source, state, log);
        Resolver = new Resolver(Services, FolderGates);
        NameLookup = new NameLookup(Nodes, Descriptors, Resolver, NameJournal);
        NodeResolver = new NodeResolver(Nodes, Descriptors, Directories, Contents, Resolver);
        WholeNames = new WholeNames(source, Directories);
        NameChanges = new NameChanges(Services, NameJournal, Descriptors, Directories, FolderGates, Contents);

        // What the kernel is told.
        CacheTimeout = options.CacheTimeout;
        Pages = new KernelPages(Notices, Directories, Contents);
        Privileges = new Privileges(Directories, Notices.InvalidateAttributes);
        ChangeTimes = new ChangeTimes(Services, Directories, Contents);
        AccessTimes = new AccessTimes(source, options);
        PlainFiles = new PlainFileView(options.PlainFiles, log);
        if (options.PlainFiles == Core.PlainFiles.Convert && state is { KeepsRecords: true })
            Conversion = new BackgroundConversion(
                Services, state, Nodes, Descriptors, new PlainFileSwap(Services, Directories, FolderGates, Notices));
        var valid = new ValidTime(CacheTimeout);
        Attributes = new ShownAttributes(Services, NodeResolver, Contents, ChangeTimes, Pages, valid);
        AttributePlaces = new AttributePlaces(Nodes, Contents, Directories, Resolver, Release);
        Entries = new EntryLookup(Services, NameLookup, NodeResolver, Attributes, Pages, Conversion, valid);

        // What becomes of written content. WriteBack comes last, because its thread starts at once.
        Committer = new Committer(Services, Directories, FolderGates, SettleNames);
        Keeping = new Keeping(Services, Committer);
        Queue = new CommitQueue(Contents, Committer, Keeping, log, Revert, Descriptors.Close);
        WriteBack = new WriteBack(Contents, Committer.Durability, options.WriteBackAge, Release);
    }

    private int SettleNames(Node node) =>
        NameJournal is { } names && node.AnyLink is { } link ? names.Settle(link.Parent.Id, link.Bytes) : 0;

    internal StorageServices Services { get; }
    internal SourceTree Source => Services.Source;
    internal IInodeStore Inodes { get; }
    internal NodeTable Nodes { get; }
    internal DirectoryCache Directories { get; }
    internal NodeDescriptors Descriptors { get; }
    internal FolderGates FolderGates { get; }
    internal ContentTable Contents { get; }
    internal HandleShares Shares { get; } = new(ResourceLimits.OpenFiles, Credentials.UserId);
    internal Committer Committer { get; }
    internal Keeping Keeping { get; }
    internal CommitQueue Queue { get; }
    internal WriteBack WriteBack { get; }
    internal Privileges Privileges { get; }
    internal PlainFileView PlainFiles { get; }
    internal KernelNotices Notices { get; } = new();
    internal KernelPages Pages { get; }
    internal ChangeTimes ChangeTimes { get; }
    internal AccessTimes AccessTimes { get; }
    /// <summary>For renames that take two steps; null where nothing can be renamed.</summary>
    internal NameJournal? NameJournal { get; }
    internal Resolver Resolver { get; }
    internal NameLookup NameLookup { get; }
    internal NodeResolver NodeResolver { get; }
    internal NameChanges NameChanges { get; }
    internal WholeNames WholeNames { get; }
    internal ShownAttributes Attributes { get; }
    internal AttributePlaces AttributePlaces { get; }
    internal EntryLookup Entries { get; }
    /// <summary>Makes stored files of plain ones; null where the user did not ask for it, or it cannot.</summary>
    internal BackgroundConversion? Conversion { get; }
    internal bool IsReadOnly => Services.State is null;

    /// <summary>How long the kernel may answer from what it has been told.</summary>
    internal TimeSpan CacheTimeout { get; }

    /// <summary>Tells the kernel what it must forget; null until the kernel has sent FUSE_INIT.</summary>
    internal FuseNotifier? Notifier { set => Notices.Notifier = value; }

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
    internal void Release(FileContent content) => Descriptors.Close(Contents.Release(content));

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
        AccessTimes.Dispose();
        Directories.Dispose();
        Services.Dispose();
    }
}
