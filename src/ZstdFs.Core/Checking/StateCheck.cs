using System.Text;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>What is wrong in <c>.zstdfs</c>.</summary>
internal sealed class StateCheck(SourceTree source, FaultReport report, bool repair)
{
    private static readonly string[] Known = ["lock", "state", "working", "cas", CheckMark.FileName];

    private ulong _reservedUpTo;
    private bool _hasState;

    private static NativeName FolderName => new(".zstdfs\0"u8);

    /// <summary>Looks at it before the walk. True where somebody has the source's lock.</summary>
    internal bool Look()
    {
        if (SystemCallsAt.Stat(source.Root, FolderName, out Statx stat) < 0)
            return false;
        int result = source.OpenListing(source.Root, FolderName, out FileDescriptor folder);
        if (!stat.IsDirectory || result < 0)
        {
            report.Add(Path(), FaultKind.StateDamaged, stat.IsDirectory ? $"it cannot be read ({(Errno)(-result)})" : "it is no folder: move it away");
            return false;
        }
        using (folder)
        {
            bool isServed = IsLocked(folder);
            LookAtEntries(folder);
            LookAtState(folder, isServed);
            LookAtWorking(folder, isServed);
            LookAtJournals(folder, isServed);
            return isServed;
        }
    }

    /// <summary>After the walk: numbers in use that the allocator would give again.</summary>
    internal void LookAtNumbers(ulong largest, bool isServed)
    {
        if (!_hasState || largest == 0 || largest < _reservedUpTo)
            return;
        bool mended = repair && !isServed && TryRaise(largest);
        report.Add(Path("state"), FaultKind.NumbersBehind, $"inode number {largest} is in use and would be given again", mended);
    }

    /// <summary>Opens the state for changing it; null where somebody has the lock or it cannot be written.</summary>
    internal StateFolder? TryOpen()
    {
        try
        {
            return source.ReadOnly ? null : StateFolder.TryOpen(source, out _);
        }
        catch (SourceException)
        {
            return null;
        }
    }

    private bool TryRaise(ulong largest)
    {
        using StateFolder? state = TryOpen();
        state?.NoteInUse(largest);
        state?.AllocateInodeNumber();
        return state is not null;
    }

    private static bool IsLocked(FileDescriptor folder)
    {
        if (SystemCallsAt.Open(folder, new NativeName("lock\0"u8), OpenFlags.ReadOnly, 0, out FileDescriptor file) < 0)
            return false;
        using (file)
            return SystemCallsFile.TryLock(file, exclusive: false) == -(int)Errno.EAGAIN;
    }

    private void LookAtEntries(FileDescriptor folder)
    {
        if (DirectoryListing.Read(folder, out DirectoryListing listing) < 0)
            return;
        for (int i = 0; i < listing.Count; i++)
        {
            string name = Encoding.Latin1.GetString(listing.Name(i).Bytes);
            if (!Known.Contains(name) && !name.StartsWith("conversion-", StringComparison.Ordinal))
                report.Add(Path(name), FaultKind.UnknownState, "nothing here is called so: move it away");
        }
    }

    private void LookAtState(FileDescriptor folder, bool isServed)
    {
        string? problem = StateFolder.Examine(folder, out _hasState, out _reservedUpTo);
        if (problem is null)
            return;
        // An empty state is begun anew; LookAtNumbers raises it past what the walk finds in use.
        bool mended = repair && !isServed && !source.ReadOnly && problem != StateFolder.NewerVersion && SystemCallsAt.Unlink(folder, new NativeName("state\0"u8)) >= 0;
        _hasState = mended;
        _reservedUpTo = 0;
        report.Add(Path("state"), FaultKind.StateDamaged, problem, mended);
    }

    private void LookAtWorking(FileDescriptor folder, bool isServed)
    {
        int result = source.OpenListing(folder, new NativeName("working\0"u8), out FileDescriptor working);
        if (result < 0)
        {
            if (result != -(int)Errno.ENOENT)
                report.Add(Path("working"), FaultKind.StateDamaged, "it is no folder that can be read");
            return;
        }
        using (working)
        {
            // Beside a mount, what is in there is being worked on.
            if (isServed || DirectoryListing.Read(working, out DirectoryListing listing) < 0)
                return;
            for (int i = 0; i < listing.Count; i++)
                LookAtWorkingCopy(working, listing.Name(i));
        }
    }

    private void LookAtWorkingCopy(FileDescriptor working, NativeName name)
    {
        byte[] path = Path("working/" + Encoding.Latin1.GetString(name.Bytes));
        int record = ExtendedAttributes.Get(working, name, new NativeName("user.zstdfs.working\0"u8), default);
        if (record == 64)
            report.Add(path, FaultKind.UnfinishedWrites, "a mount died before it had stored this: the next mount finishes it");
        else if (record >= 0)
            report.Add(path, FaultKind.WorkingCopyDamaged, "its record cannot be read: what was written since the last commit of its file may be found in it by hand");
        else
            report.Add(path, FaultKind.Leftover, "a version under construction, left by a crash", repair && !source.ReadOnly && SystemCallsAt.Unlink(working, name) >= 0);
    }

    private void LookAtJournals(FileDescriptor folder, bool isServed)
    {
        // A conversion that runs now has the lock.
        if (isServed || !Enumerable.Range(0, ConversionJournal.Slots).Any(s => ConversionJournal.TryRead(folder, s) is not null))
            return;
        bool mended = false;
        if (repair)
        {
            using StateFolder? state = TryOpen();
            mended = state is not null && new JournalRecovery(source, state, new ConversionProgress()).Run() >= 0;
        }
        report.Add(Path(), FaultKind.UnfinishedConversion, "a conversion was interrupted: run it again, or mend it here", mended);
    }

    private static byte[] Path(string name = "") => Encoding.Latin1.GetBytes(name.Length == 0 ? ".zstdfs" : ".zstdfs/" + name);
}
