using System.Buffers;
using ZstdFs.Core.Callers;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Names;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Attributes, extended attributes, statfs.</summary>
internal sealed class AttributeOperations(Volume volume, FileOperations files)
{
    private const int LongestListBytes = 65536; // the kernel's limit

    private const SetattrValid Changed = SetattrValid.Mode | SetattrValid.Uid | SetattrValid.Gid
        | SetattrValid.Atime | SetattrValid.Mtime | SetattrValid.AtimeNow | SetattrValid.MtimeNow;

    private static ReadOnlySpan<byte> OurPrefix => "user.zstdfs"u8;

    internal int Get(ulong nodeId, out FuseAttrOut attributes)
    {
        attributes = default;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        return volume.GetAttributes(node, isChanging: false, out attributes);
    }

    internal int Set(in RequestContext context, ulong nodeId, in FuseSetattrIn change, out FuseAttrOut attributes)
    {
        attributes = default;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        int result = 0;
        if ((change.Valid & SetattrValid.Size) != 0)
            result = files.Truncate(
                nodeId,
                (change.Valid & SetattrValid.Handle) != 0 ? change.Handle : FuseFileSystem.NoHandle,
                (long)change.Size,
                volume.WriterOf(context, (change.Valid & SetattrValid.KillSuidSgid) != 0));
        if (result >= 0)
            result = SetStored(node, change, new Writer(context, keepsPrivileges: false));
        return result < 0 ? result : volume.GetAttributes(node, isChanging: true, out attributes);
    }

    private int SetStored(Node node, in FuseSetattrIn change, in Writer caller)
    {
        // An empty request may be a chown to the same owner, which only takes the set-id bits away.
        bool isEmpty = (change.Valid & (SetattrValid.Size | Changed)) == 0;
        if (!isEmpty && (change.Valid & Changed) == 0)
            return 0;
        int result = WasOpened;
        while (result == WasOpened)
        {
            // The content's lock comes before the node's gate.
            FileContent? held = Hold(node);
            if (held is not null && (change.Valid & SetattrValid.Mode) != 0 && Privileges.Of(change.Mode) != 0)
                volume.Contents.TakeBackSoon(held, alsoReaders: false);
            bool changesTime = held is not null && (change.Valid & (SetattrValid.Mtime | SetattrValid.MtimeNow)) != 0;
            try
            {
                using ContentLock.Scope times = changesTime ? held!.ChangingTimes() : default;
                result = SetStored(node, held, change, caller);
            }
            finally
            {
                if (held is not null)
                    volume.Release(held);
            }
        }
        return result;
    }

    /// <summary>
    /// Not an errno: a program has opened the file since the daemon looked for its open content, which must hear of
    /// the change. The caller tries again.
    /// </summary>
    private const int WasOpened = 1;

    private FileContent? Hold(Node node) => node.Kind == NodeKind.Stored ? volume.Contents.Hold(node.Id) : null;

    /// <summary>The caller holds the node's gate, under which files are opened.</summary>
    private bool IsWhatIsOpen(Node node, FileContent? held) =>
        node.Kind != NodeKind.Stored || volume.Contents.Find(node.Id) == held;

    private int SetStored(Node node, FileContent? content, in FuseSetattrIn change, in Writer caller)
    {
        // One of several steps may fail. The steps before it stand, as they would after several calls.
        lock (node.LinksGate)
        {
            if (!IsWhatIsOpen(node, content))
                return WasOpened;
            int result = Locate(node, content, out AttributePlace place);
            if (result < 0)
                return result;
            using (place)
            {
                if (node.Kind != NodeKind.Directory)
                    return Change(place, node, content, change, caller);
                lock (volume.FolderGates[node])
                    return Change(place, node, content, change, caller);
            }
        }
    }

    private int Change(
        in AttributePlace place, Node node, FileContent? content, in FuseSetattrIn change, in Writer caller)
    {
        if ((change.Valid & Changed) == 0)
            return ChangeAttributes(place, node, content, change, caller);
        ChangeTimes.UsersChange users = ChangeTimes.Begin(node, content);
        int result = ChangeAttributes(place, node, content, change, caller);
        // Where the file is not open, the daemon writes the record when it looks at the attributes for the answer.
        volume.ChangeTimes.End(users, result, mayBeInWindow: content is not null);
        return result;
    }

    private int ChangeAttributes(
        in AttributePlace place, Node node, FileContent? content, in FuseSetattrIn change, in Writer caller)
    {
        int result = 0;
        if (node.Kind != NodeKind.Directory
            && (change.Valid & ~(SetattrValid.Uid | SetattrValid.Gid | SetattrValid.Handle
                | SetattrValid.LockOwner | SetattrValid.Ctime | SetattrValid.KillSuidSgid)) == 0)
            result = DropPrivileges(place, caller, (change.Valid & (SetattrValid.Uid | SetattrValid.Gid)) == 0);
        if (result >= 0 && (change.Valid & (SetattrValid.Uid | SetattrValid.Gid)) != 0)
            result = place.ChangeOwner(
                (change.Valid & SetattrValid.Uid) != 0 ? change.Uid : uint.MaxValue,
                (change.Valid & SetattrValid.Gid) != 0 ? change.Gid : uint.MaxValue);
        // The kernel writes a lent file by itself: its next write would not take the set-id bits away again.
        if (result >= 0 && content is { Overlay.Lending.MayBeWritten: true }
            && (change.Valid & SetattrValid.Mode) != 0 && Privileges.Of(change.Mode) != 0)
            result = -(int)Errno.ETXTBSY;
        if (result >= 0 && (change.Valid & SetattrValid.Mode) != 0)
            result = place.ChangeMode(change.Mode & 0xFFF);
        if (content is not null)
            content.Marks.MayHavePrivileges = true;
        Timestamp access = (change.Valid & SetattrValid.AtimeNow) != 0 ? Timestamp.UtimeNow
            : (change.Valid & SetattrValid.Atime) != 0 ? new Timestamp(change.Atime, change.AtimeNsec) : Timestamp.Omit;
        // Linux takes two times of now, and only those, for a touch, which an append-only file allows.
        bool isTouch = (change.Valid & SetattrValid.AtimeNow) != 0 && (change.Valid & SetattrValid.MtimeNow) != 0;
        Timestamp modify = isTouch ? Timestamp.UtimeNow
            : (change.Valid & SetattrValid.MtimeNow) != 0 ? Timestamp.Now()
            : (change.Valid & SetattrValid.Mtime) != 0 ? new Timestamp(change.Mtime, change.MtimeNsec) : Timestamp.Omit;
        if (result < 0 || access == Timestamp.Omit && modify == Timestamp.Omit)
            return result;
        return modify == Timestamp.Omit || node.Kind != NodeKind.Stored
            ? place.SetTimes(access, modify)
            : SetModifyTime(place, node, content, access, modify);
    }

    /// <summary>
    /// chown(2) takes the set-id bits away from every caller and for every new owner. The daemon takes them away
    /// itself, because the source would judge by the daemon's groups. An empty request is a chown to the same owner, or
    /// the kernel sends it when root writes to a file with capabilities. So an empty request of root leaves the bits.
    /// </summary>
    private static int DropPrivileges(in AttributePlace place, in Writer caller, bool onlyOwn)
    {
        int result = place.Stat(out Statx stat);
        if (result < 0 || stat.FileType == FileType.Symlink || onlyOwn && !caller.IsOrdinaryOwner(stat.UserId))
            return Math.Min(result, 0);
        uint kept = Privileges.Without(stat, caller);
        return kept != (stat.Mode & 0xFFFu) ? place.ChangeMode(kept) : 0;
    }

    /// <summary>
    /// A record counts only while the stored file has the modification time that the record names. Where the file has
    /// uncommitted changes, the next commit writes a new record.
    /// </summary>
    private int SetModifyTime(
        in AttributePlace place, Node node, FileContent? content, Timestamp access, Timestamp modify)
    {
        SizeRecord record = default;
        int result = place.Stat(out Statx before);
        if (result < 0)
            return result;
        if (content is { HasWorkingCopy: true }
            && SetUncommittedTime(place, content, before, access, modify, out result))
            return result;
        bool keepsRecord =
            content is not { IsDirty: true } && place.TryReadRecord(out record) && record.Describes(before);
        result = place.SetTimes(access, modify);
        if (result < 0)
            return result;
        result = place.Stat(out Statx after);
        if (result < 0)
        {
            if (content is not null && StoredIdentity.Of(before) == content.Published.Identity)
                content.Published.IsUnseen = true;
            return result;
        }
        if (modify == Timestamp.UtimeNow)
            modify = after.ModifyTime.ToTimestamp();
        // Another program may have changed the file in the source. Then the open content is a different version, which
        // keeps its time.
        if (content is not null && StoredIdentity.Of(before) == content.Published.Identity)
            content.NoteTimes(modify, after);
        if (!keepsRecord)
            return 0;
        node.KeepPages(StoredIdentity.Of(before).Version, StoredIdentity.Of(after).Version);
        // The user's step set the change time that users see. Writing the record is the daemon's own step.
        Timestamp shown = after.ChangeTime.ToTimestamp();
        if (place.WriteRecord(
            record.Of(after.ModifyTime.ToTimestamp()) with { ChangeTime = shown }, out long windowEnd) >= 0
            && place.Stat(out after) >= 0)
            ChangeTimes.NoteOwn(node, content, shown, after, windowEnd);
        return 0;
    }

    /// <summary>
    /// The commit sets the time. Until then the stored file keeps its own time: the next mount takes up a working copy
    /// only over the version on which it was begun. False where the caller must set the time on the stored file,
    /// because only the source can tell whether that is allowed.
    /// </summary>
    private static bool SetUncommittedTime(
        in AttributePlace place, FileContent content, in Statx stored, Timestamp access, Timestamp modify,
        out int result)
    {
        // Sets the stored file's own time once more: that moves the change time, and the source can refuse it.
        result = place.SetTimes(access, stored.ModifyTime.ToTimestamp());
        if (result == -(int)Errno.EPERM && modify == Timestamp.UtimeNow)
            return false;
        if (result >= 0)
            result = content.SetUncommittedTime(modify == Timestamp.UtimeNow ? Timestamp.Now() : modify);
        return true;
    }

    internal int GetExtended(ulong nodeId, out FuseStatxOut attributes)
    {
        attributes = default;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        return volume.GetExtendedAttributes(node, out attributes);
    }

    internal int ReadLink(ulong nodeId, Span<byte> target)
    {
        int result = Locate(nodeId, out AttributePlace place);
        if (result < 0)
            return result;
        using (place)
            return place.ReadLink(target);
    }

    internal int GetExtended(ulong nodeId, NativeName attribute, Span<byte> value)
    {
        if (attribute.Bytes.StartsWith(OurPrefix))
            return -(int)Errno.ENODATA;
        int result = ReadExtended(nodeId, attribute, value);
        // The background conversion may just have given the file another name.
        return result == -(int)Errno.ENOENT ? ReadExtended(nodeId, attribute, value) : result;
    }

    private int ReadExtended(ulong nodeId, NativeName attribute, Span<byte> value)
    {
        int result = Locate(nodeId, out AttributePlace place);
        if (result < 0)
            return result;
        using (place)
            return place.GetExtended(attribute, value);
    }

    internal int SetExtended(
        ulong nodeId, NativeName attribute, ReadOnlySpan<byte> value, int flags, bool killSetGroupId) =>
        attribute.Bytes.StartsWith(OurPrefix)
            ? -(int)Errno.EPERM
            : ChangeExtended(nodeId, attribute, value, flags, removes: false, killSetGroupId);

    internal int RemoveExtended(ulong nodeId, NativeName attribute) =>
        attribute.Bytes.StartsWith(OurPrefix)
            ? -(int)Errno.ENODATA
            : ChangeExtended(nodeId, attribute, default, 0, removes: true);

    private int ChangeExtended(
        ulong nodeId, NativeName attribute, ReadOnlySpan<byte> value, int flags, bool removes,
        bool killSetGroupId = false)
    {
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        int result = WasOpened;
        while (result == WasOpened)
            result = ChangeExtended(node, attribute, value, flags, removes, killSetGroupId);
        return result;
    }

    private int ChangeExtended(
        Node node, NativeName attribute, ReadOnlySpan<byte> value, int flags, bool removes, bool killSetGroupId)
    {
        FileContent? held = Hold(node);
        try
        {
            // A commit copies the attributes to the next version under the gate. A change meanwhile would be lost.
            lock (node.LinksGate)
            {
                if (!IsWhatIsOpen(node, held))
                    return WasOpened;
                int result = Locate(node, held, out AttributePlace place);
                if (result < 0)
                    return result;
                using (place)
                using (volume.FolderGates.EnterIfFolder(node))
                {
                    ChangeTimes.UsersChange users = ChangeTimes.Begin(node, held);
                    result = removes ? place.RemoveExtended(attribute) : place.SetExtended(attribute, value, flags);
                    if (result >= 0 && killSetGroupId && place.Stat(out Statx stat) >= 0)
                        result = place.ChangeMode(stat.Mode & 0xFFFu & ~Privileges.SetGroup);
                    volume.ChangeTimes.End(users, result);
                }
                if (result >= 0 && held is not null
                    && attribute.Bytes.SequenceEqual(StoredAttributes.Capabilities.Bytes))
                    held.Marks.MayHaveCapabilities = true;
                return result;
            }
        }
        finally
        {
            if (held is not null)
                volume.Release(held);
        }
    }

    internal int ListExtended(ulong nodeId, Span<byte> names)
    {
        int result = Locate(nodeId, out AttributePlace place);
        if (result < 0)
            return result;
        byte[] all = ArrayPool<byte>.Shared.Rent(LongestListBytes);
        try
        {
            using (place)
                result = place.ListExtended(all);
            if (result == -(int)Errno.ENOENT && Locate(nodeId, out place) >= 0)
            {
                using (place)
                    result = place.ListExtended(all);
            }
            if (result < 0)
                return result;
            int kept = WithoutOurs(all, result);
            if (names.IsEmpty)
                return kept;
            if (kept > names.Length)
                return -(int)Errno.ERANGE;
            all.AsSpan(0, kept).CopyTo(names);
            return kept;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(all);
        }
    }

    private static int WithoutOurs(byte[] names, int length)
    {
        int kept = 0;
        for (int at = 0; at < length;)
        {
            int end = Array.IndexOf(names, (byte)0, at) + 1;
            if (!names.AsSpan(at, end - at).StartsWith(OurPrefix))
            {
                names.AsSpan(at, end - at).CopyTo(names.AsSpan(kept));
                kept += end - at;
            }
            at = end;
        }
        return kept;
    }

    internal int StatFileSystem(ulong nodeId, out FuseKstatfs statistics)
    {
        // Other file systems may be mounted in the source, so the answer is about the node's folder. For a file that
        // lost its name it is about the root.
        Node? node = volume.Nodes.Find(nodeId);
        Node folder = node is null || node == volume.Nodes.Root ? volume.Nodes.Root
            : node.Kind == NodeKind.Directory ? node
            : node.AnyLink?.Parent ?? volume.Nodes.Root;
        int result = volume.Directories.Rent(folder, out DescriptorLease lease);
        StatFs source = default;
        using (lease)
            result = SystemCallsFile.StatFileSystem(result < 0 ? volume.Source.Root : lease.Descriptor, out source);
        statistics = new FuseKstatfs
        {
            Blocks = source.Blocks,
            Bfree = source.BlocksFree,
            Bavail = source.BlocksAvailable,
            Files = source.Files,
            Ffree = source.FilesFree,
            Bsize = (uint)source.BlockSize,
            Frsize = (uint)source.FragmentSize,
            Namelen = (uint)volume.Services.LongestName,
        };
        return result;
    }

    private int Locate(ulong nodeId, out AttributePlace place)
    {
        place = default;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        FileContent? held = node.Kind == NodeKind.Stored ? volume.Contents.Hold(nodeId) : null;
        int result = Locate(node, held, out place);
        if (held is not null)
            volume.Release(held);
        return result;
    }

    /// <summary>
    /// The open file where it has something to commit, or no name. Otherwise the name, which shows what other programs
    /// did to the file in the source.
    /// </summary>
    private int Locate(Node node, FileContent? content, out AttributePlace place)
    {
        place = default;
        Link? link = node.AnyLink;
        bool hasName = link is not null || node == volume.Nodes.Root;
        if (content is not null && (!hasName || content.IsDirty || content.Base.IsFresh)
            && content.TryRentStored(hasName, out DescriptorLease open))
        {
            place = new AttributePlace(open);
            return 0;
        }
        if (!hasName)
        {
            if (!node.TryRentNameless(out DescriptorLease nameless))
                return -(int)Errno.ENOENT;
            place = node.Kind == NodeKind.Directory
                ? new AttributePlace(nameless, null, node.Kind)
                : new AttributePlace(nameless);
            return 0;
        }
        if (node.KnownLinks > 1)
            return LocateName(node, content, out place);
        int result = volume.Directories.Rent(link?.Parent ?? node, out DescriptorLease folder);
        if (result >= 0)
            place = new AttributePlace(folder, link, node.Kind);
        return result;
    }

    /// <summary>
    /// Finds a name that still leads to a file with several names: another program may have removed some of them in the
    /// source. Where a name leads to another file, the caller may mean that file. So ESTALE makes the kernel look the
    /// name up again.
    /// </summary>
    private int LocateName(Node node, FileContent? content, out AttributePlace place)
    {
        place = default;
        for (int left = node.KnownLinks; node.AnyLink is { } link; left--)
        {
            int result = volume.Directories.Rent(link.Parent, out DescriptorLease folder);
            if (result < 0)
                return result;
            bool isRoots = link.Parent == volume.Nodes.Root;
            result = volume.Resolver.Resolve(folder.Descriptor, isRoots, link.Bytes, out Resolved resolved);
            if (result >= 0 && resolved.Id == node.Id)
            {
                place = new AttributePlace(folder, link, node.Kind);
                return 0;
            }
            folder.Dispose();
            if (result < 0 && result != -(int)Errno.ENOENT)
                return result;
            bool isAnother = result >= 0;
            if (!node.TryPreferNext(link) || left <= 1 || isAnother)
                break;
        }
        if (content is null || !content.TryRentStored(hasName: true, out DescriptorLease open))
            return -(int)Errno.ESTALE;
        place = new AttributePlace(open);
        return 0;
    }
}
