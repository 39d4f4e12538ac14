using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZstdFs.Fuse.Wire;

namespace ZstdFs.Fuse;

/// <summary>
/// Lays folder entries into the reply of READDIR (<c>struct fuse_dirent</c>) or READDIRPLUS
/// (<c>struct fuse_direntplus</c>). Each entry starts at a multiple of eight bytes.
/// </summary>
public ref struct DirectoryWriter
{
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

    /// <summary>Bytes that are left.</summary>
    public readonly int Room => _buffer.Length - BytesWritten;

    /// <summary>
    /// Whether an entry with a name of this length fits. The caller asks before it counts a lookup for the entry.
    /// </summary>
    public readonly bool HasRoomFor(int nameLength) => EntryBytes(nameLength, IsPlus) <= Room;

    /// <summary>
    /// Adds an entry. In a READDIRPLUS reply it carries no node: the kernel looks the name up when it needs to. False,
    /// and nothing written, where it does not fit.
    /// </summary>
    /// <param name="name">One component of a path, without its NUL.</param>
    /// <param name="ino">Inode number, as stat shows it; not 0.</param>
    /// <param name="type">DT_*: the type bits of the mode, shifted right by 12.</param>
    /// <param name="nextOffset">Where a reader goes on after this entry; not 0.</param>
    public bool TryAdd(scoped ReadOnlySpan<byte> name, ulong ino, uint type, ulong nextOffset)
    {
        if (!HasRoomFor(name.Length))
            return false;
        if (IsPlus)
            Add<FuseEntryOut>(default);
        AddName(name, ino, type, nextOffset);
        return true;
    }

    /// <summary>
    /// Adds an entry to a READDIRPLUS reply, and with it a reference to its node. An entry with node id 0 is listed
    /// without a lookup, and gives no reference; "." and ".." are written so. False, and nothing written, where it does
    /// not fit.
    /// </summary>
    /// <exception cref="InvalidOperationException">The reply is READDIR's: the reference would be lost.</exception>
    public bool TryAddPlus(scoped ReadOnlySpan<byte> name, in FuseEntryOut entry, uint type, ulong nextOffset)
    {
        if (!IsPlus)
            throw new InvalidOperationException("READDIR carries no nodes.");
        if (!HasRoomFor(name.Length))
            return false;
        bool isDots = name.SequenceEqual("."u8) || name.SequenceEqual(".."u8);
        Add(isDots ? default : entry);
        AddName(name, entry.Attr.Ino, type, nextOffset);
        return true;
    }

    /// <summary>Bytes that an entry takes.</summary>
    internal static int EntryBytes(int nameLength, bool plus) =>
        (plus ? Unsafe.SizeOf<FuseDirentPlus>() : Unsafe.SizeOf<FuseDirent>()) + Aligned(nameLength);

    private static int Aligned(int length) => (length + 7) & ~7;

    private void AddName(scoped ReadOnlySpan<byte> name, ulong ino, uint type, ulong nextOffset)
    {
        Add(new FuseDirent { Ino = ino, Offset = nextOffset, NameLength = (uint)name.Length, Type = type });
        Span<byte> room = _buffer.Slice(BytesWritten, Aligned(name.Length));
        name.CopyTo(room);
        // The kernel skips the padding; it must not carry what an earlier reply left in the buffer.
        room[name.Length..].Clear();
        BytesWritten += room.Length;
    }

    private void Add<T>(in T value) where T : unmanaged
    {
        MemoryMarshal.Write(_buffer[BytesWritten..], in value);
        BytesWritten += Unsafe.SizeOf<T>();
    }
}
