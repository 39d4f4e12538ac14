using System.Buffers.Binary;
using ZstdFs.Core.Attributes;
using ZstdFs.Core.Commits;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// chattr(1) and lsattr(1). The flags and the project are those of the file in the source, whose file system obeys
/// them. The kernel has already checked permissions.
/// </summary>
internal sealed class InodeFlagOperations(Volume volume)
{
    private delegate int FlagsReader(FileDescriptor file, Span<byte> output);

    internal int Get(ulong nodeId, Span<byte> output) => Read(nodeId, output, sizeof(uint), static (file, output) =>
    {
        int result = InodeFlags.Get(file, out uint flags);
        output.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(output, flags);
        return result;
    });

    internal int GetExtended(ulong nodeId, Span<byte> output) =>
        Read(nodeId, output, InodeFlags.ExtendedBytes, InodeFlags.GetExtended);

    private int Read(ulong nodeId, Span<byte> output, int bytes, FlagsReader read)
    {
        if (output.Length < bytes)
            return -(int)Errno.EINVAL;
        if (volume.Nodes.Find(nodeId) is not { } node)
            return -(int)Errno.ESTALE;
        // A commit has an append-only file without its mark for a moment.
        lock (node.LinksGate)
        {
            int result = Open(node, out FileDescriptor file);
            if (result < 0)
                return result;
            using (file)
                return read(file, output);
        }
    }

    internal int Set(ulong nodeId, ReadOnlySpan<byte> input)
    {
        if (input.Length < sizeof(uint))
            return -(int)Errno.EINVAL;
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(input);
        return Set(nodeId, (flags & InodeFlags.Immutable) != 0, (flags & InodeFlags.AppendOnly) != 0, input,
            static (file, value) => InodeFlags.Set(file, BinaryPrimitives.ReadUInt32LittleEndian(value)));
    }

    internal int SetExtended(ulong nodeId, ReadOnlySpan<byte> input)
    {
        if (input.Length < InodeFlags.ExtendedBytes)
            return -(int)Errno.EINVAL;
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(input);
        return Set(
            nodeId, (flags & InodeFlags.ExtendedImmutable) != 0, (flags & InodeFlags.ExtendedAppendOnly) != 0, input,
            InodeFlags.SetExtended);
    }

    private int Set(
        ulong nodeId, bool isImmutable, bool appendsOnly, ReadOnlySpan<byte> input,
        Func<FileDescriptor, ReadOnlySpan<byte>, int> set)
    {
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        FileContent? held = volume.Contents.Hold(nodeId);
        bool wasImmutable = held is { Marks.IsImmutable: true };
        int result = held is not null && (isImmutable || appendsOnly) ? Settle(held, isImmutable) : 0;
        if (result >= 0)
            result = volume.Nodes.Find(nodeId) is { } node
                ? Set(node, isImmutable, appendsOnly, input, set) : -(int)Errno.ESTALE;
        if (held is not null)
        {
            if (result < 0)
                held.Marks.IsImmutable = wasImmutable;
            volume.Release(held);
        }
        volume.Notices.InvalidateAttributes(nodeId);
        return result;
    }

    private int Set(
        Node node, bool isImmutable, bool appendsOnly, ReadOnlySpan<byte> input,
        Func<FileDescriptor, ReadOnlySpan<byte>, int> set)
    {
        // A commit copies the flags to the next version under the gate, and an open looks at them under it. So the file
        // that is opened is the one that has the name.
        lock (node.LinksGate)
        {
            int result = Open(node, out FileDescriptor file);
            if (result < 0)
                return result;
            using (file)
            {
                using FolderGates.Held gate = volume.FolderGates.EnterIfFolder(node);
                ChangeTimes.UsersChange users = volume.ChangeTimes.Begin(node);
                SizeRecord? disowned =
                    isImmutable || appendsOnly ? volume.ChangeTimes.LetOwnCount(node, file) : null;
                result = set(file, input);
                volume.ChangeTimes.End(users, result);
                if (result < 0 && disowned is { } record)
                    ChangeTimes.TakeBack(node, users.Content, file, record);
                if (result >= 0 && volume.Contents.Find(node.Id) is { } content)
                    (content.Marks.IsImmutable, content.Marks.IsAppendOnly) = (isImmutable, appendsOnly);
                // What a commit noted of the mark before does not count any more.
                if (result >= 0 && !appendsOnly && node.Kind == NodeKind.Stored && volume.Services.State is { } state)
                    AppendOnlyMark.Forget(state, node.Id);
                return result;
            }
        }
    }

    /// <summary>Commits what was written before: it belongs to a file that is about to become unchangeable.</summary>
    private int Settle(FileContent content, bool isImmutable)
    {
        // A program may have stored into a mapping: the kernel writes those pages before it drops them.
        if (content.Handles.Writable > 0)
            volume.Notices.InvalidatePages(content.Node.Id, 0, 0);
        _ = volume.Contents.TryTakeBack(content, out _);
        // The daemon does not hear of what the kernel writes by itself.
        if (content.Lending.MayBeWritten)
            return -(int)Errno.ETXTBSY;
        content.Marks.IsImmutable |= isImmutable;
        return content.IsDirty ? volume.Committer.Commit(content, yields: false) : 0;
    }

    private int Open(Node node, out FileDescriptor file)
    {
        file = null!;
        if (node.Kind == NodeKind.Special)
            return -(int)Errno.ENOTTY;
        int result = volume.Directories.Rent(
            node.Kind == NodeKind.Directory ? node : node.AnyLink?.Parent ?? volume.Nodes.Root,
            out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            if (node.Kind == NodeKind.Directory)
                return volume.Source.OpenListing(lease.Descriptor, new NativeName(".\0"u8), out file);
            if (node.AnyLink is not { } link)
                return OpenNameless(node, out file);
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            return volume.Source.OpenRead(lease.Descriptor, link.Find(lease.Descriptor, node.Kind, buffer), out file);
        }
    }

    /// <summary>A file without a name, or without one that the node knows, is reached through what is open.</summary>
    private int OpenNameless(Node node, out FileDescriptor file)
    {
        file = null!;
        FileContent? held = volume.Contents.Hold(node.Id);
        DescriptorLease lease = default;
        bool isOpen = held is not null && held.TryRentBase(out lease) || node.TryRentNameless(out lease);
        int result = -(int)Errno.ENOTTY;
        using (lease)
        {
            if (isOpen)
                result = SystemCallsAt.Reopen(
                    lease.Descriptor, OpenFlags.ReadOnly | OpenFlags.NonBlocking, out file);
        }
        if (held is not null)
            volume.Release(held);
        return result;
    }
}
