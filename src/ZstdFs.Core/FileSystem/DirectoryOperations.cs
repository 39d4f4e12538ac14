using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// Listings. Positions are the source's own, so that seekdir is right while the folder changes. Entries come with their attributes, so that who lists a folder
/// and looks at each of its files needs no request for any of them.
/// </summary>
internal sealed class DirectoryOperations(Volume volume) : IDisposable
{
    private const int EntryHeaderBytes = 19;
    private const int EntriesBytes = 32 * 1024;

    // struct linux_dirent64 with a name of 255 bytes; and how much longer an entry is in a reply, which is most for names of one byte: 32 and 160 bytes for 24.
    private const int LongestEntryBytes = 280, MostGrowth = 2, MostGrowthPlus = 7;

    // Each makes a node, of which the kernel may keep as many as it has memory for: who lists a folder of millions may want their names only.
    private const int MostWithAttributes = 100_000;

    private readonly HandleTable<Listing> _handles = new();
    private readonly ListingExpiry _expiry = new(volume);

    internal int Open(ulong nodeId, uint user, out FuseOpenOut reply)
    {
        reply = default;
        int result = volume.Shares.Take(user, HandleShares.ToRead, out HandleShare share);
        if (result < 0)
            return result;
        result = volume.RentFolder(nodeId, out Node folder, out DescriptorLease lease);
        if (result >= 0)
        {
            using (lease)
            {
                lock (volume.FolderGates[folder])
                {
                    result = Open(folder, lease.Descriptor, share, out Listing listing);
                    if (result >= 0)
                        reply = Register(listing);
                }
            }
        }
        if (result < 0)
            volume.Shares.GiveBack(share);
        return result;
    }

    private int Open(Node folder, FileDescriptor place, in HandleShare share, out Listing listing)
    {
        listing = null!;
        int result = volume.Source.OpenListing(place, new NativeName(".\0"u8), out FileDescriptor descriptor);
        if (result < 0)
            return result;
        _ = SystemCallsAt.Stat(descriptor, out Statx stat);
        listing = new Listing(descriptor, folder, stat, !volume.Source.Devices.IsRoots(stat), share);
        return 0;
    }

    private FuseOpenOut Register(Listing listing)
    {
        var reply = new FuseOpenOut { Handle = _handles.Add(listing) };
        Node folder = listing.Folder;
        // Who goes on with a listing is given what the kernel has kept meanwhile of another one, begun before a change, as if it were from after it.
        bool isFirst = folder.Listings++ == 0;
        // Where nothing is to be kept at all, it would be for as long as the folder stays open.
        if (!isFirst || volume.CacheTimeout == TimeSpan.Zero)
            return reply;
        reply.OpenFlags = OpenReplyFlags.CacheDirectory;
        if (Stopwatch.GetElapsedTime(folder.ListedAt) < volume.CacheTimeout && folder.ListedAt != 0)
            reply.OpenFlags |= OpenReplyFlags.KeepCache;
        else
            folder.ListedAt = Stopwatch.GetTimestamp();
        return reply;
    }

    internal void Release(ulong handle)
    {
        if (_handles.Remove(handle) is not { } listing)
            return;
        listing.Dispose();
        volume.Shares.GiveBack(listing.Share);
        lock (volume.FolderGates[listing.Folder])
            listing.Folder.Listings--;
    }

    internal int Synchronize(ulong handle) => _handles.Find(handle) is { } listing ? SystemCallsFile.Synchronize(listing.Descriptor) : -(int)Errno.EBADF;

    internal int Read(ulong handle, ulong offset, ref DirectoryWriter writer) =>
        _handles.Find(handle) is { } listing ? Read(listing, offset, ref writer) : -(int)Errno.EBADF;

    private int Read(Listing listing, ulong offset, ref DirectoryWriter writer)
    {
        // Not the listing's own: a user may keep thousands of them open.
        byte[] entries = ArrayPool<byte>.Shared.Rent(EntriesBytes);
        try
        {
            lock (listing.Gate)
            {
                if (offset == 0)
                    listing.WithAttributes = 0;
                return Read(listing, offset, entries, ref writer);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(entries);
            if (offset == 0)
                _expiry.NoteBegun(listing.Folder);
        }
    }

    private int Read(Listing listing, ulong offset, byte[] entries, ref DirectoryWriter writer)
    {
        int result = GoTo(listing, offset);
        if (result < 0)
            return result;
        while (true)
        {
            // No more than there is room for, whatever their names: what is read and not given would have to be gone back to.
            int readable = writer.Room / (writer.IsPlus ? MostGrowthPlus : MostGrowth);
            if (readable < LongestEntryBytes && writer.BytesWritten > 0)
                break;
            int filled = SystemCallsFile.ReadDirectory(listing.Descriptor, entries.AsSpan(0, Math.Clamp(readable, LongestEntryBytes, EntriesBytes)));
            if (filled < 0)
                return filled;
            if (filled == 0)
                break;
            for (int position = 0; position < filled;)
            {
                ReadOnlySpan<byte> entry = entries.AsSpan(position, filled - position);
                position += BinaryPrimitives.ReadUInt16LittleEndian(entry[16..]);
                int before = writer.BytesWritten;
                if (!TryWrite(listing, entry, ref writer))
                    return 0;
                if (writer.BytesWritten > before)
                    listing.Shown = BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]);
            }
        }
        listing.IsAtShown = true;
        return 0;
    }

    /// <summary>
    /// Goes to where the caller is. Not where the descriptor is there already: on btrfs that would have the listing end later, behind what was renamed since, and who writes to each file
    /// that is listed would never come to its end, because commits rename.
    /// </summary>
    private static int GoTo(Listing listing, ulong offset)
    {
        bool isThere = listing.IsAtShown && listing.Shown == offset;
        // Until the reply is complete.
        (listing.Shown, listing.IsAtShown) = (offset, false);
        return isThere ? 0 : (int)Math.Min(0, SystemCallsFile.Seek(listing.Descriptor, (long)offset, SeekWhence.Set));
    }

    /// <summary>Writes an entry where it is one that the mount shows. False when the reply is full.</summary>
    private bool TryWrite(Listing listing, ReadOnlySpan<byte> entry, ref DirectoryWriter writer)
    {
        ulong ino = BinaryPrimitives.ReadUInt64LittleEndian(entry);
        ulong next = BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]);
        byte type = entry[18];
        ReadOnlySpan<byte> name = entry[EntryHeaderBytes..];
        name = name[..name.IndexOf((byte)0)];
        bool isDots = name.SequenceEqual("."u8) || name.SequenceEqual(".."u8);
        if (listing.IsElsewhere || isDots)
            ino = NumberIn(listing, name, ino);
        if (isDots)
            return writer.IsPlus
                ? writer.TryAddPlus(name, new FuseEntryOut { Attr = new FuseAttr { Ino = ino } }, FileType.EntryDirectory, next)
                : writer.TryAdd(name, ino, FileType.EntryDirectory, next);
        if (!TryToLogical(listing, name, ref type, out ReadOnlySpan<byte> logical))
            return true;
        if (!writer.HasRoomFor(logical.Length))
            return false;
        if (writer.IsPlus && listing.WithAttributes < MostWithAttributes)
        {
            listing.WithAttributes++;
            // Gone since it was listed, or not shown: the name is left out.
            return volume.LookUp(listing.Folder, listing.Descriptor, logical, out FuseEntryOut found) < 0
                || writer.TryAddPlus(logical, found, FileType.ToEntryType(found.Attr.Mode), next);
        }
        if (type == FileType.EntryRegular && volume.Resolver.Resolve(listing.Descriptor, listing.Folder == volume.Nodes.Root, logical, out Resolved resolved) >= 0)
            ino = resolved.Id;
        return writer.TryAdd(logical, ino, type, next);
    }

    /// <summary>The number that users see, of what is listed with a number of its own file system's.</summary>
    private ulong NumberIn(Listing listing, ReadOnlySpan<byte> name, ulong listed)
    {
        Node? dots = name.SequenceEqual("."u8) ? listing.Folder : name.SequenceEqual(".."u8) ? listing.Folder.AnyLink?.Parent : null;
        if (dots is not null)
            return dots == volume.Nodes.Root ? volume.Source.RootStat.InodeNumber : dots.Id;
        Statx stat = listing.Stat;
        stat.InodeNumber = listed;
        return volume.Source.Devices.NumberOf(stat);
    }

    private bool TryToLogical(Listing listing, ReadOnlySpan<byte> name, ref byte type, out ReadOnlySpan<byte> logical)
    {
        logical = name;
        if (listing.Folder == volume.Nodes.Root && name.SequenceEqual(StoredName.ReservedFolder))
            return false;
        if (type == FileType.EntryUnknown)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            name.CopyTo(buffer);
            buffer[name.Length] = 0;
            if (SystemCallsAt.Stat(listing.Descriptor, new NativeName(buffer[..(name.Length + 1)]), out Statx stat) < 0)
                return false;
            type = FileType.ToEntryType(stat.Mode);
        }
        if (type != FileType.EntryRegular || StoredName.TryToLogical(name, out logical))
            return true;
        logical = name;
        return volume.PlainFiles.IsShown(listing.Descriptor, listing.Folder, name);
    }

    public void Dispose() => _expiry.Dispose();
}
