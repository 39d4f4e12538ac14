using System.Buffers.Binary;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>Reads a folder's entries one by one, without "." and "..".</summary>
internal ref struct EntryReader(FileDescriptor folder, Span<byte> buffer)
{
    private const int HeaderBytes = 19; // struct linux_dirent64

    private readonly Span<byte> _buffer = buffer;
    private int _filled;
    private int _position;

    /// <summary>Name of the entry, with its NUL.</summary>
    internal ReadOnlySpan<byte> Name { get; private set; }

    /// <summary>Inode number of the entry, unless something is mounted on it.</summary>
    internal ulong InodeNumber { get; private set; }

    /// <summary>DT_* of the entry.</summary>
    internal byte Type { get; private set; }

    /// <summary>0, or −errno when reading ended before the end.</summary>
    internal int Error { get; private set; }

    /// <summary>The next entry. False at the end or after an error.</summary>
    internal bool MoveNext()
    {
        while (true)
        {
            if (_position >= _filled)
            {
                _filled = SystemCallsFile.ReadDirectory(folder, _buffer);
                _position = 0;
                if (_filled <= 0)
                {
                    Error = Math.Min(_filled, 0);
                    return false;
                }
            }
            ReadOnlySpan<byte> entry = _buffer[_position.._filled];
            _position += BinaryPrimitives.ReadUInt16LittleEndian(entry[16..]);
            InodeNumber = BinaryPrimitives.ReadUInt64LittleEndian(entry);
            Type = entry[18];
            ReadOnlySpan<byte> name = entry[HeaderBytes..];
            Name = name[..(name.IndexOf((byte)0) + 1)];
            if (!Name.SequenceEqual(".\0"u8) && !Name.SequenceEqual("..\0"u8))
                return true;
        }
    }
}
