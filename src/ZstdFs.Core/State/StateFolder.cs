using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>
/// <c>.zstdfs/</c> in the source root: the lock that keeps a second writer out, the state file, and <c>working/</c>,
/// which holds working copies and stored files under construction on the root's file system. The layout is in
/// HOW_IT_WORKS.md.
/// </summary>
internal sealed class StateFolder : IDisposable
{
    /// <summary>How often the lock is asked for again, a millisecond apart.</summary>
    private const int MostLooks = 3;

    /// <summary>Name of the folder with the database of places.</summary>
    internal static NativeName InodesFolder => new("inodes\0"u8);

    private static NativeName LostFolder => new("lost\0"u8);

    private readonly SourceTree _source;
    private readonly FileDescriptor _lock;
    private readonly StateFile _state;

    // Names in the working folder that are of no use and could not be removed. Guards itself.
    private readonly List<byte[]> _unremoved = [];

    private StateFolder(
        SourceTree source, FileDescriptor folder, FileDescriptor working, FileDescriptor lockFile, FileDescriptor state)
    {
        (_source, Folder, Working, _lock, _state) = (source, folder, working, lockFile, new StateFile(state));
    }

    /// <summary>The folder <c>.zstdfs</c>.</summary>
    internal FileDescriptor Folder { get; }

    /// <summary>What making it did to the root; null where it was there.</summary>
    internal RootStep? RootStep { get; private init; }

    /// <summary>The folder <c>working</c>.</summary>
    internal FileDescriptor Working { get; }

    /// <summary>Tells this source from every other.</summary>
    internal Guid SourceId => _state.Record.SourceId;

    /// <summary>The inode numbers that this source may have given.</summary>
    internal GivenNumbers Given => _state.Given;

    /// <summary>Number of this mount of the source.</summary>
    internal uint Epoch => _state.Record.Epoch;

    /// <summary>Working copies that are gone because the machine's end left only parts of them.</summary>
    internal int DiscardedCopies { get; private set; }

    /// <summary>
    /// Working copies that went to <c>lost</c>: they may not be whole, and the state that would tell was gone.
    /// </summary>
    internal int CopiesInLost { get; private set; }

    /// <summary>The source keeps extended attributes.</summary>
    internal bool KeepsRecords { get; private set; }

    /// <summary>
    /// The source keeps extended attributes and tells holes from written zeros block by block: so the next mount can
    /// pick a working copy up. Where it does not, every close and fsync waits for its commit.
    /// </summary>
    internal bool WorkingCopiesSurvive { get; private set; }

    /// <summary>What is known of the mounts before this one.</summary>
    internal EarlierMounts Earlier { get; private set; } = null!;

    /// <summary>
    /// Opens the folder and makes what is missing. Returns null where the source cannot be written;
    /// <paramref name="reason"/> says why. Where the caller <paramref name="beginsSource"/>, every record that is there
    /// already is of another source.
    /// </summary>
    /// <exception cref="SourceException">
    /// Another daemon serves the source, the state is damaged, a newer zstdfs wrote something there, or a fault kept it
    /// from being read or written.
    /// </exception>
    internal static StateFolder? TryOpen(SourceTree source, out Errno reason, bool beginsSource = false)
    {
        FileDescriptor? folder = null, working = null, lockFile = null, state = null;
        StateFolder? opened = null;
        try
        {
            int result = OwnFolder.OpenOrMakeInRoot(source, out folder, out RootStep? step);
            if (result >= 0)
                result = OwnFolder.OpenOrMake(source, folder, new NativeName("working\0"u8), out working);
            if (result >= 0)
                result = OpenOrCreate(folder, new NativeName("lock\0"u8), out lockFile);
            if (result >= 0)
                result = OpenOrCreate(folder, new NativeName("state\0"u8), out state);
            if (result >= 0)
            {
                var begun = new StateFolder(source, folder, working!, lockFile!, state!) { RootStep = step };
                result = begun.Begin(beginsSource);
                opened = result >= 0 ? begun : null;
            }
            // The next try may not meet the fault: it must not make a source that can be written read-only.
            if (PassingFault.Is(result))
                throw new SourceException(SourceProblem.Unusable,
                    $"what is in its folder '.zstdfs' cannot be read or written ({(Errno)(-result)})");
            reason = (Errno)(-Math.Min(result, 0));
            return opened;
        }
        finally
        {
            if (opened is null)
            {
                state?.Dispose();
                lockFile?.Dispose();
                working?.Dispose();
                folder?.Dispose();
            }
        }
    }

    /// <summary>Takes the lock and begins a new mount of the source.</summary>
    private int Begin(bool beginsSource)
    {
        int result = SystemCallsFile.TryLock(_lock, exclusive: true);
        // A program that only looks whether the source is in use holds the lock for a moment.
        for (int look = 0; look < MostLooks && result == -(int)Errno.EAGAIN; look++)
        {
            Thread.Sleep(1);
            result = SystemCallsFile.TryLock(_lock, exclusive: true);
        }
        if (result == -(int)Errno.EAGAIN)
        {
            LockHolder holder = LockHolder.Read(_lock);
            throw new SourceException(SourceProblem.InUse,
                $"the source is already served by another zstdfs ({holder.Text}); unmount that first, "
                + "or mount with -o ro")
            {
                Holder = holder
            };
        }
        bool isNew = false, isForgotten = false;
        // Before anything is changed.
        if (result >= 0)
            result = RefuseNewer();
        if (result >= 0)
            result = _state.Read(beginsSource, out isNew);
        if (result >= 0 && isNew)
            result = ContinueEpochs(out isForgotten);
        if (result < 0)
            return result;
        result = BootId.TryRead(out Guid boot);
        if (result < 0)
            return result;
        // On disk with the new epoch, before anything is served.
        _state.BeginNumbers();
        uint? cutEpoch = _state.Record.EndedWell || _state.Record.Boot == boot ? null : Epoch;
        // This write gives the lock file a time by the clock with which the source's file system stamps its files.
        LockHolder.Write(_lock);
        result = SystemCallsAt.Stat(_lock, out Statx locked);
        if (result < 0)
            return result;
        bool wasInterrupted = _state.BeginEpoch(boot, locked.ModifyTime.ToTimestamp());
        int records = WorkingFolderProbe.KeepsRecords(Working),
            holes = records > 0 ? WorkingFolderProbe.KeepsHoles(Working) : records;
        (KeepsRecords, WorkingCopiesSurvive) = (records > 0, holes > 0);
        result = Math.Min(holes, 0);
        // A killed daemon may have left data in the page cache only. A later power cut would take it, and only this
        // mount would be suspected of losing any, not that one.
        if (result >= 0 && wasInterrupted)
            result = SynchronizeRemains();
        if (result >= 0 && cutEpoch is { } cut)
        {
            if (isForgotten)
                result = CopiesInLost = WorkingRemains.SetAside(this);
            else
                result = DiscardedCopies = WorkingRemains.RemoveUnsynchronized(Working, cut);
        }
        if (result >= 0)
            result = _state.Write();
        Earlier = new EarlierMounts(_state.Record);
        return result;
    }

    private int RefuseNewer()
    {
        int result = NewerRemains.Find(_source, Folder, out List<byte[]> newer);
        return newer.Count > 0 ? throw NewerFormat.Refusal(newer[0]) : result;
    }

    /// <summary>
    /// The state is a new one. Where <c>working</c> holds what earlier mounts made, their state was lost: it is unknown
    /// whether the newest of them ended well, and in which boot. This mount must not give a name again that they gave.
    /// </summary>
    private int ContinueEpochs(out bool isForgotten)
    {
        uint inLost = 0;
        int result = WorkingRemains.FindNewestEpoch(Working, out uint inWorking);
        isForgotten = inWorking > 0;
        if (result < 0)
            return result;
        result = _source.OpenListing(Folder, LostFolder, out FileDescriptor lost);
        if (result >= 0)
        {
            using (lost)
                result = WorkingRemains.FindNewestEpoch(lost, out inLost);
        }
        if (result < 0 && result != -(int)Errno.ENOENT)
            return result;
        _state.ContinueAfter(Math.Max(inWorking, inLost), endedWell: !isForgotten);
        return 0;
    }

    private int SynchronizeRemains()
    {
        int result = SystemCallsFile.SynchronizeFileSystem(Folder);
        if (result >= 0)
            return result;
        // The disk has refused a write. Each working copy will be asked for itself; any other file of the last mount is
        // suspect. A disk that still refuses says so again.
        _state.SuspectLast();
        return SystemCallsFile.SynchronizeFileSystem(Folder);
    }

    /// <summary>Makes a file in <c>working</c> for this daemon alone.</summary>
    internal int CreateWorkingFile(WorkingName name, out FileDescriptor file)
    {
        var terminated = new NativeName(name.Terminated());
        int result = CreateOwnFile(Working, terminated, out file, out bool isLeft);
        if (isLeft)
            RemoveWorkingFile(terminated.Terminated);
        return result;
    }

    /// <summary>
    /// Makes a file in <c>.zstdfs</c> for this daemon alone. −errno where there is one, or none can be made.
    /// </summary>
    internal int CreateFile(NativeName name, out FileDescriptor file)
    {
        int result = CreateOwnFile(Folder, name, out file, out bool isLeft);
        if (isLeft)
            _ = SystemCallsAt.Unlink(Folder, name);
        return result;
    }

    /// <summary>
    /// The thread may still have the umask of the caller that it served last, which must not take the owner's rights.
    /// </summary>
    /// <param name="folder">Where the file is made.</param>
    /// <param name="name">Its name.</param>
    /// <param name="file">The file, open for reading and writing.</param>
    /// <param name="isLeft">The file was made and closed again, and the caller must remove it.</param>
    private int CreateOwnFile(FileDescriptor folder, NativeName name, out FileDescriptor file, out bool isLeft)
    {
        const uint OwnerOnly = 0b110_000_000;
        isLeft = false;
        int result = _source.CreateFile(folder, name, OwnerOnly, out file);
        if (result < 0)
            return result;
        result = SystemCallsFile.ChangeMode(file, OwnerOnly);
        isLeft = result < 0;
        if (isLeft)
            file.Dispose();
        return result;
    }

    /// <summary>
    /// Removes a name in <c>working</c> that is of no use. Where that fails, <see cref="RemoveLeftovers"/> tries it
    /// again. Returns whether this call removed it.
    /// </summary>
    internal bool RemoveWorkingFile(ReadOnlySpan<byte> terminatedName)
    {
        int result = SystemCallsAt.Unlink(Working, new NativeName(terminatedName));
        if (result is >= 0 or -(int)Errno.ENOENT)
            return result >= 0;
        lock (_unremoved)
            _unremoved.Add(terminatedName.ToArray());
        return false;
    }

    /// <summary>A name that was to be removed is about to be used again.</summary>
    internal void KeepWorkingFile(byte[] terminatedName)
    {
        lock (_unremoved)
            _unremoved.RemoveAll(name => name.AsSpan().SequenceEqual(terminatedName));
    }

    /// <summary>Tries again to remove what could not be removed.</summary>
    internal void RemoveLeftovers()
    {
        lock (_unremoved)
            _unremoved.RemoveAll(
                name => SystemCallsAt.Unlink(Working, new NativeName(name)) is >= 0 or -(int)Errno.ENOENT);
    }

    /// <summary>The folder <c>lost</c>: working copies that no mount can commit.</summary>
    internal int OpenLost(out FileDescriptor lost) => OwnFolder.OpenOrMake(_source, Folder, LostFolder, out lost);

    /// <summary>The folder <c>inodes</c>: the database of places, where one was asked for.</summary>
    internal int OpenInodes(out FileDescriptor inodes) =>
        OwnFolder.OpenOrMake(_source, Folder, InodesFolder, out inodes);

    /// <summary>
    /// The next inode number for a file. No number is given twice, crashes included: it is reserved on disk before.
    /// Returns 0, or −errno where none can be reserved.
    /// </summary>
    internal int TryAllocateInodeNumber(out ulong number) => _state.TryAllocateInodeNumber(out number);

    /// <summary>As <see cref="TryAllocateInodeNumber"/>, for a caller that cannot answer with an error.</summary>
    /// <exception cref="IOException">The state file has not been writable for thousands of numbers.</exception>
    internal ulong AllocateInodeNumber() =>
        TryAllocateInodeNumber(out ulong number) is < 0 and var result
            ? throw new IOException($"no inode numbers can be reserved in .zstdfs/state ({(Errno)(-result)})")
            : number;

    /// <summary>From here on, a program that finds the source locked learns which mount it is locked for.</summary>
    internal void NoteMounted(string device) => LockHolder.Write(_lock, device);

    /// <summary>
    /// The mount is gone, and this daemon stores what is left: a program that finds the source locked may wait for it.
    /// </summary>
    internal void NoteEnding() => LockHolder.Write(_lock, isEnding: true);

    /// <summary>Everything that this mount wrote is on disk: the next mount need not suspect any of it.</summary>
    internal void NoteEndedWell()
    {
        RemoveLeftovers();
        _state.NoteEndedWell();
    }

    /// <summary>Moves the allocator past a number found in use: the state is older than the files.</summary>
    internal int SkipPast(ulong inodeNumber) => _state.SkipPast(inodeNumber);

    /// <summary>
    /// Removes the folder where a source becomes a plain folder again, which has no use for it. It stays where it holds
    /// a working copy or anything that this program does not know.
    /// </summary>
    internal bool TryRemove() => StateRemoval.TryRemove(_source, Folder, Working);

    private static int OpenOrCreate(FileDescriptor folder, NativeName name, out FileDescriptor file) =>
        SystemCallsAt.Open(folder, name, OpenFlags.ReadWrite | OpenFlags.Create, 0b110_000_000, out file);

    public void Dispose()
    {
        _state.Dispose();
        _lock.Dispose();
        Working.Dispose();
        Folder.Dispose();
    }
}
