using System.Buffers.Binary;
using ZstdFs.Linux;

namespace ZstdFs.Fuse;

/// <summary>
/// Tells the kernel that something it caches is no longer true. Results are 0 or −errno; −ENOENT only says that the kernel did not hold it.
/// A notification that drops pages waits for reads of them under way: never send it from the op that such a read is.
/// </summary>
public sealed class FuseNotifier(FileDescriptor device)
{
    private const int InvalidateInodeCode = 2, InvalidateEntryCode = 3, DeleteCode = 6;
    private const int HeaderBytes = 16;

    /// <summary>Drops attributes and, where <paramref name="offset"/> is 0 or more, pages of a node; length 0 or less reaches to the end.</summary>
    public int InvalidateInode(ulong node, long offset, long length)
    {
        Span<byte> message = stackalloc byte[HeaderBytes + 24];
        BinaryPrimitives.WriteUInt64LittleEndian(message[16..], node);
        BinaryPrimitives.WriteInt64LittleEndian(message[24..], offset);
        BinaryPrimitives.WriteInt64LittleEndian(message[32..], length);
        return Send(message, InvalidateInodeCode);
    }

    /// <summary>Drops a name, so that the next use of it is looked up.</summary>
    public int InvalidateEntry(ulong parent, ReadOnlySpan<byte> name)
    {
        Span<byte> message = stackalloc byte[HeaderBytes + 16 + 256];
        message.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(message[16..], parent);
        BinaryPrimitives.WriteUInt32LittleEndian(message[24..], (uint)name.Length);
        name.CopyTo(message[32..]);
        return Send(message[..(33 + name.Length)], InvalidateEntryCode);
    }

    /// <summary>Drops a name because its file was deleted, so that watchers hear of it.</summary>
    public int Delete(ulong parent, ulong child, ReadOnlySpan<byte> name)
    {
        Span<byte> message = stackalloc byte[HeaderBytes + 24 + 256];
        message.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(message[16..], parent);
        BinaryPrimitives.WriteUInt64LittleEndian(message[24..], child);
        BinaryPrimitives.WriteUInt32LittleEndian(message[32..], (uint)name.Length);
        name.CopyTo(message[40..]);
        return Send(message[..(41 + name.Length)], DeleteCode);
    }

    private int Send(Span<byte> message, int code)
    {
        // A reply header with unique 0; the code stands where an error would.
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)message.Length);
        BinaryPrimitives.WriteInt32LittleEndian(message[4..], code);
        message.Slice(8, 8).Clear();
        return DeviceCalls.Write(device, message);
    }
}
