using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Attributes, extended attributes, statfs.</summary>
internal sealed class AttributeOperations(Volume volume, FileOperations files)
{
    private const uint SetUserId = 0x800, SetGroupId = 0x400, GroupExecute = 0x8;

    private static ReadOnlySpan<byte> OurPrefix => "user.zstdfs"u8;

    internal int Get(ulong nodeId, out FuseAttrOut attributes)
    {
        attributes = default;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        int result = volume.Resolve(node, out Resolved resolved);
        if (result >= 0)
            attributes = volume.AttributesOut(node, resolved);
        return result;
    }

    internal int Set(ulong nodeId, in FuseSetattrIn change, out FuseAttrOut attributes)
    {
        attributes = default;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        if ((change.Valid & SetattrValid.KillSuidSgid) != 0)
            ClearSetIds(nodeId);
        int result = 0;
        if ((change.Valid & SetattrValid.Size) != 0)
            result = files.Truncate(nodeId, change.Handle, (long)change.Size);
        if (result >= 0)
            result = SetStored(node, change);
        return result < 0 ? result : Get(nodeId, out attributes);
    }

    /// <summary>
    /// Takes the set-id bits and file capabilities away before somebody changes the content who may not keep them: the kernel leaves that to whoever
    /// has said HANDLE_KILLPRIV_V2. A set-group-id bit without group execution means something else and stays.
    /// </summary>
    internal void ClearSetIds(ulong nodeId) => ClearSetIds(nodeId, SetUserId | SetGroupId, capabilities: true);

    private void ClearSetIds(ulong nodeId, uint bits, bool capabilities)
    {
        if (volume.Nodes.Find(nodeId) is not { } node)
            return;
        lock (node.LinksGate)
        {
            if (At(node, out DirectoryLease lease, out byte[] name) < 0)
                return;
            using (lease)
            {
                var native = new NativeName(name);
                if (SystemCallsAt.Stat(lease.Descriptor, native, out Statx stat) < 0 || !stat.IsRegular)
                    return;
                uint cleared = stat.Mode & bits;
                if ((stat.Mode & GroupExecute) == 0)
                    cleared &= ~SetGroupId;
                if (cleared != 0)
                    _ = SystemCallsAt.ChangeMode(lease.Descriptor, native, stat.Mode & 0xFFFu & ~cleared);
                var capability = new NativeName("security.capability\0"u8);
                if (capabilities && ExtendedAttributes.Get(lease.Descriptor, native, capability, []) > 0)
                    _ = ExtendedAttributes.Remove(lease.Descriptor, native, capability);
            }
        }
    }

    private int SetStored(Node node, in FuseSetattrIn change)
    {
        const SetattrValid Times = SetattrValid.Atime | SetattrValid.Mtime | SetattrValid.AtimeNow | SetattrValid.MtimeNow;
        if ((change.Valid & (SetattrValid.Mode | SetattrValid.Uid | SetattrValid.Gid | Times)) == 0)
            return 0;
        // One of several steps may fail; those before it stand, as they would after several calls.
        lock (node.LinksGate)
        {
            if (node.AnyLink is null && volume.Contents.Find(node.Id) is { } unlinked)
                return SetUnlinked(unlinked, change);
            int result = At(node, out DirectoryLease lease, out byte[] name);
            if (result < 0)
                return result;
            using (lease)
            {
                var native = new NativeName(name);
                if ((change.Valid & (SetattrValid.Uid | SetattrValid.Gid)) != 0)
                    result = SystemCallsAt.ChangeOwner(lease.Descriptor, native,
                        (change.Valid & SetattrValid.Uid) != 0 ? change.Uid : uint.MaxValue, (change.Valid & SetattrValid.Gid) != 0 ? change.Gid : uint.MaxValue);
                if (result >= 0 && (change.Valid & SetattrValid.Mode) != 0)
                    result = SystemCallsAt.ChangeMode(lease.Descriptor, native, change.Mode & 0xFFF);
                if (result >= 0 && (change.Valid & Times) != 0)
                    result = SetTimes(node, lease.Descriptor, native, change);
                return result;
            }
        }
    }

    /// <summary>A file without a name lives on in its base's descriptor for whoever has it open.</summary>
    private static int SetUnlinked(FileContent content, in FuseSetattrIn change)
    {
        FileDescriptor stored = content.Base.Stored;
        int result = 0;
        if ((change.Valid & (SetattrValid.Uid | SetattrValid.Gid)) != 0)
            result = SystemCallsFile.ChangeOwner(stored, (change.Valid & SetattrValid.Uid) != 0 ? change.Uid : uint.MaxValue, (change.Valid & SetattrValid.Gid) != 0 ? change.Gid : uint.MaxValue);
        if (result >= 0 && (change.Valid & SetattrValid.Mode) != 0)
            result = SystemCallsFile.ChangeMode(stored, change.Mode & 0xFFF);
        (Timestamp access, Timestamp modify) = TimesOf(change);
        if (result >= 0 && (access != Timestamp.Omit || modify != Timestamp.Omit))
            result = SystemCallsFile.SetTimes(stored, access, modify);
        if (result >= 0 && modify != Timestamp.Omit && content.IsDirty)
            content.SetModifyTime(modify);
        return result;
    }

    private static (Timestamp Access, Timestamp Modify) TimesOf(in FuseSetattrIn change) => (
        (change.Valid & SetattrValid.AtimeNow) != 0 ? Timestamp.UtimeNow
            : (change.Valid & SetattrValid.Atime) != 0 ? new Timestamp(change.Atime, change.AtimeNsec) : Timestamp.Omit,
        (change.Valid & SetattrValid.MtimeNow) != 0 ? Timestamp.Now()
            : (change.Valid & SetattrValid.Mtime) != 0 ? new Timestamp(change.Mtime, change.MtimeNsec) : Timestamp.Omit);

    private int SetTimes(Node node, FileDescriptor directory, NativeName name, in FuseSetattrIn change)
    {
        (Timestamp access, Timestamp modify) = TimesOf(change);
        bool hasRecord = SourceTree.TryReadRecord(directory, name, out SizeRecord record);
        int result = SystemCallsAt.Stat(directory, name, out Statx before);
        if (result >= 0)
            result = SystemCallsAt.SetTimes(directory, name, access, modify);
        if (result < 0 || modify == Timestamp.Omit || node.Kind != NodeKind.Stored)
            return result;
        if (volume.Contents.Find(node.Id) is { IsDirty: true } content)
            content.SetModifyTime(modify);
        // The record holds only beside the modification time that it names.
        if (hasRecord && record.Describes(before) && !record.IsFresh && SystemCallsAt.Stat(directory, name, out Statx after) >= 0)
            _ = SourceTree.WriteRecord(directory, name, record with { StoredModifyTime = after.ModifyTime.ToTimestamp() });
        return 0;
    }

    /// <summary>The folder and the name in it under which the node is stored.</summary>
    private int At(Node node, out DirectoryLease lease, out byte[] name)
    {
        name = ".\0"u8.ToArray();
        if (node == volume.Nodes.Root)
            return volume.Directories.Rent(node, out lease);
        lease = default;
        if (node.AnyLink is not { } link)
            return -(int)Errno.ENOENT;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        name = node.Kind == NodeKind.Stored ? StoredName.Of(link.Bytes, buffer).Terminated.ToArray() : link.Name;
        return volume.Directories.Rent(link.Parent, out lease);
    }

    internal int ReadLink(ulong nodeId, Span<byte> target)
    {
        int result = Locate(nodeId, out DirectoryLease lease, out byte[] name);
        if (result < 0)
            return result;
        using (lease)
            return SystemCallsAt.ReadLink(lease.Descriptor, new NativeName(name), target);
    }

    internal int GetExtended(ulong nodeId, NativeName attribute, Span<byte> value)
    {
        if (attribute.Bytes.StartsWith(OurPrefix))
            return -(int)Errno.ENODATA;
        int result = Locate(nodeId, out DirectoryLease lease, out byte[] name);
        if (result < 0)
            return result;
        using (lease)
            return ExtendedAttributes.Get(lease.Descriptor, new NativeName(name), attribute, value);
    }

    internal int SetExtended(ulong nodeId, NativeName attribute, ReadOnlySpan<byte> value, int flags, bool clearSetGroupId)
    {
        if (attribute.Bytes.StartsWith(OurPrefix))
            return -(int)Errno.EPERM;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        int result = Locate(nodeId, out DirectoryLease lease, out byte[] name);
        if (result < 0)
            return result;
        using (lease)
            result = ExtendedAttributes.Set(lease.Descriptor, new NativeName(name), attribute, value, flags);
        if (result >= 0 && clearSetGroupId)
            ClearSetIds(nodeId, SetGroupId, capabilities: false);
        return result;
    }

    internal int RemoveExtended(ulong nodeId, NativeName attribute)
    {
        if (attribute.Bytes.StartsWith(OurPrefix))
            return -(int)Errno.ENODATA;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        int result = Locate(nodeId, out DirectoryLease lease, out byte[] name);
        if (result < 0)
            return result;
        using (lease)
            return ExtendedAttributes.Remove(lease.Descriptor, new NativeName(name), attribute);
    }

    internal int ListExtended(ulong nodeId, Span<byte> names)
    {
        int result = Locate(nodeId, out DirectoryLease lease, out byte[] name);
        if (result < 0)
            return result;
        byte[] all = new byte[65536];
        using (lease)
            result = ExtendedAttributes.List(lease.Descriptor, new NativeName(name), all);
        if (result < 0)
            return result;
        int kept = 0;
        for (int at = 0; at < result;)
        {
            int end = Array.IndexOf(all, (byte)0, at) + 1;
            if (!all.AsSpan(at, end - at).StartsWith(OurPrefix))
            {
                all.AsSpan(at, end - at).CopyTo(all.AsSpan(kept));
                kept += end - at;
            }
            at = end;
        }
        if (names.IsEmpty)
            return kept;
        if (kept > names.Length)
            return -(int)Errno.ERANGE;
        all.AsSpan(0, kept).CopyTo(names);
        return kept;
    }

    internal int StatFileSystem(out FuseKstatfs statistics)
    {
        int result = SystemCallsFile.StatFileSystem(volume.Source.Root, out StatFs source);
        statistics = new FuseKstatfs
        {
            Blocks = source.Blocks,
            Bfree = source.BlocksFree,
            Bavail = source.BlocksAvailable,
            Files = source.Files,
            Ffree = source.FilesFree,
            Bsize = (uint)source.BlockSize,
            Frsize = (uint)source.FragmentSize,
            Namelen = StoredName.MaxLogicalBytes,
        };
        return result;
    }

    private int Locate(ulong nodeId, out DirectoryLease lease, out byte[] name)
    {
        lease = default;
        name = [];
        return volume.Nodes.Find(nodeId) is { } node ? At(node, out lease, out name) : -(int)Errno.ESTALE;
    }
}
