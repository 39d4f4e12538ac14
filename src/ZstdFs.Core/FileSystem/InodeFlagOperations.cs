using System.Buffers.Binary;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>chattr(1) and lsattr(1): the flags, and the project, are those of what is in the source, which keeps to them itself. Who may set which, the kernel has seen to.</summary>
internal sealed class InodeFlagOperations(Volume volume)
{
    internal int Get(ulong nodeId, Span<byte> output)
    {
        if (output.Length < sizeof(uint))
            return -(int)Errno.EINVAL;
        int result = Open(nodeId, out _, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
        {
            result = InodeFlags.Get(file, out uint flags);
            output.Clear();
            BinaryPrimitives.WriteUInt32LittleEndian(output, flags);
            return result;
        }
    }

    internal int GetExtended(ulong nodeId, Span<byte> output)
    {
        if (output.Length < InodeFlags.ExtendedBytes)
            return -(int)Errno.EINVAL;
        int result = Open(nodeId, out _, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
            return InodeFlags.GetExtended(file, output);
    }

    internal int Set(ulong nodeId, ReadOnlySpan<byte> input)
    {
        if (input.Length < sizeof(uint))
            return -(int)Errno.EINVAL;
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(input);
        int result = Prepare(nodeId, (flags & (InodeFlags.Immutable | InodeFlags.AppendOnly)) != 0, out Node node, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
        {
            // A commit copies them to the next version under the gate.
            lock (node.LinksGate)
                result = InodeFlags.Set(file, flags);
        }
        volume.InvalidateAttributes(nodeId);
        return result;
    }

    internal int SetExtended(ulong nodeId, ReadOnlySpan<byte> input)
    {
        if (input.Length < InodeFlags.ExtendedBytes)
            return -(int)Errno.EINVAL;
        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(input);
        int result = Prepare(nodeId, (flags & (InodeFlags.ExtendedImmutable | InodeFlags.ExtendedAppendOnly)) != 0, out Node node, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
        {
            lock (node.LinksGate)
                result = InodeFlags.SetExtended(file, input);
        }
        volume.InvalidateAttributes(nodeId);
        return result;
    }

    private int Prepare(ulong nodeId, bool protects, out Node node, out FileDescriptor file)
    {
        (node, file) = (null!, null!);
        if (volume.IsReadOnly)
            return -(int)Errno.EROFS;
        // What was written before is part of a file that cannot be changed any more.
        if (protects && volume.Contents.Hold(nodeId) is { } held)
        {
            _ = volume.Contents.TryTakeBack(held, out _);
            // What is written without a word cannot be kept out.
            int committed = held.Overlay.Lending.MayBeWritten ? -(int)Errno.ETXTBSY : held.IsDirty ? held.Commit(volume.Committer, yields: false) : 0;
            volume.Release(held);
            if (committed < 0)
                return committed;
        }
        return Open(nodeId, out node, out file);
    }

    private int Open(ulong nodeId, out Node node, out FileDescriptor file)
    {
        file = null!;
        node = volume.Nodes.Find(nodeId)!;
        if (node is null)
            return -(int)Errno.ESTALE;
        if (node.Kind == NodeKind.Special)
            return -(int)Errno.ENOTTY;
        int result = volume.Directories.Rent(node.Kind == NodeKind.Directory ? node : node.AnyLink?.Parent ?? volume.Nodes.Root, out DescriptorLease lease);
        if (result < 0)
            return result;
        using (lease)
        {
            if (node.Kind == NodeKind.Directory)
                return volume.Source.OpenListing(lease.Descriptor, new NativeName(".\0"u8), out file);
            if (node.AnyLink is not { } link)
                return -(int)Errno.ENOTTY;
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            return volume.Source.OpenRead(lease.Descriptor, node.Kind == NodeKind.Stored ? StoredName.Of(link.Bytes, buffer) : link.NativeName, out file);
        }
    }
}
