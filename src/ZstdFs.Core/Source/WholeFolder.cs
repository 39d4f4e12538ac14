using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>Takes the entries of a folder.</summary>
internal interface IEntrySink
{
    /// <summary>An entry; neither "." nor "..". It may come more than once, and may be gone by now.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">Its name, with the NUL.</param>
    /// <param name="type">DT_* of the entry; DT_UNKNOWN where the file system does not say.</param>
    void Add(FileDescriptor folder, ReadOnlySpan<byte> name, byte type);
}

/// <summary>
/// Reads all of a folder while other threads and processes change it. INVARIANT: a name that is there from the
/// beginning to the end is told, even where a rename puts another file under it meanwhile. getdents(2) alone does not
/// promise that. Btrfs moves the entry that a rename replaced behind the end that it noted when the reading began;
/// tmpfs moves it to where the reading has been.
/// </summary>
internal static class WholeFolder
{
    private const int BufferBytes = 64 * 1024;

    // The kernel keeps 16,384 events of a watch at most.
    private const int EntriesBetweenLooks = 4096;

    private const int MostReadings = 8;

    // A change within the same step of the clock leaves the change time as it is. The kernel's clock steps at least
    // every 10 ms; some file systems keep whole seconds, FAT two.
    private const long ClockStepNanoseconds = 20_000_000, CoarseStepNanoseconds = 2_100_000_000,
        NanosecondsInSecond = 1_000_000_000;

    /// <summary>Reads the folder from its beginning. Returns 0 or −errno.</summary>
    /// <param name="folder">The folder, open for listing.</param>
    /// <param name="watches">Watches to use; null for a folder that nothing changes meanwhile.</param>
    /// <param name="sink">Takes the entries.</param>
    /// <param name="isChanging">Entries may have come more than once, and may be gone.</param>
    internal static int Read(FileDescriptor folder, FolderWatches? watches, IEntrySink sink, out bool isChanging)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            if (watches is null)
            {
                isChanging = false;
                return ReadOnce(folder, null, sink, buffer, out _);
            }
            int result = ReadQuietly(folder, sink, buffer, out isChanging);
            return result < 0 || !isChanging ? result : ReadWatching(folder, watches, sink, buffer);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Nearly always nothing changes the folder, and its change time proves that.</summary>
    private static int ReadQuietly(FileDescriptor folder, IEntrySink sink, byte[] buffer, out bool isChanging)
    {
        isChanging = true;
        int result = SystemCallsAt.Stat(folder, out Statx before);
        if (result < 0)
            return result;
        if (!IsSettled(before.ChangeTime))
            return 0;
        result = ReadOnce(folder, null, sink, buffer, out _);
        isChanging = result >= 0 && !IsUnchangedSince(before, folder);
        return result;
    }

    /// <summary>
    /// Tells what the readings find together, and what the kernel notes as coming: where a reading misses a name, a
    /// rename moved it meanwhile, and the kernel notes that it came. Where the folder changed and the kernel noted
    /// nothing, the folder is read again: another machine changes a network file system, or the user has as many
    /// watches as he may have.
    /// </summary>
    private static int ReadWatching(FileDescriptor folder, FolderWatches watches, IEntrySink sink, byte[] buffer)
    {
        FolderWatch? watch = watches.TryWatch(folder);
        try
        {
            for (int reading = 1; ; reading++)
            {
                int result = SystemCallsAt.Stat(folder, out Statx before);
                int noted = 0;
                if (result >= 0)
                    result = ReadOnce(folder, watch, sink, buffer, out noted);
                if (result < 0 || noted > 0 || reading == MostReadings)
                    return result;
                if ((watch is not null || IsSettled(before.ChangeTime)) && IsUnchangedSince(before, folder))
                    return 0;
            }
        }
        finally
        {
            watches.Return(watch);
        }
    }

    /// <param name="folder">The folder.</param>
    /// <param name="watch">Notes what changes; or null.</param>
    /// <param name="sink">Takes the entries.</param>
    /// <param name="buffer">For them.</param>
    /// <param name="noted">How many changes the kernel noted; negative where it lost some.</param>
    private static int ReadOnce(
        FileDescriptor folder, FolderWatch? watch, IEntrySink sink, byte[] buffer, out int noted)
    {
        noted = 0;
        long start = SystemCallsFile.Seek(folder, 0, SeekWhence.Set);
        if (start < 0)
            return (int)start;
        bool hasLost = false;
        var entries = new EntryReader(folder, buffer);
        for (int i = 1; entries.MoveNext(); i++)
        {
            sink.Add(folder, entries.Name, entries.Type);
            if (watch is not null && i % EntriesBetweenLooks == 0)
                noted += TakeNoted(folder, watch, sink, ref hasLost);
        }
        if (watch is not null)
            noted += TakeNoted(folder, watch, sink, ref hasLost);
        if (hasLost)
            noted = -1;
        return entries.Error;
    }

    private static int TakeNoted(FileDescriptor folder, FolderWatch watch, IEntrySink sink, ref bool hasLost)
    {
        Span<byte> buffer = stackalloc byte[FolderWatch.EventsBytes];
        int count = 0;
        while (watch.Take(buffer) is > 0 and var length)
        {
            ReadOnlySpan<byte> events = buffer[..length];
            while (watch.TryNext(ref events, out FolderEvent happened, out ReadOnlySpan<byte> name))
            {
                hasLost |= happened == FolderEvent.Lost;
                if (happened is not (FolderEvent.Came or FolderEvent.Went))
                    continue;
                count++;
                if (happened == FolderEvent.Came
                    && SystemCallsAt.Stat(folder, new NativeName(name), out Statx stat) >= 0)
                    sink.Add(folder, name, FileType.ToEntryType(stat.Mode));
            }
        }
        return count;
    }

    private static bool IsUnchangedSince(in Statx before, FileDescriptor folder) =>
        SystemCallsAt.Stat(folder, out Statx after) >= 0
            && after.ChangeTime.ToTimestamp() == before.ChangeTime.ToTimestamp();

    /// <summary>The next change of the folder will move its change time.</summary>
    private static bool IsSettled(in StatxTimestamp changed)
    {
        Timestamp now = Timestamp.Now();
        long age = now.Seconds - changed.Seconds;
        if (age is < 0 or > 60)
            return age > 0;
        return age * NanosecondsInSecond + now.Nanoseconds - changed.Nanoseconds
            > (changed.Nanoseconds == 0 ? CoarseStepNanoseconds : ClockStepNanoseconds);
    }
}
