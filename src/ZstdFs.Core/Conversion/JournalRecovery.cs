using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Puts in order what an interrupted run left. Where every old name of a file is still there, the new names go. Where
/// an old name is gone, all new names were durable, and the other old names go. Another program may have written to the
/// old form or replaced it since: that newer content stays. The new form beside it goes where the run had touched no
/// old name. Where that is not known both stay.
/// </summary>
internal sealed class JournalRecovery(SourceTree source, StateFolder state, ConversionProgress progress)
{
    /// <summary>
    /// Works through all journals and removes them. Returns 0, or −errno where a fault prevented that: the journals
    /// stay.
    /// </summary>
    internal int Run()
    {
        var journals = new List<ConversionJournal>();
        int result = 0;
        for (int slot = 0; slot < ConversionJournal.Slots && result >= 0; slot++)
        {
            result = ConversionJournal.Read(state.Folder, slot, out ConversionJournal? journal);
            if (journal is not null)
                journals.Add(journal);
        }
        // First, so that each name leads to the file that had it.
        if (result >= 0)
            result = AsideFiles.Restore(source, state, journals);
        for (int i = 0; i < journals.Count && result >= 0; i++)
            result = Recover(journals[i]);
        // The names in order are durable before the journals go.
        if (result >= 0 && journals.Count > 0)
            result = SystemCallsFile.SynchronizeFileSystem(source.Root);
        return result < 0 ? result : RemoveJournals(state);
    }

    /// <summary>Returns 0, or −errno where one is still there.</summary>
    internal static int RemoveJournals(StateFolder state)
    {
        int first = 0;
        for (int slot = 0; slot < ConversionJournal.Slots; slot++)
        {
            int result = ConversionJournal.Remove(state.Folder, slot);
            if (result < 0 && first == 0)
                first = result;
        }
        return first;
    }

    private int Recover(ConversionJournal journal)
    {
        var folders = new FileDescriptor?[journal.Folders.Count];
        int result = 0;
        try
        {
            for (int i = 0; i < folders.Length && result >= 0; i++)
                result = TryOpenFolder(source, journal.Folders[i].Path, out folders[i]);
            foreach (IGrouping<int, JournalName> file in journal.Names.GroupBy(n => n.Job))
            {
                if (result >= 0)
                    result = Recover(folders, [.. file.Where(n => folders[n.Folder] is not null)], journal.IsUntouched);
            }
            for (int i = 0; i < folders.Length && result >= 0; i++)
            {
                if (folders[i] is { } folder)
                    _ = SystemCallsFile.SetTimes(folder, journal.Folders[i].AccessTime, journal.Folders[i].ModifyTime);
            }
            return result;
        }
        finally
        {
            foreach (FileDescriptor? folder in folders)
                folder?.Dispose();
        }
    }

    /// <summary>
    /// Puts one file in order. Looks at all its names before the first goes: a name that a fault hides must not be
    /// taken for gone.
    /// </summary>
    private int Recover(FileDescriptor?[] folders, JournalName[] names, bool isUntouched)
    {
        bool[] areOriginal = new bool[names.Length], areResult = new bool[names.Length];
        for (int i = 0; i < names.Length; i++)
        {
            int original = IsOriginal(folders[names[i].Folder]!, names[i]),
                made = IsResult(folders[names[i].Folder]!, names[i]);
            if (original < 0 || made < 0)
                return Math.Min(original, made);
            (areOriginal[i], areResult[i]) = (original > 0, made > 0);
        }
        bool allOld = Array.TrueForAll(areOriginal, static isThere => isThere), changed = false;
        for (int i = 0; i < names.Length; i++)
        {
            // Where another program removed the old name, the new form stays: the program may have relied on it.
            bool isNewer = isUntouched && !areOriginal[i]
                && SystemCallsAt.Stat(
                    folders[names[i].Folder]!, new NativeName(names[i].Original), out Statx other) >= 0
                && other.IsRegular;
            if (!areResult[i] || !areOriginal[i] && !isNewer)
                continue;
            int result = SystemCallsAt.Unlink(
                folders[names[i].Folder]!, new NativeName(allOld || isNewer ? names[i].Target : names[i].Original));
            if (PassingFault.Is(result) || result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT)
                return result;
            changed |= result >= 0;
        }
        if (changed)
            progress.NoteRecovered();
        return 0;
    }

    /// <summary>
    /// Whether the old form is under its name: 1 or 0, or −errno where a fault hides that. The modification time
    /// counts too. A file that was written to since has content that the new form has not, and the source reuses inode
    /// numbers.
    /// </summary>
    private static int IsOriginal(FileDescriptor folder, JournalName name)
    {
        int result = SystemCallsAt.Stat(folder, new NativeName(name.Original), out Statx stat);
        return result < 0 ? NotThere(result) : IsOriginal(stat, name) ? 1 : 0;
    }

    /// <summary>Whether the file that was found is the one that the journal noted.</summary>
    internal static bool IsOriginal(in Statx found, in JournalName name) =>
        found.InodeNumber == name.OriginalInode && found.IsRegular && found.ModifyTime.ToTimestamp() == name.ModifyTime;

    /// <summary>The same of the new form.</summary>
    internal static int IsResult(FileDescriptor folder, JournalName name)
    {
        int result = SystemCallsAt.Stat(folder, new NativeName(name.Target), out Statx stat);
        if (result < 0)
            return NotThere(result);
        return stat.InodeNumber == name.ResultInode && stat.IsRegular && stat.Size == name.ResultBytes
            && stat.ModifyTime.ToTimestamp() == name.ModifyTime ? 1 : 0;
    }

    private static int NotThere(int result) => PassingFault.Is(result) ? result : 0;

    /// <summary>
    /// Opens it component by component: a path below a source may be longer than the kernel takes at once.
    /// </summary>
    internal static FileDescriptor? OpenFolder(SourceTree source, ReadOnlySpan<byte> path)
    {
        _ = TryOpenFolder(source, path, out FileDescriptor? folder);
        return folder;
    }

    /// <summary>The same. Null for a folder that is gone or not accessible; −errno for a passing fault.</summary>
    internal static int TryOpenFolder(SourceTree source, ReadOnlySpan<byte> path, out FileDescriptor? opened)
    {
        opened = null;
        int result = source.OpenListing(source.Root, new NativeName(".\0"u8), out FileDescriptor folder);
        if (result < 0)
            return NotThere(result);
        foreach (Range range in path.Split((byte)'/'))
        {
            if (path[range].IsEmpty)
                continue;
            result = source.OpenListing(folder, new NativeName([.. path[range], 0]), out FileDescriptor next);
            folder.Dispose();
            if (result < 0)
                return NotThere(result);
            folder = next;
        }
        opened = folder;
        return 0;
    }
}
