using System.Buffers.Binary;
using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Names;

/// <summary>A name in a folder of the source, and the file or folder that has it.</summary>
/// <param name="Folder">
/// The folder's path below the root, logical names with slashes between; empty for the root.
/// </param>
/// <param name="Name">The name in the source, with its NUL.</param>
/// <param name="InodeNumber">Inode number, in the source, of the file or folder to move or remove.</param>
internal readonly record struct JournaledName(byte[] Folder, byte[] Name, ulong InodeNumber);

/// <summary>The two steps of a rename, and the way back from the first.</summary>
/// <param name="From">The old place of what the first step moves: number of the folder, and logical name.</param>
/// <param name="To">Its new place.</param>
/// <param name="First">Moves it to the new place.</param>
/// <param name="Second">Moves or removes what had the new place.</param>
/// <param name="Undo">Moves the first one back, where the second step failed; called again until it works.</param>
/// <param name="GiveUp">Closes what a failed undo keeps open for the next attempt.</param>
internal sealed record TwoSteps((ulong Folder, byte[] Name) From, (ulong Folder, byte[] Name) To,
    Func<int> First, Func<int> Second, Func<int> Undo, Action GiveUp)
{
    /// <summary>While only the first step is done, this name does not lead to what users know under it.</summary>
    internal bool Concern(ulong folder, ReadOnlySpan<byte> name) =>
        folder == From.Folder && name.SequenceEqual(From.Name) || folder == To.Folder && name.SequenceEqual(To.Name);
}

/// <summary>
/// A rename that puts a stored file in the place of a folder, plain or special file, or the other way round, takes two
/// steps in the source, because the two have different names there. The journal is on disk before the first step. Where
/// a crash comes between the steps, the next mount does the second one. The layout is in HOW_IT_WORKS.md.
/// </summary>
internal sealed class NameJournal(SourceTree source, StateFolder state, IEventLog log) : IDisposable
{
    private const uint Magic = NewerFormat.NameJournal;
    private const int HeadBytes = 8, LongestBytes = 256 * 1024;

    // One journal at a time.
    private readonly Lock _gate = new();
    private int _sequence;
    // A rename whose first step is done, whose second step failed, and whose undo failed too.
    private TwoSteps? _halfDone;
    // A journal may be on disk: of that rename, or of one that has ended.
    private bool _hasJournal;

    private static NativeName FileName => new("names\0"u8);

    /// <summary>
    /// Whether there is a journal: a rename is under way, or was interrupted. <paramref name="folder"/> is the state
    /// folder.
    /// </summary>
    internal static bool IsThere(FileDescriptor folder) => SystemCallsAt.Stat(folder, FileName, out _) >= 0;

    /// <summary>
    /// Odd while a rename changes names. A lookup during which the number changed may have seen a rename half done.
    /// </summary>
    internal int Sequence => Volatile.Read(ref _sequence);

    /// <summary>
    /// The caller is about to look up or change a name. Where a rename is half done, because its second step failed and
    /// its undo failed too, this tries the undo again. Returns 0, or −errno where the undo fails and the name is one of
    /// the rename's.
    /// </summary>
    internal int Settle(ulong folder, ReadOnlySpan<byte> name)
    {
        if (Volatile.Read(ref _halfDone) is not { } steps)
            return 0;
        int result;
        lock (_gate)
            result = SettleAlone();
        return result < 0 && steps.Concern(folder, name) ? result : 0;
    }

    /// <summary>
    /// The caller is about to put everything on disk: tries the same undo, and removes the journal where it can.
    /// </summary>
    internal void Settle()
    {
        lock (_gate)
        {
            if (SettleAlone() >= 0)
                _ = Forget();
        }
    }

    /// <summary>The mount ends. Where a rename is still half done, the next mount finishes it.</summary>
    public void Dispose() => _halfDone?.GiveUp();

    private int SettleAlone()
    {
        if (_halfDone is not { } steps)
            return 0;
        int result = Step(steps.Undo);
        if (result < 0)
            return result;
        Volatile.Write(ref _halfDone, null);
        log.Information("a rename that had failed half-way is undone");
        _ = Forget();
        return 0;
    }

    /// <summary>
    /// Moves <see cref="Sequence"/> before and after, because a lookup meanwhile may see a rename half done.
    /// </summary>
    private int Step(Func<int> step)
    {
        Interlocked.Increment(ref _sequence);
        try
        {
            return step();
        }
        finally
        {
            Interlocked.Increment(ref _sequence);
        }
    }

    /// <summary>
    /// Puts both names on disk and then removes the journal. Where the sync fails, the journal stays.
    /// </summary>
    private int Forget()
    {
        if (!_hasJournal)
            return 0;
        int result = SystemCallsFile.SynchronizeFileSystem(source.Root);
        if (result >= 0)
            result = SystemCallsAt.Unlink(state.Folder, FileName);
        _hasJournal = result is < 0 and not -(int)Errno.ENOENT;
        return _hasJournal ? result : 0;
    }

    /// <summary>
    /// Writes the journal, runs both steps and removes the journal. Returns the steps' result, or −errno where the
    /// journal could not be written.
    /// </summary>
    /// <param name="moved">What the first step moves, at its new place.</param>
    /// <param name="other">What the second step moves or removes, at its present place.</param>
    /// <param name="destination">Where the second step moves it; null to remove it.</param>
    /// <param name="steps">Both steps; where the second fails, the first is undone, at once or later.</param>
    internal int Run(in JournaledName moved, in JournaledName other, JournaledName? destination, TwoSteps steps)
    {
        lock (_gate)
        {
            // There is only one journal. The rename in it must be over, and on disk, before another one is written
            // there.
            int result = SettleAlone();
            if (result >= 0)
                result = Forget();
            if (result < 0)
                return result;
            _hasJournal = true;
            result = Write(moved, other, destination);
            if (result < 0)
            {
                _ = Forget();
                return result;
            }
            bool isHalfDone = false;
            result = Step(() =>
            {
                int step = steps.First();
                if (step < 0)
                    return step;
                step = steps.Second();
                isHalfDone = step < 0 && steps.Undo() < 0;
                return step;
            });
            if (!isHalfDone)
            {
                _ = Forget();
                return result;
            }
            Volatile.Write(ref _halfDone, steps);
            string name = Encoding.UTF8.GetString(moved.Name.AsSpan()[..^1]);
            log.Error($"{name}: a rename failed half-way ({(Errno)(-result)}), and could not be undone yet: it is "
                + "tried again, and else the next mount finishes it");
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
        int result = state.CreateFile(FileName, out FileDescriptor file);
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

    /// <summary>
    /// Finishes a rename that the mount before had begun; called before this mount serves. Returns 0, or −errno where a
    /// fault prevented that: then the journal stays.
    /// </summary>
    internal int Recover()
    {
        int result = source.OpenRead(state.Folder, FileName, out FileDescriptor file);
        if (result < 0)
            return PassingFault.Is(result) ? result : 0;
        byte[] record = new byte[LongestBytes];
        using (file)
            result = SystemCallsFile.Read(file, 0, record);
        if (result < 0)
            return result;
        record = record[..result];
        result = 0;
        // The first step begins only when the whole journal is on disk: half a journal has nothing to finish.
        if (record.Length >= HeadBytes && record.Length % 4 == 0
            && BinaryPrimitives.ReadUInt32LittleEndian(record) == Magic
            && BinaryPrimitives.ReadUInt32LittleEndian(record.AsSpan(4)) == Checksum.OfRecord(record))
        {
            ReadOnlySpan<byte> left = record.AsSpan(HeadBytes);
            if (TryTake(ref left, out JournaledName moved) && TryTake(ref left, out JournaledName other)
                && TryTake(ref left, out JournaledName destination) && moved.Name.Length > 0 && other.Name.Length > 0)
                result = Finish(moved, other, destination);
        }
        if (result >= 0)
            result = SystemCallsFile.SynchronizeFileSystem(source.Root);
        if (result >= 0)
            _ = SystemCallsAt.Unlink(state.Folder, FileName);
        return result;
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
            left = left[sizeof(long)..];
            texts[i] = left[..(int)length].ToArray();
            left = left[(int)length..];
        }
        name = new JournaledName(texts[0], texts[1], number);
        // Another user may have made the file: a name in it must not lead out of its folder.
        return name.Name.Length == 0 || NativeName.IsEntry(name.Name);
    }

    private int Finish(in JournaledName moved, in JournaledName other, in JournaledName destination)
    {
        int result = Is(moved, out FileDescriptor? folder);
        folder?.Dispose();
        if (result <= 0)
            return result;
        result = Is(other, out folder);
        if (folder is null)
            return result;
        using (folder)
        {
            if (destination.Name.Length == 0)
                result = SystemCallsAt.Unlink(folder, new NativeName(other.Name));
            else
            {
                result = Open(destination.Folder, out FileDescriptor to);
                if (result >= 0)
                {
                    using (to)
                        result = SystemCallsAt.Rename(folder, new NativeName(other.Name),
                            to, new NativeName(destination.Name), RenameFlags.NoReplace);
                }
            }
            if (PassingFault.Is(result))
                return result;
            string name = Encoding.UTF8.GetString(other.Name.AsSpan()[..^1]);
            if (result < 0)
                log.Error(
                    $"{name}: a rename that was interrupted could not be finished ({(Errno)(-result)}): two files "
                        + "have one name, and only the stored one is shown");
            else
                log.Information("a rename that was interrupted is finished");
            return 0;
        }
    }

    /// <summary>
    /// 1 where the name still leads to the inode in the journal; then <paramref name="folder"/> is open. 0 where it
    /// does not, −errno where a fault prevented the look.
    /// </summary>
    private int Is(in JournaledName name, out FileDescriptor? folder)
    {
        folder = null;
        int result = Open(name.Folder, out FileDescriptor opened);
        if (result < 0)
            return PassingFault.Is(result) ? result : 0;
        result = SystemCallsAt.Stat(opened, new NativeName(name.Name), out Statx stat);
        if (result >= 0 && stat.InodeNumber == name.InodeNumber)
        {
            folder = opened;
            return 1;
        }
        opened.Dispose();
        return PassingFault.Is(result) ? result : 0;
    }

    private int Open(byte[] path, out FileDescriptor folder)
    {
        int result = source.OpenDirectory(source.Root, new NativeName(".\0"u8), out folder);
        if (path.Length == 0)
            return result;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        foreach (Range part in path.AsSpan().Split((byte)'/'))
        {
            if (result < 0)
                return result;
            using FileDescriptor above = folder;
            if (path.AsSpan(part).Length > StoredName.MaxStoredBytes)
                return -(int)Errno.ENAMETOOLONG;
            result = source.OpenDirectory(above, SourceNames.FindNode(above, path.AsSpan(part), buffer), out folder);
        }
        return result;
    }
}
