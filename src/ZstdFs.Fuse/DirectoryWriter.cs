using System.Buffers.Binary;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse;

/// <summary>
/// Lays folder entries into the reply of READDIR (<c>struct fuse_dirent</c>) or READDIRPLUS (<c>struct fuse_direntplus</c>). Each entry starts at a multiple
/// of eight bytes.
/// </summary>
public ref struct DirectoryWriter
{
    private const int EntryHeaderBytes = 24;

    private readonly Span<byte> _buffer;

    /// <summary>Writes into <paramref name="buffer"/>, with attributes where <paramref name="plus"/>.</summary>
    public DirectoryWriter(Span<byte> buffer, bool plus)
    {
        _buffer = buffer;
        IsPlus = plus;
        BytesWritten = 0;
    }

    /// <summary>READDIRPLUS: entries carry a node and its attributes, and each gives the kernel a reference.</summary>
    public bool IsPlus { get; }

    /// <summary>Bytes used so far.</summary>
    public int BytesWritten { get; private set; }

    /// <summary>Whether an entry with a name of so many bytes still fits: to be asked before a lookup is counted for it.</summary>
    public readonly bool HasRoomFor(int nameLength) => BytesWritten + EntryBytes(nameLength) <= _buffer.Length;

    /// <summary>Adds an entry to a READDIR reply. False, and nothing written, where it does not fit.</summary>
    public bool TryAdd(scoped ReadOnlySpan<byte> name, ulong ino, uint type, ulong nextOffset)
    {
        if (!HasRoomFor(name.Length))
            return false;
        WriteEntry(BytesWritten, name, ino, type, nextOffset);
        BytesWritten += EntryBytes(name.Length);
        return true;
    }

    /// <summary>Adds an entry to a READDIRPLUS reply; with node id 0 it is listed without a lookup.</summary>
    public bool TryAddPlus(scoped ReadOnlySpan<byte> name, in FuseEntryOut entry, uint type, ulong nextOffset)
    {
        if (!HasRoomFor(name.Length))
            return false;
        MemoryMarshal.Write(_buffer[BytesWritten..], in entry);
        WriteEntry(BytesWritten + Marshal.SizeOf<FuseEntryOut>(), name, entry.Attr.Ino, type, nextOffset);
        BytesWritten += EntryBytes(name.Length);
        return true;
    }

    private readonly int EntryBytes(int nameLength) =>
        (IsPlus ? Marshal.SizeOf<FuseEntryOut>() : 0) + ((EntryHeaderBytes + nameLength + 7) & ~7);

    private readonly void WriteEntry(int at, scoped ReadOnlySpan<byte> name, ulong ino, uint type, ulong nextOffset)
    {
        Span<byte> entry = _buffer[at..];
        BinaryPrimitives.WriteUInt64LittleEndian(entry, ino);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], nextOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], (uint)name.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(entry[20..], type);
        name.CopyTo(entry[EntryHeaderBytes..]);
        // The kernel skips the padding; it must not carry what an earlier reply left in the buffer.
        entry[(EntryHeaderBytes + name.Length)..((EntryHeaderBytes + name.Length + 7) & ~7)].Clear();
    }
}
