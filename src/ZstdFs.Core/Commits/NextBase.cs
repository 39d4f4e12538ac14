using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Commits;

/// <summary>
/// Makes the next base from a base and its overlay, in one of three ways. The first small content of a new file goes
/// into the stored file that its creation made. A file with one name gets a new stored file, which is verified,
/// synchronised and renamed over the old one. A file with several names is rewritten in place from a synchronised copy,
/// because a rename would split the names.
/// </summary>
internal sealed class NextBase
{
    private const int MostAttempts = 3;

    private readonly StorageServices _services;
    private readonly DirectoryCache _directories;
    private readonly Func<Node, int>? _settleNames;
    private readonly FirstContent _firstContent;
    private readonly InPlaceCommit _inPlace;
    private readonly Replacement _replacement;

    /// <param name="services">Shared services.</param>
    /// <param name="directories">Open folders.</param>
    /// <param name="folderGates">Order what renames do to folders.</param>
    /// <param name="settleNames">
    /// Finishes a rename of the node that failed half-way, before the commit looks for the file under its name. 0 or −errno.
    /// </param>
    internal NextBase(
        StorageServices services, DirectoryCache directories, FolderGates folderGates, Func<Node, int>? settleNames)
    {
        (_services, _directories, _settleNames) = (services, directories, settleNames);
        _firstContent = new FirstContent(services);
        _inPlace = new InPlaceCommit(services, directories);
        _replacement = new Replacement(services, folderGates, _inPlace);
    }

    /// <summary>
    /// Makes the next base. Null without an error: nothing is left to commit, or the file lost its last name and no
    /// lookup will find it. −ESTALE: the source has another version, which stays.
    /// </summary>
    internal int Build(FileContent content, bool yields, out StoredBase? next) =>
        BuildOrRefuse(content, yields, out next) switch
        {
            CommitResult.Refused => -(int)Errno.ESTALE,
            -(int)Errno.ESTALE => -(int)Errno.EIO,
            var result => result,
        };

    private int BuildOrRefuse(FileContent content, bool yields, out StoredBase? next)
    {
        next = null;
        if (_services.State is not { } state)
            return -(int)Errno.EROFS;
        if (_settleNames?.Invoke(content.Node) is < 0 and var half)
            return half;
        if (content.Unsynced is not null)
        {
            int synced = SynchronizeName(content);
            if (synced < 0 || !content.IsDirty)
                return synced;
        }
        if (content.Unfinished is { } unfinished)
        {
            int finished = _inPlace.Finish(content, unfinished, out next);
            if (finished != 0 || next is not null || !content.Overlay.IsDirty)
                return finished;
        }
        long look = content.Change.Look();
        int result = SystemCallsAt.Stat(content.Base.Stored, out Statx old);
        if (result < 0)
            return result;
        // Another program wrote into the stored file itself. A commit must neither use its content nor replace it.
        if (!content.IsPublished(old))
            return CommitNotes.Refuse(_services.Log, content, isThere: true, old);
        if (content.IsPublishedUnseen)
        {
            lock (content.Node.LinksGate)
                CommitNotes.NoteTouched(content, old);
        }
        bool isGone = old.LinkCount == 0 && content.Node.AnyLink is null;
        if (isGone && !content.Overlay.IsUnnamed)
            return 0;
        if (content.Base is { IsFresh: true, IsWritable: true } && content.Overlay.IsBuffered
            && (old.LinkCount == 1 || isGone)
            && (result = _firstContent.Fill(content, look, old, out next)) != FirstContent.NeedsVersion)
            return result;
        if (isGone)
            return 0;
        // Another name may come or go meanwhile, and then the version is in the wrong place.
        for (int attempt = 0; ; attempt++)
        {
            result = Renew(state, content, old, yields, out next);
            if (result != CommitResult.NeedsRedo || attempt == MostAttempts)
                return result == CommitResult.NeedsRedo ? -(int)Errno.EBUSY : result;
            result = SystemCallsAt.Stat(content.Base.Stored, out old);
            if (result < 0)
                return result;
        }
    }

    private int Renew(StateFolder state, FileContent content, in Statx old, bool yields, out StoredBase? next)
    {
        next = null;
        using var version = new NewVersion(_services, state, content.Node.Id);
        int result = 0;
        DescriptorLease folder = default;
        bool isElsewhere = !_services.Source.Devices.IsRoots(old) && old.LinkCount == 1
            && content.Node.AnyLink is { } link
            && (result = _directories.Rent(link.Parent, out folder)) >= 0;
        if (result < 0)
            return result;
        FrameMap map;
        using (folder)
            result = version.Write(content, yields, isElsewhere ? folder.Descriptor : null, out map);
        // The data must be on disk before the name leads to it: rename alone may leave an empty file after a power cut.
        if (result >= 0)
            result = version.Conclude(CommitPause.SynchronizeVersion(content, version.File, yields));
        // A page that did not reach the disk meanwhile may have been read back with other content.
        if (result >= 0)
            result = content.Overlay.Check();
        return result < 0 ? result : Publish(content, version, map, out next);
    }

    private int Publish(FileContent content, NewVersion version, FrameMap map, out StoredBase? next)
    {
        next = null;
        Node node = content.Node;
        lock (node.LinksGate)
        {
            if (node.AnyLink is null)
                return node.HasUnknownName ? PublishWithoutName(content, version, map, out next) : 0;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            int result = FindPublished(content, buffer, out Link link, out DescriptorLease parent, out Statx current);
            if (result != 0)
                return result;
            using (parent)
            {
                NativeName stored = link.Find(parent.Descriptor, NodeKind.Stored, buffer);
                bool inPlace = current.LinkCount > 1 || !version.CanReplace(current);
                if (inPlace && !version.CanBeKept)
                    return CommitResult.NeedsRedo;
                Timestamp change = content.ChangeTimeOf(content.Change.Look(), current);
                content.Change.Begin();
                result = inPlace
                    ? _inPlace.Run(content, version, parent.Descriptor, stored, current, change, map, out next)
                    : _replacement.Run(content, version, link.Parent, parent.Descriptor, stored, current, change, map, out next);
                if (result < 0)
                    content.Change.Abandon();
                return result;
            }
        }
    }

    /// <summary>
    /// Finds a name that leads to the content's stored file: of several names, another program may have taken some in
    /// the source. Returns 0 with the folder open, <see cref="CommitResult.Refused"/> or −errno. The caller holds the node's gate.
    /// </summary>
    private int FindPublished(
        FileContent content, Span<byte> buffer, out Link link, out DescriptorLease parent, out Statx current)
    {
        Node node = content.Node;
        (Statx Stat, int Result)? first = null;
        for (int left = node.KnownLinks; ; left--)
        {
            (link, current) = (node.AnyLink!, default);
            int result = _directories.Rent(link.Parent, out parent);
            if (result < 0)
                return result;
            NativeName stored = link.Find(parent.Descriptor, NodeKind.Stored, buffer);
            result = SystemCallsAt.Stat(parent.Descriptor, stored, out current);
            if (result >= 0 && content.IsPublished(current))
                return 0;
            parent.Dispose();
            if (result < 0 && result != -(int)Errno.ENOENT)
                return result;
            first ??= (current, result);
            if (left <= 1 || !node.TryPreferNext(link))
                return CommitNotes.Refuse(_services.Log, content, isThere: first.Value.Result >= 0, first.Value.Stat);
        }
    }

    /// <summary>
    /// The file's remaining names are not known. The commit does not need them: they all lead to the stored file that
    /// is open.
    /// </summary>
    private int PublishWithoutName(FileContent content, NewVersion version, FrameMap map, out StoredBase? next)
    {
        next = null;
        FileDescriptor stored = content.Base.Stored;
        int result = SystemCallsAt.Stat(stored, out Statx current);
        if (result < 0 || current.LinkCount == 0)
            return result;
        if (!content.IsPublished(current))
            return CommitNotes.Refuse(_services.Log, content, isThere: true, current);
        if (!version.CanBeKept)
            return CommitResult.NeedsRedo;
        Timestamp change = content.ChangeTimeOf(content.Change.Look(), current);
        content.Change.Begin();
        result = SourceTree.ReopenWrite(stored, out FileDescriptor target);
        if (result >= 0)
            result = _inPlace.Run(content, version, target, current, change, map, out next);
        if (result < 0)
            content.Change.Abandon();
        return result;
    }

    /// <summary>
    /// Puts the newest version's name on disk. Returns 0 once the working copy that stood in for the version is
    /// removed, or −errno.
    /// </summary>
    private int SynchronizeName(FileContent content)
    {
        if (content.Node.AnyLink is { } link)
        {
            int result = _directories.Rent(link.Parent, out DescriptorLease folder);
            if (result < 0)
                return result;
            using (folder)
                result = _services.Source.SynchronizeFolder(folder.Descriptor);
            if (result < 0)
                return result;
        }
        content.EndUnsynced();
        return 0;
    }
}
