using System.Buffers;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Fuse;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>Attributes, extended attributes, statfs.</summary>
internal sealed class AttributeOperations(Volume volume, FileOperations files)
{
    private const int LongestListBytes = 65536; // the kernel's limit

    private static ReadOnlySpan<byte> OurPrefix => "user.zstdfs"u8;

    internal int Get(ulong nodeId, out FuseAttrOut attributes)
    {
        attributes = default;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        return volume.GetAttributes(node, out attributes);
    }

    internal int Set(ulong nodeId, in FuseSetattrIn change, out FuseAttrOut attributes)
    {
        attributes = default;
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        int result = 0;
        if ((change.Valid & SetattrValid.Size) != 0)
            result = files.Truncate(nodeId, (change.Valid & SetattrValid.Handle) != 0 ? change.Handle : FuseFileSystem.NoHandle, (long)change.Size, (change.Valid & SetattrValid.KillSuidSgid) != 0);
        if (result >= 0)
            result = SetStored(node, change);
        return result < 0 ? result : Get(nodeId, out attributes);
    }

    private int SetStored(Node node, in FuseSetattrIn change)
    {
        const SetattrValid Times = SetattrValid.Atime | SetattrValid.Mtime | SetattrValid.AtimeNow | SetattrValid.MtimeNow;
        if ((change.Valid & (SetattrValid.Mode | SetattrValid.Uid | SetattrValid.Gid | Times)) == 0)
            return 0;
        // The content's lock comes before the node's gate.
        OpenFile? held = node.Kind == NodeKind.Stored ? volume.Contents.Hold(node.Id) : null;
        bool changesTime = held is not null && (change.Valid & (SetattrValid.Mtime | SetattrValid.MtimeNow)) != 0;
        if (changesTime)
            held!.Content.EnterTimeChange();
        try
        {
            return SetStored(node, held?.Content, change);
        }
        finally
        {
            if (changesTime)
                held!.Content.ExitTimeChange();
            if (held is not null)
                volume.Forgotten(volume.Contents.Close(held));
        }
    }

    private int SetStored(Node node, FileContent? content, in FuseSetattrIn change)
    {
        const SetattrValid Times = SetattrValid.Atime | SetattrValid.Mtime | SetattrValid.AtimeNow | SetattrValid.MtimeNow;
        // One of several steps may fail; those before it stand, as they would after several calls.
        lock (node.LinksGate)
        {
            int result = At(node, out DirectoryLease lease, out byte[] name);
            if (result == -(int)Errno.ENOENT && content is not null)
                return SetUnnamed(content, change);
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
                if (content is not null)
                    content.MayHavePrivileges = true;
                if (result >= 0 && (change.Valid & Times) != 0)
                    result = SetTimes(node, content, lease.Descriptor, native, change);
                return result;
            }
        }
    }

    /// <summary>Of a file that is open and has no name (any more).</summary>
    private static int SetUnnamed(FileContent content, in FuseSetattrIn change)
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
        if (result >= 0 && modify != Timestamp.Omit && SystemCallsAt.Stat(stored, out Statx stat) >= 0)
            content.NoteTimes(modify, stat);
        return result;
    }

    private static (Timestamp Access, Timestamp Modify) TimesOf(in FuseSetattrIn change) => (
        (change.Valid & SetattrValid.AtimeNow) != 0 ? Timestamp.UtimeNow : (change.Valid & SetattrValid.Atime) != 0 ? new Timestamp(change.Atime, change.AtimeNsec) : Timestamp.Omit,
        (change.Valid & SetattrValid.MtimeNow) != 0 ? Timestamp.Now() : (change.Valid & SetattrValid.Mtime) != 0 ? new Timestamp(change.Mtime, change.MtimeNsec) : Timestamp.Omit);

    private static int SetTimes(Node node, FileContent? content, FileDescriptor directory, NativeName name, in FuseSetattrIn change)
    {
        (Timestamp access, Timestamp modify) = TimesOf(change);
        bool hasRecord = SourceTree.TryReadRecord(directory, name, out SizeRecord record);
        int result = SystemCallsAt.Stat(directory, name, out Statx before);
        if (result >= 0)
            result = SystemCallsAt.SetTimes(directory, name, access, modify);
        if (result < 0 || modify == Timestamp.Omit || node.Kind != NodeKind.Stored)
            return result;
        result = SystemCallsAt.Stat(directory, name, out Statx after);
        if (result < 0)
            return result;
        content?.NoteTimes(modify, after);
        // The record holds only beside the modification time that it names.
        if (hasRecord && record.Describes(before) && !record.IsFresh)
            _ = SourceTree.WriteRecord(directory, name, record with { StoredModifyTime = after.ModifyTime.ToTimestamp() });
        return 0;
    }

    internal int GetExtended(ulong nodeId, out FuseStatxOut attributes)
    {
        attributes = default;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        return volume.GetExtendedAttributes(node, out attributes);
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
        int result = Locate(nodeId, out Located located);
        if (result < 0)
            return result;
        using (located)
            return SystemCallsAt.ReadLink(located.Directory, located.NativeName, target);
    }

    internal int GetExtended(ulong nodeId, NativeName attribute, Span<byte> value)
    {
        if (attribute.Bytes.StartsWith(OurPrefix))
            return -(int)Errno.ENODATA;
        int result = Locate(nodeId, out Located located);
        if (result < 0)
            return result;
        using (located)
            return located.File is { } file ? ExtendedAttributes.Get(file, attribute, value) : ExtendedAttributes.Get(located.Directory, located.NativeName, attribute, value);
    }

    internal int SetExtended(ulong nodeId, NativeName attribute, ReadOnlySpan<byte> value, int flags)
    {
        int result = LocateForChange(nodeId, attribute, Errno.EPERM, out Located located);
        if (result < 0)
            return result;
        using (located)
            return located.File is { } file ? ExtendedAttributes.Set(file, attribute, value, flags) : ExtendedAttributes.Set(located.Directory, located.NativeName, attribute, value, flags);
    }

    internal int RemoveExtended(ulong nodeId, NativeName attribute)
    {
        int result = LocateForChange(nodeId, attribute, Errno.ENODATA, out Located located);
        if (result < 0)
            return result;
        using (located)
            return located.File is { } file ? ExtendedAttributes.Remove(file, attribute) : ExtendedAttributes.Remove(located.Directory, located.NativeName, attribute);
    }

    private int LocateForChange(ulong nodeId, NativeName attribute, Errno ours, out Located located)
    {
        located = default;
        if (attribute.Bytes.StartsWith(OurPrefix))
            return -(int)ours;
        return volume.IsReadOnly ? -(int)Errno.EROFS : Locate(nodeId, out located);
    }

    internal int ListExtended(ulong nodeId, Span<byte> names)
    {
        int result = Locate(nodeId, out Located located);
        if (result < 0)
            return result;
        byte[] all = ArrayPool<byte>.Shared.Rent(LongestListBytes);
        try
        {
            using (located)
                result = located.File is { } file ? ExtendedAttributes.List(file, all) : ExtendedAttributes.List(located.Directory, located.NativeName, all);
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

    private int Locate(ulong nodeId, out Located located)
    {
        located = default;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        int result = At(node, out DirectoryLease lease, out byte[] name);
        located = new Located(volume, lease, name, null);
        if (result != -(int)Errno.ENOENT || volume.Contents.Hold(nodeId) is not { } held)
            return result;
        // Open, and without a name (any more).
        located = new Located(volume, default, name, held);
        return 0;
    }

    /// <summary>Where a node's attributes are: under a name in a folder, or of an open file that has no name.</summary>
    private readonly struct Located(Volume volume, DirectoryLease lease, byte[] name, OpenFile? held) : IDisposable
    {
        internal FileDescriptor? File => held?.Content.Base.Stored;

        internal FileDescriptor Directory => lease.Descriptor;

        internal NativeName NativeName => new(name);

        public void Dispose()
        {
            lease.Dispose();
            if (held is not null)
                volume.Forgotten(volume.Contents.Close(held));
        }
    }
}
