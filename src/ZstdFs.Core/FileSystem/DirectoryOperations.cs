using System.Diagnostics;
using ZstdFs.Core.FileSystem.Handles;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.KernelCache;
using ZstdFs.Core.Names;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// Listings. When one begins, the daemon reads the whole folder into an order of its own (<see cref="ListingOrder"/>).
/// It looks each name up when it gives the name to the kernel. So a name that is there from the beginning to the end is
/// given once, whatever becomes of its entry in the source meanwhile. Entries come with their attributes, so that a
/// program that lists a folder and looks at each of its files needs no request for any of them.
/// </summary>
internal sealed class DirectoryOperations(Volume volume) : IDisposable
{
    // Each makes a node, and the kernel may keep as many nodes as it has memory for. A program that lists a folder of
    // millions may want the names only.
    private const int MostWithAttributes = 100_000;

    // FUSE_UNKNOWN_INO: the number of a name that cannot be looked up.
    private const ulong UnknownNumber = 0xFFFF_FFFF;

    private readonly HandleTable<Listing> _handles = new();
    private readonly ListingExpiry _expiry = new(
        volume.CacheTimeout, folder => volume.Notices.InvalidatePages(folder, 0, 0), volume.Services.Log);
    private readonly ListingMemory _memory = new();
    private readonly ListingOrder _order = new(volume.Services.State?.SourceId ?? Guid.Empty);

    internal int Open(ulong nodeId, uint user, out FuseOpenOut reply)
    {
        reply = default;
        int result = volume.Shares.Take(user, HandleShares.ToRead, out HandleShare share);
        if (result < 0)
            return result;
        result = volume.Descriptors.RentFolder(nodeId, out Node folder, out DescriptorLease lease);
        if (result >= 0)
        {
            FileDescriptor descriptor;
            using (lease)
                result = volume.Source.OpenListing(lease.Descriptor, new NativeName(".\0"u8), out descriptor);
            if (result >= 0)
                reply = Register(new Listing(descriptor, folder, folder == volume.Nodes.Root, _order, share));
        }
        if (result < 0)
            volume.Shares.GiveBack(share);
        return Math.Min(result, 0);
    }

    private FuseOpenOut Register(Listing listing)
    {
        var reply = new FuseOpenOut { Handle = _handles.Add(listing) };
        Node folder = listing.Folder;
        // The kernel would continue this listing from entries that it cached of another one. That one may have begun
        // before a change which this listing must show. So only the first open listing of a folder is cached.
        lock (volume.FolderGates[folder])
        {
            bool isFirst = folder.Listings++ == 0;
            // With a cache timeout of zero the kernel would still keep the entries while the folder stays open.
            if (!isFirst || volume.CacheTimeout == TimeSpan.Zero)
                return reply;
            reply.OpenFlags = OpenReplyFlags.CacheDirectory;
            if (Stopwatch.GetElapsedTime(folder.ListedAt) < volume.CacheTimeout && folder.ListedAt != 0)
                reply.OpenFlags |= OpenReplyFlags.KeepCache;
            else
                folder.ListedAt = Stopwatch.GetTimestamp();
            return reply;
        }
    }

    internal void Release(ulong handle)
    {
        if (_handles.Remove(handle) is not { } listing)
            return;
        _memory.NoteClosed(listing);
        listing.Dispose();
        volume.Shares.GiveBack(listing.Share);
        lock (volume.FolderGates[listing.Folder])
            listing.Folder.Listings--;
    }

    internal int Synchronize(ulong handle) => _handles.Find(handle) is { } listing
        ? SystemCallsFile.Synchronize(listing.Descriptor)
        : -(int)Errno.EBADF;

    internal int Read(ulong handle, ulong offset, ref DirectoryWriter writer) =>
        _handles.Find(handle) is { } listing ? Read(listing, offset, ref writer) : -(int)Errno.EBADF;

    private int Read(Listing listing, ulong offset, ref DirectoryWriter writer)
    {
        try
        {
            lock (listing.Gate)
                return ReadUnderGate(listing, offset, ref writer);
        }
        finally
        {
            if (offset == 0)
                _expiry.NoteBegun(listing.Folder);
        }
    }

    private int ReadUnderGate(Listing listing, ulong offset, ref DirectoryWriter writer)
    {
        int result = offset == 0 ? Begin(listing) : listing.EndsAt == offset ? listing.Error : GoOn(listing, offset);
        if (result < 0 || listing.Names is null || !TryWriteDots(listing, offset, ref writer))
            return result;
        for (ulong position = offset; ;)
        {
            ListedNames names = listing.Names;
            for (int i = names.IndexBehind(position); i < names.Count; i++)
            {
                if (!TryWrite(
                    listing, names.NameOf(i), names.FormOf(i), names.TypeOf(i), names.PositionOf(i), ref writer))
                    return 0;
            }
            if (writer.BytesWritten > 0)
                return 0;
            if (names.UpTo == ulong.MaxValue)
            {
                listing.EndsAt = offset;
                _memory.NoteEnd(listing);
                return listing.Error;
            }
            position = names.UpTo;
            result = GoOn(listing, position);
            if (result < 0)
                return result;
        }
    }

    /// <summary>opendir(3) and rewinddir(3).</summary>
    private int Begin(Listing listing)
    {
        (listing.WithAttributes, listing.EndsAt) = (0, 0);
        _memory.NoteBegun(listing);
        return ReadFolder(listing, after: 0);
    }

    /// <summary>
    /// Continues at a position: the listing simply goes on, or seekdir(3) goes there, or the kernel has dropped what it
    /// cached of the listing. The kernel's NFS server opens the folder anew for each request, and goes on in the
    /// middle.
    /// </summary>
    private int GoOn(Listing listing, ulong position)
    {
        bool isThere = listing.Names?.Covers(position) ?? false;
        return isThere || _memory.TryTakeLeft(listing, position) ? 0 : ReadFolder(listing, position);
    }

    private int ReadFolder(Listing listing, ulong after)
    {
        ListedNames names = _memory.Renew(listing, after);
        listing.Error = Math.Min(0, WholeFolder.Read(listing.Descriptor, volume.Source.Watches, listing, out _));
        names.Complete();
        _memory.NoteRead(listing);
        return names.Count > 0 ? 0 : listing.Error;
    }

    /// <summary>"." and "..", with nodes that the kernel does not look up. False when the reply is full.</summary>
    private bool TryWriteDots(Listing listing, ulong offset, ref DirectoryWriter writer) =>
        (offset >= ListingOrder.Self
            || writer.TryAdd("."u8, NumberOf(listing.Folder), FileType.EntryDirectory, ListingOrder.Self))
        && (offset >= ListingOrder.Parent
            || writer.TryAdd(
                ".."u8, NumberOf(listing.Folder.AnyLink?.Parent ?? listing.Folder), FileType.EntryDirectory,
                ListingOrder.Parent));

    private ulong NumberOf(Node folder) => folder == volume.Nodes.Root ? volume.Source.RootStat.InodeNumber : folder.Id;

    /// <summary>Writes a name where it is one that the mount shows. False when the reply is full.</summary>
    private bool TryWrite(
        Listing listing, ReadOnlySpan<byte> name, ListedForm form, byte type, ulong position,
        ref DirectoryWriter writer)
    {
        if (form == ListedForm.Plain && !volume.PlainFiles.IsShown(listing.Descriptor, name))
            return true;
        if (!writer.HasRoomFor(name.Length))
            return false;
        bool hasNode = writer.IsPlus && listing.WithAttributes < MostWithAttributes;
        int result = volume.Entries.LookUpListed(
            listing.Folder, listing.Descriptor, name, hasNode, out FuseEntryOut found, out Resolved resolved);
        // Gone since it was read, or not shown.
        if (result is -(int)Errno.ENOENT or -(int)Errno.ENAMETOOLONG)
            return true;
        // A name that cannot be looked at is listed all the same. Without a node the kernel takes the name and type,
        // and looks the name up when a program asks for it.
        if (result < 0)
            return writer.TryAdd(name, UnknownNumber, type, position);
        (ulong number, uint mode) = hasNode ? (found.Attr.Ino, found.Attr.Mode) : (resolved.Id, resolved.Stat.Mode);
        if (form == (ListedForm.Shown | ListedForm.Plain))
            volume.PlainFiles.LookForConflict(listing.Descriptor, listing.Folder, name, number);
        if (!hasNode)
            return writer.TryAdd(name, number, FileType.ToEntryType(mode), position);
        listing.WithAttributes++;
        return writer.TryAddPlus(name, found, FileType.ToEntryType(mode), position);
    }

    public void Dispose() => _expiry.Dispose();
}
