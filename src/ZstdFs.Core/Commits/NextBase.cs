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
    /// Finishes a rename of the node that failed half-way, before the commit looks for the file under its name. 0 or
    /// −errno.
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
        if (content.UnfinishedCommit.Unsynced is not null)
        {
            int synced = SynchronizeName(content);
            if (synced < 0 || !content.IsDirty)
                return synced;
        }
        if (content.UnfinishedCommit.Rewrite is { } unfinished)
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
        if (!content.Published.Is(old))
            return CommitNotes.Refuse(_services.Log, content, isThere: true, old);
        if (content.Published.IsUnseen)
        {
            lock (content.Node.LinksGate)
                CommitNotes.NoteTouched(content, old);
        }
        bool isGone = old.LinkCount == 0 && content.Node.AnyLink is null;
        if (isGone && !content.IsUnnamed)
            return 0;
        if (content.Base is { IsFresh: true, IsWritable: true } && content.IsBuffered
            && (old.LinkCount == 1 || isGone)
            && (result = _firstContent.Fill(content, look, old, out next)) != CommitResult.NeedsVersion)
            return result;
        if (isGone)
            return 0;
        bool isElsewhere = !_services.Source.Devices.IsRoots(old) && old.LinkCount == 1;
        result = Renew(state, content, yields, isElsewhere ? content.Node.AnyLink?.Parent : null, out next);
        // Another name came meanwhile, or the folder refuses the rename: then the version is in the wrong place. In the
        // working folder it is right for both ways.
        return result == CommitResult.NeedsRedo
            ? Renew(state, content, yields, elsewhere: null, out next)
            : result;
    }

    /// <summary>Makes a version, and publishes it.</summary>
    /// <param name="state">Has the working folder.</param>
    /// <param name="content">What is committed.</param>
    /// <param name="yields">Gives way to writers.</param>
    /// <param name="elsewhere">
    /// The file's folder, where the version is made there: on another file system than the root's a rename from the
    /// working folder cannot reach it. Else null.
    /// </param>
    /// <param name="next">The version under the file's name.</param>
    private int Renew(StateFolder state, FileContent content, bool yields, Node? elsewhere, out StoredBase? next)
    {
        next = null;
        using var version = new NewVersion(_services, state, content.Node.Id);
        DescriptorLease folder = default;
        int result = elsewhere is null ? 0 : _directories.Rent(elsewhere, out folder);
        if (result < 0)
            return result;
        using (folder)
            result = version.Write(content, yields, elsewhere is null ? null : folder.Descriptor);
        // The data must be on disk before the name leads to it: rename alone may leave an empty file after a power cut.
        if (result >= 0)
            result = version.Conclude(CommitPause.SynchronizeVersion(content, version.File, yields));
        // A page that did not reach the disk meanwhile may have been read back with other content.
        if (result >= 0)
            result = content.Overlay.Check();
        return result < 0 ? result : Publish(content, version, out next);
    }

    private int Publish(FileContent content, NewVersion version, out StoredBase? next)
    {
        next = null;
        Node node = content.Node;
        lock (node.LinksGate)
        {
            if (node.AnyLink is null)
                return node.HasUnknownName ? PublishWithoutName(content, version, out next) : 0;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            int result = FindPublished(content, buffer, out Link link, out DescriptorLease parent, out Statx current);
            if (result != 0)
                return result;
            using (parent)
            {
                var place = new StoredPlace(
                    link.Parent, parent.Descriptor, link.Find(parent.Descriptor, NodeKind.Stored, buffer));
                bool inPlace = current.LinkCount > 1 || !version.CanReplace(current);
                if (inPlace && !version.CanBeKept)
                    return CommitResult.NeedsRedo;
                Publication publication = Begin(content, version, current);
                result = inPlace
                    ? _inPlace.Run(publication, place, out next)
                    : _replacement.Run(publication, place, out next);
                if (result != 0)
                    content.Change.Abandon();
                return result;
            }
        }
    }

    /// <summary>From here on the commit changes what stat(2) of the stored file shows; users see none of it.</summary>
    private static Publication Begin(FileContent content, NewVersion version, in Statx current)
    {
        Timestamp change = content.ChangeTimeOf(content.Change.Look(), current);
        content.Change.Begin();
        return new Publication(content, version, current, change);
    }

    /// <summary>
    /// Finds a name that leads to the content's stored file: of several names, another program may have taken some in
    /// the source. Returns 0 with the folder open, <see cref="CommitResult.Refused"/> or −errno. The caller holds the
    /// node's gate.
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
            if (result >= 0 && content.Published.Is(current))
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
    private int PublishWithoutName(FileContent content, NewVersion version, out StoredBase? next)
    {
        next = null;
        FileDescriptor stored = content.Base.Stored;
        int result = SystemCallsAt.Stat(stored, out Statx current);
        if (result < 0 || current.LinkCount == 0)
            return result;
        if (!content.Published.Is(current))
            return CommitNotes.Refuse(_services.Log, content, isThere: true, current);
        if (!version.CanBeKept)
            return CommitResult.NeedsRedo;
        Publication publication = Begin(content, version, current);
        result = _inPlace.Run(publication, stored, out next);
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
        content.UnfinishedCommit.EndUnsynced();
        return 0;
    }
}
