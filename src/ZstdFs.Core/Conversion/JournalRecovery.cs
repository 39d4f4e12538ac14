using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Puts in order what an interrupted run left: where every old name of a file is still there, the new ones go; where one old name is gone, all new
/// ones were durable, and the other old names go. Files changed since are left alone.
/// </summary>
internal sealed class JournalRecovery(SourceTree source, StateFolder state, ConversionProgress progress)
{
    /// <summary>Works through all journals and removes them. Returns 0 or −errno.</summary>
    internal int Run()
    {
        bool any = false;
        for (int slot = 0; slot < ConversionJournal.Slots; slot++)
        {
            if (ConversionJournal.TryRead(state.Folder, slot) is not { } journal)
                continue;
            any = true;
            Recover(journal);
        }
        // What was put in order is durable before the knowledge of it goes.
        int result = any ? SystemCallsFile.SynchronizeFileSystem(source.Root) : 0;
        if (result >= 0)
            RemoveJournals(state);
        return result;
    }

    internal static void RemoveJournals(StateFolder state)
    {
        for (int slot = 0; slot < ConversionJournal.Slots; slot++)
            _ = SystemCallsAt.Unlink(state.Folder, new NativeName(ConversionJournal.SlotName(slot)));
    }

    private void Recover(ConversionJournal journal)
    {
        var folders = new FileDescriptor?[journal.Folders.Count];
        for (int i = 0; i < folders.Length; i++)
            folders[i] = OpenFolder(source, journal.Folders[i].Path);
        foreach (IGrouping<int, JournalName> file in journal.Names.GroupBy(n => n.Job))
        {
            JournalName[] names = [.. file.Where(n => folders[n.Folder] is not null)];
            bool allOld = names.All(n => IsOriginal(folders[n.Folder]!, n));
            bool changed = false;
            foreach (JournalName name in names)
            {
                FileDescriptor folder = folders[name.Folder]!;
                if (!IsResult(folder, name) || !IsOriginal(folder, name))
                    continue;
                changed |= SystemCallsAt.Unlink(folder, new NativeName(allOld ? name.Target : name.Original)) >= 0;
            }
            if (changed)
                progress.NoteRecovered();
        }
        for (int i = 0; i < folders.Length; i++)
        {
            if (folders[i] is not { } folder)
                continue;
            _ = SystemCallsFile.SetTimes(folder, journal.Folders[i].AccessTime, journal.Folders[i].ModifyTime);
            folder.Dispose();
        }
    }

    private static bool IsOriginal(FileDescriptor folder, JournalName name) =>
        SystemCallsAt.Stat(folder, new NativeName(name.Original), out Statx stat) >= 0 && stat.InodeNumber == name.OriginalInode && stat.IsRegular;

    private static bool IsResult(FileDescriptor folder, JournalName name) =>
        SystemCallsAt.Stat(folder, new NativeName(name.Target), out Statx stat) >= 0 && stat.InodeNumber == name.ResultInode && stat.IsRegular
        && stat.Size == name.ResultBytes && stat.ModifyTime.ToTimestamp() == name.ModifyTime;

    /// <summary>Component by component: a path below a source may be longer than the kernel takes at once.</summary>
    internal static FileDescriptor? OpenFolder(SourceTree source, ReadOnlySpan<byte> path)
    {
        if (source.OpenListing(source.Root, new NativeName(".\0"u8), out FileDescriptor folder) < 0)
            return null;
        foreach (Range range in path.Split((byte)'/'))
        {
            if (path[range].IsEmpty)
                continue;
            int result = source.OpenListing(folder, new NativeName([.. path[range], 0]), out FileDescriptor next);
            folder.Dispose();
            if (result < 0)
                return null;
            folder = next;
        }
        return folder;
    }
}
