using System.Buffers.Binary;
using System.Numerics;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>One name in a journal.</summary>
/// <param name="Folder">Index of its folder in the journal.</param>
/// <param name="Job">Names with the same number are one file.</param>
/// <param name="Original">Name of the old form, with its NUL.</param>
/// <param name="Target">Name of the new form, with its NUL.</param>
/// <param name="OriginalInode">Inode number of the old form.</param>
/// <param name="ResultInode">Inode number of the new form.</param>
/// <param name="ResultBytes">Length of the new form.</param>
/// <param name="ModifyTime">Modification time of both.</param>
internal readonly record struct JournalName(
    int Folder, int Job, byte[] Original, byte[] Target, ulong OriginalInode, ulong ResultInode, long ResultBytes,
    Timestamp ModifyTime);

/// <summary>A folder in a journal: where it is, and the times that it had.</summary>
internal readonly record struct JournalFolder(byte[] Path, Timestamp AccessTime, Timestamp ModifyTime);

/// <summary>
/// What a batch is about to do. It is on disk before the batch makes its first new name, and is forgotten when the last
/// old name is gone for good. With it a later run tells its own half-done work from a conflict. A torn journal belongs
/// to a batch that had made no name yet. The layout is in HOW_IT_WORKS.md.
/// </summary>
internal sealed record ConversionJournal(IReadOnlyList<JournalFolder> Folders, IReadOnlyList<JournalName> Names)
{
    /// <summary>
    /// As many as batches can be under way. The first has not made its new names yet, the new names of the second are
    /// not durable yet, and the removals of the third are not durable yet.
    /// </summary>
    internal const int Slots = 3;

    private const uint Magic = NewerFormat.ConversionJournal;
    private const int HeaderBytes = 16;

    /// <summary>A journal is no longer: a longer one would not be read.</summary>
    internal const int LargestBytes = 256 << 20;

    // Lengths of what is of one length for each folder, for each name, and for the whole.
    private const int FolderBytes = 8 + 2 * 16, NameBytes = 2 * 8 + 2 * 8 + 3 * 8 + 16, CountBytes = 2 * 8;

    /// <summary>Name of the journal in a slot, with its NUL.</summary>
    internal static byte[] SlotName(int slot) => System.Text.Encoding.ASCII.GetBytes($"conversion-{slot}\0");

    // A file beside the slot, which holds the beginning of the slot's journal. While it is there, no old form has been
    // touched. Older versions of the program leave it alone.
    private static byte[] UntouchedName(int slot) =>
        System.Text.Encoding.ASCII.GetBytes($"conversion-{slot}-untouched\0");

    /// <summary>
    /// The run that wrote it had taken no old form's name away. So an old form whose content differs got that content
    /// later, from another program.
    /// </summary>
    internal bool IsUntouched { get; init; }

    /// <param name="jobs">The batch.</param>
    /// <param name="keepsFolderTimes">No other program changes the folders: their times may be put back later.</param>
    internal static ConversionJournal Of(IReadOnlyList<SwapJob> jobs, bool keepsFolderTimes = true)
    {
        var folders = new List<JournalFolder>();
        var numbers = new Dictionary<SourceFolder, int>();
        var names = new List<JournalName>();
        for (int i = 0; i < jobs.Count; i++)
        {
            SwapJob job = jobs[i];
            foreach (SwapName name in job.Names)
            {
                if (!numbers.TryGetValue(name.Folder, out int folder))
                {
                    folder = numbers[name.Folder] = folders.Count;
                    folders.Add(keepsFolderTimes
                        ? new JournalFolder(
                            name.Folder.Path,
                            name.Folder.Stat.AccessTime.ToTimestamp(),
                            name.Folder.Stat.ModifyTime.ToTimestamp())
                        : new JournalFolder(name.Folder.Path, Timestamp.Omit, Timestamp.Omit));
                }
                // Renaming over the old form, and removing the form that gives way, are single steps: neither can be
                // half done.
                if (job is { KeepsTarget: false } && !name.Original.AsSpan().SequenceEqual(name.Target))
                    names.Add(new JournalName(
                        folder, i, name.Original, name.Target, job.Stat.InodeNumber, job.ResultInode, job.ResultBytes,
                        job.Stat.ModifyTime.ToTimestamp()));
            }
        }
        return new ConversionJournal(folders, names);
    }

    /// <summary>Leaves a file with more names than a journal can hold.</summary>
    internal static void RequireRoom(SwapJob job)
    {
        if (BytesFor(job) > LargestBytes)
            throw new FileLeftException(LeftReason.Failed, $"it has too many names: {job.Names.Length}");
    }

    /// <summary>How long a journal of this one file is.</summary>
    internal static long BytesFor(SwapJob job)
    {
        long bytes = HeaderBytes + CountBytes;
        foreach (SwapName name in job.Names)
            bytes += NameBytes + name.Original.Length + name.Target.Length;
        // Most files have one name, and need no set.
        return bytes + (job.Names.Length == 1
            ? FolderBytes + job.Names[0].Folder.Path.Length
            : job.Names.Select(static n => n.Folder).Distinct().Sum(static f => (long)FolderBytes + f.Path.Length));
    }

    private long Bytes => HeaderBytes + CountBytes
        + Folders.Sum(static f => (long)FolderBytes + f.Path.Length)
        + Names.Sum(static n => (long)NameBytes + n.Original.Length + n.Target.Length);

    /// <summary>
    /// Writes it into a slot. The caller synchronises. −EFBIG where it is longer than <see cref="LargestBytes"/>.
    /// </summary>
    /// <param name="stateFolder">The state folder.</param>
    /// <param name="slot">Which one.</param>
    /// <param name="saysUntouched">
    /// The caller will say when it begins to take old names away (<see cref="NoteTouched"/>).
    /// </param>
    internal int Write(FileDescriptor stateFolder, int slot, bool saysUntouched = false)
    {
        if (Bytes > LargestBytes)
            return -(int)Errno.EFBIG;
        var writer = new System.Buffers.ArrayBufferWriter<byte>(64 * 1024);
        writer.GetSpan(HeaderBytes)[..HeaderBytes].Clear();
        writer.Advance(HeaderBytes);
        Put(writer, Folders.Count);
        foreach (JournalFolder folder in Folders)
        {
            Put(writer, folder.Path);
            Put(writer, folder.AccessTime);
            Put(writer, folder.ModifyTime);
        }
        Put(writer, Names.Count);
        foreach (JournalName name in Names)
        {
            Put(writer, name.Folder);
            Put(writer, name.Job);
            Put(writer, name.Original);
            Put(writer, name.Target);
            Put(writer, (long)name.OriginalInode);
            Put(writer, (long)name.ResultInode);
            Put(writer, name.ResultBytes);
            Put(writer, name.ModifyTime);
        }
        byte[] bytes = writer.WrittenSpan.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), bytes.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), Checksum(bytes));
        int result = Write(stateFolder, SlotName(slot), bytes);
        return result >= 0 && saysUntouched
            ? Write(stateFolder, UntouchedName(slot), bytes.AsSpan(0, HeaderBytes))
            : result;
    }

    private static int Write(FileDescriptor stateFolder, byte[] name, ReadOnlySpan<byte> bytes)
    {
        int result = Open(
            stateFolder, name, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Truncate, out FileDescriptor file);
        if (result < 0)
            return result;
        using (file)
            return SystemCallsFile.Write(file, 0, bytes);
    }

    /// <summary>The caller is about to take old names away. It synchronises before the first.</summary>
    internal static int NoteTouched(FileDescriptor stateFolder, int slot)
    {
        int result = SystemCallsAt.Unlink(stateFolder, new NativeName(UntouchedName(slot)));
        return result == -(int)Errno.ENOENT ? 0 : result;
    }

    /// <summary>Removes it. Returns 0 or −errno.</summary>
    internal static int Remove(FileDescriptor stateFolder, int slot)
    {
        int result = SystemCallsAt.Unlink(stateFolder, new NativeName(SlotName(slot)));
        return result is < 0 and not -(int)Errno.ENOENT ? result : NoteTouched(stateFolder, slot);
    }

    private static bool SaysUntouched(FileDescriptor stateFolder, int slot, ReadOnlySpan<byte> header)
    {
        if (Open(stateFolder, UntouchedName(slot), OpenFlags.ReadOnly, out FileDescriptor file) < 0)
            return false;
        using (file)
        {
            Span<byte> bytes = stackalloc byte[HeaderBytes];
            return SystemCallsFile.Read(file, 0, bytes) == HeaderBytes && bytes.SequenceEqual(header);
        }
    }

    /// <summary>Reads a slot; null where it holds no journal, or a torn one.</summary>
    internal static ConversionJournal? TryRead(FileDescriptor stateFolder, int slot) =>
        Read(stateFolder, slot, out ConversionJournal? journal) < 0 ? null : journal;

    /// <summary>The same. −errno where a fault hides the journal, which may say what has to be done.</summary>
    internal static int Read(FileDescriptor stateFolder, int slot, out ConversionJournal? journal)
    {
        journal = null;
        int result = Open(stateFolder, SlotName(slot), OpenFlags.ReadOnly, out FileDescriptor file);
        if (result < 0)
            return PassingFault.Is(result) ? result : 0;
        using (file)
        {
            result = SystemCallsAt.Stat(file, out Statx stat);
            if (result < 0 || stat.Size is < HeaderBytes or > LargestBytes)
                return Math.Min(result, 0);
            byte[] bytes = new byte[stat.Size];
            result = SystemCallsFile.Read(file, 0, bytes);
            if (result < 0)
                return result;
            bool isWhole = result == bytes.Length && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Magic
                && BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8)) == bytes.Length
                && BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4)) == Checksum(bytes);
            if (isWhole && TryParse(bytes.AsSpan(HeaderBytes), out journal))
                journal = journal! with
                {
                    IsUntouched = SaysUntouched(stateFolder, slot, bytes.AsSpan(0, HeaderBytes))
                };
            return 0;
        }
    }

    /// <summary>
    /// False where it does not say what this class writes. Another user may have made the file: so nothing in it may
    /// lead out of the source, whatever its checksum.
    /// </summary>
    private static bool TryParse(ReadOnlySpan<byte> bytes, out ConversionJournal? journal)
    {
        journal = null;
        if (!TryTakeCount(ref bytes, FolderBytes, out int count))
            return false;
        var folders = new JournalFolder[count];
        for (int i = 0; i < folders.Length; i++)
        {
            if (!TryTakeBytes(ref bytes, out byte[] path) || !TryTakeTime(ref bytes, out Timestamp access)
                || !TryTakeTime(ref bytes, out Timestamp modify))
                return false;
            folders[i] = new JournalFolder(path, access, modify);
        }
        if (!TryTakeCount(ref bytes, NameBytes, out count))
            return false;
        var names = new JournalName[count];
        for (int i = 0; i < names.Length; i++)
        {
            if (!TryTakeLong(ref bytes, out long folder) || folder < 0 || folder >= folders.Length
                || !TryTakeLong(ref bytes, out long job) || job is < 0 or > int.MaxValue
                || !TryTakeBytes(ref bytes, out byte[] original) || !NativeName.IsEntry(original)
                || !TryTakeBytes(ref bytes, out byte[] target) || !NativeName.IsEntry(target)
                || !TryTakeLong(ref bytes, out long originalInode) || !TryTakeLong(ref bytes, out long resultInode)
                || !TryTakeLong(ref bytes, out long resultBytes) || !TryTakeTime(ref bytes, out Timestamp modify))
                return false;
            names[i] = new JournalName((int)folder, (int)job, original, target, (ulong)originalInode,
                (ulong)resultInode, resultBytes, modify);
        }
        journal = new ConversionJournal(folders, names);
        return true;
    }

    // A pipe of that name must not be waited for.
    private static int Open(FileDescriptor stateFolder, byte[] name, int flags, out FileDescriptor file) =>
        SystemCallsAt.Open(
            stateFolder, new NativeName(name), flags | OpenFlags.NonBlocking, 0b110_000_000, out file);

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint crc = BitOperations.Crc32C(uint.MaxValue, BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]));
        foreach (byte b in bytes[HeaderBytes..])
            crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }

    private static void Put(System.Buffers.ArrayBufferWriter<byte> writer, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(writer.GetSpan(sizeof(long)), value);
        writer.Advance(sizeof(long));
    }

    private static void Put(System.Buffers.ArrayBufferWriter<byte> writer, Timestamp time)
    {
        Put(writer, time.Seconds);
        Put(writer, time.Nanoseconds);
    }

    private static void Put(System.Buffers.ArrayBufferWriter<byte> writer, byte[] bytes)
    {
        Put(writer, bytes.LongLength);
        System.Buffers.BuffersExtensions.Write(writer, bytes);
    }

    private static bool TryTakeLong(ref ReadOnlySpan<byte> bytes, out long value)
    {
        if (!BinaryPrimitives.TryReadInt64LittleEndian(bytes, out value))
            return false;
        bytes = bytes[sizeof(long)..];
        return true;
    }

    /// <summary>A number of things, none of which is shorter than this.</summary>
    private static bool TryTakeCount(ref ReadOnlySpan<byte> bytes, int leastBytes, out int count)
    {
        bool isOne = TryTakeLong(ref bytes, out long value) && value >= 0 && value <= bytes.Length / leastBytes;
        count = isOne ? (int)value : 0;
        return isOne;
    }

    private static bool TryTakeTime(ref ReadOnlySpan<byte> bytes, out Timestamp time)
    {
        bool isOne = TryTakeLong(ref bytes, out long seconds) & TryTakeLong(ref bytes, out long nanoseconds);
        time = isOne ? new Timestamp(seconds, nanoseconds) : default;
        return isOne;
    }

    private static bool TryTakeBytes(ref ReadOnlySpan<byte> bytes, out byte[] taken)
    {
        taken = [];
        if (!TryTakeLong(ref bytes, out long length) || length < 0 || length > bytes.Length)
            return false;
        taken = bytes[..(int)length].ToArray();
        bytes = bytes[(int)length..];
        return true;
    }
}
