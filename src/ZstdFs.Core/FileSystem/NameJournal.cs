using System.Buffers.Binary;
using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>A name in a folder of the source, and what is under it.</summary>
/// <param name="Folder">The folder's path below the root; empty for the root.</param>
/// <param name="Name">The name in the source, with its NUL.</param>
/// <param name="InodeNumber">Inode number, in the source, of what is to be moved or removed.</param>
internal readonly record struct JournaledName(byte[] Folder, byte[] Name, ulong InodeNumber);

/// <summary>
/// A rename between a stored file and what is stored as itself takes two steps in the source, because they are spelt differently. Before the first one, what is to be
/// done is on disk, so that a next mount does the second one where a crash came between them. The layout is in HOW_IT_WORKS.md.
/// </summary>
internal sealed class NameJournal(SourceTree source, StateFolder state, IEventLog log)
{
    private const uint Magic = 0x314A4E7A; // "zNJ1"
    private const int HeadBytes = 8, LongestBytes = 256 * 1024;

    // One journal at a time.
    private readonly Lock _gate = new();
    private int _sequence;

    private static NativeName FileName => new("names\0"u8);

    /// <summary>Odd between the two steps. What was looked up while it changed may be half of each.</summary>
    internal int Sequence => Volatile.Read(ref _sequence);

    /// <summary>Runs both steps between writing and removing the journal. Their result, or why the journal could not be written.</summary>
    /// <param name="moved">What the first step moves, at its new place.</param>
    /// <param name="other">What the second step moves or removes, where it is now.</param>
    /// <param name="destination">Where the second step moves that; null to remove it.</param>
    /// <param name="steps">Both steps; after a failure of the second the first is undone.</param>
    internal int Run(in JournaledName moved, in JournaledName other, JournaledName? destination, Func<int> steps)
    {
        lock (_gate)
        {
            int result = Write(moved, other, destination);
            if (result < 0)
                return result;
            Interlocked.Increment(ref _sequence);
            try
            {
                result = steps();
            }
            finally
            {
                Interlocked.Increment(ref _sequence);
            }
            // Both names are on disk before what tells of them goes.
            if (result >= 0)
                _ = SystemCallsFile.SynchronizeFileSystem(source.Root);
            _ = SystemCallsAt.Unlink(state.Folder, FileName);
            return result;
        }
    }

    private int Write(in JournaledName moved, in JournaledName other, JournaledName? destination)
    {
        using var bytes = new MemoryStream();
        bytes.Write(stackalloc byte[HeadBytes]);
        Add(bytes, moved);
        Add(bytes, other);
        Add(bytes, destination ?? new JournaledName([], [], 0));
        byte[] record = new byte[(bytes.Length + 3) / 4 * 4];
        bytes.ToArray().CopyTo(record, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(record, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(4), Checksum.OfRecord(record));
        _ = SystemCallsAt.Unlink(state.Folder, FileName);
        int result = source.CreateFile(state.Folder, FileName, 0b110_000_000, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
        {
            result = SystemCallsFile.Write(file, 0, record);
            if (result >= 0)
                result = SystemCallsFile.Synchronize(file);
        }
        return result < 0 ? result : source.SynchronizeFolder(state.Folder);
    }

    private static void Add(MemoryStream bytes, in JournaledName name)
    {
        Span<byte> number = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(number, name.InodeNumber);
        bytes.Write(number);
        foreach (byte[] text in new[] { name.Folder, name.Name })
        {
            BinaryPrimitives.WriteInt64LittleEndian(number, text.Length);
            bytes.Write(number);
            bytes.Write(text);
        }
    }

    /// <summary>Before a mount serves: finishes what the one before had begun.</summary>
    internal void Recover()
    {
        int result = source.OpenRead(state.Folder, FileName, out FileDescriptor file);
        if (result < 0)
            return;
        byte[] record = new byte[LongestBytes];
        using (file)
            record = record[..Math.Max(0, SystemCallsFile.Read(file, 0, record))];
        // Half a journal was never answered for: the first step did not begin.
        if (record.Length >= HeadBytes && record.Length % 4 == 0 && BinaryPrimitives.ReadUInt32LittleEndian(record) == Magic
            && BinaryPrimitives.ReadUInt32LittleEndian(record.AsSpan(4)) == Checksum.OfRecord(record))
        {
            ReadOnlySpan<byte> left = record.AsSpan(HeadBytes);
            if (TryTake(ref left, out JournaledName moved) && TryTake(ref left, out JournaledName other) && TryTake(ref left, out JournaledName destination))
                Finish(moved, other, destination);
        }
        _ = SystemCallsFile.SynchronizeFileSystem(source.Root);
        _ = SystemCallsAt.Unlink(state.Folder, FileName);
    }

    private static bool TryTake(ref ReadOnlySpan<byte> left, out JournaledName name)
    {
        name = default;
        if (left.Length < 2 * sizeof(long))
            return false;
        ulong number = BinaryPrimitives.ReadUInt64LittleEndian(left);
        left = left[sizeof(ulong)..];
        byte[][] texts = new byte[2][];
        for (int i = 0; i < texts.Length; i++)
        {
            long length = left.Length < sizeof(long) ? -1 : BinaryPrimitives.ReadInt64LittleEndian(left);
            if (length < 0 || length > left.Length - sizeof(long))
                return false;
            texts[i] = left.Slice(sizeof(long), (int)length).ToArray();
            left = left[(sizeof(long) + (int)length)..];
        }
        name = new JournaledName(texts[0], texts[1], number);
        return true;
    }

    private void Finish(in JournaledName moved, in JournaledName other, in JournaledName destination)
    {
        if (!Is(moved, out FileDescriptor? movedFolder))
            return;
        movedFolder.Dispose();
        if (!Is(other, out FileDescriptor? folder))
            return;
        using (folder)
        {
            int result;
            if (destination.Name.Length == 0)
                result = SystemCallsAt.Unlink(folder, new NativeName(other.Name));
            else
            {
                result = Open(destination.Folder, out FileDescriptor to);
                if (result >= 0)
                {
                    using (to)
                        result = SystemCallsAt.Rename(folder, new NativeName(other.Name), to, new NativeName(destination.Name), RenameFlags.NoReplace);
                }
            }
            string name = Encoding.UTF8.GetString(other.Name.AsSpan()[..^1]);
            if (result < 0)
                log.Error($"{name}: a rename that was interrupted could not be finished ({(Errno)(-result)}): two files have one name, and only the stored one is shown");
            else
                log.Information("a rename that was interrupted is finished");
        }
    }

    /// <summary>Whether the name still leads to the same; then its folder is open.</summary>
    private bool Is(in JournaledName name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out FileDescriptor? folder)
    {
        folder = null;
        if (name.Name.Length < 2 || name.Name[^1] != 0 || Open(name.Folder, out FileDescriptor opened) < 0)
            return false;
        if (SystemCallsAt.Stat(opened, new NativeName(name.Name), out Statx stat) >= 0 && stat.InodeNumber == name.InodeNumber)
        {
            folder = opened;
            return true;
        }
        opened.Dispose();
        return false;
    }

    private int Open(byte[] path, out FileDescriptor folder)
    {
        int result = source.OpenDirectory(source.Root, new NativeName(".\0"u8), out folder);
        if (path.Length == 0)
            return result;
        foreach (Range part in path.AsSpan().Split((byte)'/'))
        {
            if (result < 0)
                return result;
            using FileDescriptor above = folder;
            result = source.OpenDirectory(above, new NativeName([.. path.AsSpan(part), 0]), out folder);
        }
        return result;
    }
}
