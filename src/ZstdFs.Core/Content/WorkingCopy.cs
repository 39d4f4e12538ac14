using System.Buffers;
using System.Buffers.Binary;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// The overlay of one file on disk: a sparse file in <c>.zstdfs/working</c> that holds the written blocks at their logical offsets and is as long as
/// the logical file. With its attribute (which file it belongs to, which base it lies over, up to where the base counts) it is its own
/// redo journal. Not synchronised: the content's lock is.
/// </summary>
internal sealed class WorkingCopy : IDisposable
{
    internal const int RecordBytes = 64;

    private const ushort Magic = 0x577A; // "zW"
    private const int BlockBytes = BlockMap.BlockBytes;

    private readonly StateFolder _state;
    private readonly byte[] _name;
    private readonly FileDescriptor _file;
    private readonly BlockMap _blocks = new();
    private bool _nameIsDurable;

    private WorkingCopy(StateFolder state, byte[] name, FileDescriptor file)
    {
        (_state, _name, _file) = (state, name, file);
    }

    internal static NativeName AttributeName => new("user.zstdfs.working\0"u8);

    internal BlockMap Blocks => _blocks;

    /// <summary>Makes an empty working copy. Returns 0 or −errno.</summary>
    internal static int Create(ContentServices services, ulong inodeNumber, StoredIdentity over, long baseLimit, out WorkingCopy copy)
    {
        copy = null!;
        if (services.State is not { } state)
            return -(int)Errno.EROFS;
        byte[] name = System.Text.Encoding.ASCII.GetBytes($"{inodeNumber:x16}-{services.NextTemporary():x}\0");
        int result = services.Source.CreateFile(state.Working, new NativeName(name), 0b110_000_000, out FileDescriptor file);
        if (result < 0)
            return result;
        var made = new WorkingCopy(state, name, file);
        result = made.WriteRecord(inodeNumber, over, baseLimit);
        if (result < 0 && result != -(int)Errno.EOPNOTSUPP)
        {
            made.Discard();
            return result;
        }
        copy = made;
        return 0;
    }

    /// <summary>Writes which file this belongs to and up to which logical offset the base shows through.</summary>
    internal int WriteRecord(ulong inodeNumber, StoredIdentity over, long baseLimit)
    {
        Span<byte> record = stackalloc byte[RecordBytes];
        record.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(record, Magic);
        record[2] = 1;
        BinaryPrimitives.WriteUInt64LittleEndian(record[8..], inodeNumber);
        BinaryPrimitives.WriteUInt64LittleEndian(record[16..], over.InodeNumber);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], over.Size);
        BinaryPrimitives.WriteInt64LittleEndian(record[32..], over.ModifyTime.Seconds);
        BinaryPrimitives.WriteInt64LittleEndian(record[40..], over.ModifyTime.Nanoseconds);
        BinaryPrimitives.WriteInt64LittleEndian(record[48..], baseLimit);
        return ExtendedAttributes.Set(_file, AttributeName, record, 0);
    }

    /// <summary>
    /// Writes content. A block that is written in part for the first time is completed from what was there before (<paramref name="readBelow"/>), so that
    /// the file's hole map says exactly what has been written.
    /// </summary>
    internal int Write(long offset, ReadOnlySpan<byte> data, long size, ReadBelow readBelow)
    {
        long end = offset + data.Length;
        long newSize = Math.Max(size, end);
        while (offset < end)
        {
            long block = offset / BlockBytes;
            int within = (int)(offset % BlockBytes);
            bool partial = within != 0 || end - offset < BlockBytes;
            int count = partial ? (int)Math.Min(BlockBytes - within, end - offset) : (int)((end - offset) / BlockBytes * BlockBytes);
            int result = partial && !_blocks[block]
                ? WriteCompletedBlock(block, within, data[..count], newSize, readBelow)
                : SystemCallsFile.Write(_file, offset, data[..count]);
            if (result < 0)
                return result;
            _blocks.Set(block, (offset + count + BlockBytes - 1) / BlockBytes);
            offset += count;
            data = data[count..];
        }
        return 0;
    }

    private int WriteCompletedBlock(long block, int within, ReadOnlySpan<byte> data, long newSize, ReadBelow readBelow)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            // Never past the logical end: the file's length is the logical size.
            Span<byte> content = rented.AsSpan(0, (int)Math.Min(BlockBytes, newSize - block * BlockBytes));
            readBelow(block * BlockBytes, content);
            data.CopyTo(content[within..]);
            return SystemCallsFile.Write(_file, block * BlockBytes, content);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Content of written blocks.</summary>
    internal int Read(long offset, Span<byte> destination)
    {
        int count = SystemCallsFile.Read(_file, offset, destination);
        if (count >= 0 && count < destination.Length)
            destination[count..].Clear();
        return Math.Min(count, 0);
    }

    /// <summary>Sets the logical size.</summary>
    internal int Resize(long oldSize, long newSize)
    {
        int result = SystemCallsFile.Truncate(_file, newSize);
        if (result >= 0 && newSize < oldSize)
            _blocks.ClearFrom((newSize + BlockBytes - 1) / BlockBytes);
        return result;
    }

    /// <summary>Content, size and record are on disk when it returns 0.</summary>
    internal int Synchronize()
    {
        int result = SystemCallsFile.Synchronize(_file);
        if (result >= 0 && !_nameIsDurable)
        {
            result = SystemCallsFile.Synchronize(_state.Working);
            _nameIsDurable = result >= 0;
        }
        return result;
    }

    /// <summary>Its content is in the stored file now, or nobody wants it any more.</summary>
    internal void Discard()
    {
        _ = SystemCallsAt.Unlink(_state.Working, new NativeName(_name));
        Dispose();
    }

    public void Dispose() => _file.Dispose();
}

/// <summary>Content below the overlay: fills the whole destination, with zeros where there is none.</summary>
internal delegate void ReadBelow(long offset, Span<byte> destination);
