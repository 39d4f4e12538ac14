using System.Text;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>What is wrong in <c>.zstdfs</c>.</summary>
internal sealed class StateCheck(SourceTree source, FaultReport report, bool repair)
{
    private static readonly string[] Known =
        ["lock", "state", "working", "lost", "cas", "folders", "closed", "inodes", "rules", CheckMark.FileName];

    private StateRecord? _state;
    private List<byte[]> _newer = [];

    /// <summary>A newer zstdfs wrote something there: this one mends nothing in the source.</summary>
    internal bool HasNewer => _newer.Count > 0;

    private bool Mends => repair && !source.ReadOnly && !HasNewer;

    private static NativeName FolderName => new(".zstdfs\0"u8);

    /// <summary>Looks at it before the walk. True where another process holds the source's lock.</summary>
    internal bool Look()
    {
        if (SystemCallsAt.Stat(source.Root, FolderName, out Statx stat) < 0)
            return false;
        int result = source.OpenListing(source.Root, FolderName, out FileDescriptor folder);
        if (!stat.IsDirectory || result < 0)
        {
            report.Add(PathOf(), FaultKind.StateDamaged,
                stat.IsDirectory ? $"it cannot be read ({(Errno)(-result)})" : "it is no folder: move it away");
            return false;
        }
        using (folder)
        {
            bool isServed = LockHolder.IsHeld(folder, new NativeName("lock\0"u8));
            LookForNewer(folder, isServed);
            LookAtEntries(folder, isServed);
            LookAtState(folder, isServed);
            LookAtWorking(folder, isServed);
            LookAtConversion(folder, isServed);
            LookAtLost(folder);
            return isServed;
        }
    }

    private void LookForNewer(FileDescriptor folder, bool isServed)
    {
        _ = NewerRemains.Find(source, folder, out _newer);
        foreach (byte[] path in _newer)
        {
            // Beside a mount, only the state is at rest: the mount works on everything else.
            if (!isServed || path.AsSpan().SequenceEqual(PathOf("state")))
                report.Add(path, FaultKind.Newer, NewerFormat.Text("it"));
        }
    }

    private bool IsNewer(byte[] path) => _newer.Exists(newer => newer.AsSpan().SequenceEqual(path));

    /// <summary>Reads the state alone, for a check of a folder below the root.</summary>
    internal void LookForEpochs()
    {
        if (source.OpenListing(source.Root, FolderName, out FileDescriptor folder) < 0)
            return;
        using (folder)
        {
            _ = NewerRemains.Find(source, folder, out _newer);
            if (source.OpenRead(folder, new NativeName("state\0"u8), out FileDescriptor file) < 0)
                return;
            using (file)
                _ = TryRead(file, out _);
        }
    }

    /// <summary>
    /// True where the machine stopped before the mount of this epoch was known to have its writes on disk. The next
    /// mount then decodes a file with a record of this epoch before it believes the record.
    /// </summary>
    internal bool WillBeSuspect(uint epoch)
    {
        // A boot that cannot be read counts as another one.
        _ = BootId.TryRead(out Guid boot);
        return _state is { } state && state.WillSuspect(epoch, boot);
    }

    /// <summary>Finds numbers in use that the allocator would give again. Called after the walk.</summary>
    internal void LookAtNumbers(InodeNumbers numbers, bool isServed)
    {
        ulong largest = _state is { } state ? numbers.InWayOf(state.ReservedUpTo) : 0;
        if (largest == 0)
            return;
        bool mended = Mends && !isServed && TryRaise(largest);
        report.Add(PathOf("state"), FaultKind.NumbersBehind,
            $"inode number {largest} is in use and would be given again", mended);
    }

    /// <summary>
    /// Opens the state to change it; null where another process holds the lock or the state cannot be written.
    /// </summary>
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
        bool raised = state?.SkipPast(largest) >= 0;
        state?.NoteEndedWell();
        return raised;
    }

    private void LookAtEntries(FileDescriptor folder, bool isServed)
    {
        if (DirectoryListing.Read(folder, null, out DirectoryListing listing) < 0)
            return;
        for (int i = 0; i < listing.Count; i++)
        {
            string name = Encoding.Latin1.GetString(listing.Name(i).Bytes);
            // A mount may be in the middle of a rename.
            if (name == "names")
            {
                if (!isServed && !IsNewer(PathOf(name)))
                    report.Add(PathOf(name), FaultKind.UnfinishedWrites,
                        "a rename was interrupted: the next mount finishes it");
            }
            else if (!Known.Contains(name) && !name.StartsWith("conversion-", StringComparison.Ordinal))
                report.Add(PathOf(name), FaultKind.UnknownState, "nothing here is called so: move it away");
        }
    }

    private void LookAtState(FileDescriptor folder, bool isServed)
    {
        if (source.OpenRead(folder, new NativeName("state\0"u8), out FileDescriptor file) is < 0 and var failed)
        {
            if (failed != -(int)Errno.ENOENT)
                report.Add(PathOf("state"), FaultKind.StateDamaged, $"it cannot be read ({(Errno)(-failed)})");
            return;
        }
        using (file)
        {
            if (IsNewer(PathOf("state")) || TryRead(file, out bool isOurs) is not { } fault)
                return;
            // Without a state, the next mount begins at a number that is hardly in use, and does not take up a working
            // copy that may be half on the disk. A newer version's state is not ours to remove.
            bool mended = Mends && isOurs && !isServed
                && SystemCallsAt.Unlink(folder, new NativeName("state\0"u8)) >= 0;
            report.Add(PathOf("state"), FaultKind.StateDamaged, fault, mended);
        }
    }

    /// <summary>Null where the state can be read, else what is wrong with it.</summary>
    private string? TryRead(FileDescriptor file, out bool isOurs)
    {
        isOurs = false;
        Span<byte> bytes = stackalloc byte[StateRecord.Bytes];
        int length = SystemCallsFile.Read(file, 0, bytes);
        if (length < 0)
            return $"it cannot be read ({(Errno)(-length)})";
        isOurs = length < 12 || System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) <= 1;
        try
        {
            _state = length > 0 ? StateRecord.Read(bytes[..length]) : null;
            return null;
        }
        catch (SourceException e)
        {
            return e.Message;
        }
    }

    private void LookAtWorking(FileDescriptor folder, bool isServed)
    {
        int result = source.OpenListing(folder, new NativeName("working\0"u8), out FileDescriptor working);
        if (result < 0)
        {
            if (result != -(int)Errno.ENOENT)
                report.Add(PathOf("working"), FaultKind.StateDamaged, "it is no folder that can be read");
            return;
        }
        using (working)
        {
            // A mount works on what is in there.
            if (isServed || DirectoryListing.Read(working, null, out DirectoryListing listing) < 0)
                return;
            for (int i = 0; i < listing.Count; i++)
                LookAtWorkingCopy(working, listing.Name(i));
        }
    }

    private void LookAtWorkingCopy(FileDescriptor working, NativeName name)
    {
        byte[] path = PathOf("working/" + Encoding.Latin1.GetString(name.Bytes));
        // The conversion's own: LookAtConversion reports old forms on their way out.
        if (IsNewer(path) || AsideFiles.IsOne(name.Bytes))
            return;
        if (UnfinishedWrites.IsLeftover(name.Bytes))
        {
            bool mended = Mends && SystemCallsAt.Unlink(working, name) >= 0;
            report.Add(path, FaultKind.Leftover, "a version under construction, left by a crash", mended);
        }
        else if (_state is null && WorkingRemains.IsUnsynchronized(name.Bytes))
        {
            report.Add(path, FaultKind.UnfinishedWrites, "a mount died before it had stored this, and without "
                + ".zstdfs/state nobody knows whether it is whole: the next mount keeps it in .zstdfs/lost");
        }
        else if (WorkingName.TryParse(name.Bytes, out WorkingName note) && note.Role == WorkingRole.AppendOnly)
            report.Add(path, FaultKind.UnfinishedWrites, "a commit had taken the append-only mark off a file when its "
                + "mount died: the next mount gives it back");
        else if (UnfinishedWrites.TryReadRecord(working, name, out _))
            report.Add(path, FaultKind.UnfinishedWrites,
                "a mount died before it had stored this: the next mount finishes it");
        else
            report.Add(path, FaultKind.WorkingCopyDamaged, "its record cannot be read: "
                + "what was written since the last commit of its file may be found in it by hand");
    }

    /// <summary>Working copies that a mount could not commit.</summary>
    private void LookAtLost(FileDescriptor folder)
    {
        if (source.OpenListing(folder, new NativeName("lost\0"u8), out FileDescriptor lost) < 0)
            return;
        using (lost)
        {
            if (DirectoryListing.Read(lost, null, out DirectoryListing listing) < 0)
                return;
            for (int i = 0; i < listing.Count; i++)
                report.Add(
                    PathOf("lost/" + Encoding.Latin1.GetString(listing.Name(i).Bytes)), FaultKind.WorkingCopyDamaged,
                    "a mount could not commit it: look what it holds, then remove it");
        }
    }

    /// <summary>What a killed conversion left: its journals, and the old forms that it was taking away.</summary>
    private void LookAtConversion(FileDescriptor folder, bool isServed)
    {
        // A running conversion holds the lock: its journals are in use.
        if (isServed)
            return;
        bool hasJournal = Enumerable.Range(0, ConversionJournal.Slots)
            .Any(slot => ConversionJournal.TryRead(folder, slot) is not null);
        if (!hasJournal && AsideFiles.List(source, folder).Count == 0)
            return;
        bool mended = false;
        if (Mends)
        {
            using StateFolder? state = TryOpen();
            mended = state is not null && new JournalRecovery(source, state, new ConversionProgress()).Run() >= 0;
            state?.NoteEndedWell();
        }
        if (hasJournal)
        {
            report.Add(PathOf(), FaultKind.UnfinishedConversion,
                "a conversion was interrupted: run it again, or mend it here", mended);
        }
        // The recovery gives each of them its name back, or removes it.
        foreach (byte[] name in AsideFiles.List(source, folder))
        {
            report.Add(PathOf("working/" + Encoding.Latin1.GetString(name)), FaultKind.UnfinishedConversion,
                "a conversion was interrupted while it took this away: run it again, or mend it here");
        }
    }

    private static byte[] PathOf(string name = "") =>
        Encoding.Latin1.GetBytes(name.Length == 0 ? ".zstdfs" : ".zstdfs/" + name);
}
