using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// The content of one open logical file: its overlay under a lock, its open handles, and its way to the next version.
/// All handles on the file share it, so that each sees the others' writes at once.
/// </summary>
internal sealed class FileContent : IDisposable
{
    private const long CheapBytes = 2 * 1024 * 1024;

    /// <summary>A shorter copy is decoded and compressed in less time than it takes to make files for it.</summary>
    private const long LeastTakenBytes = 2 * 1024 * 1024;

    private readonly ContentServices _services;
    private readonly ContentLock _lock = new();
    // Truncated to nothing, and neither closed nor synchronised since. Guarded by the lock.
    private bool _isEmptied;
    private int _refusal;
    // The range of the content that could not be written. Its writer may try again.
    private long _refusedFrom, _refusedEnd;

    internal FileContent(ContentServices services, Node node, StoredBase @base)
        : this(services, node, new Overlay(services, node, @base))
    {
    }

    /// <summary>What an earlier mount left uncommitted.</summary>
    internal FileContent(
        ContentServices services, Node node, StoredBase @base, WorkingCopy left, EarlyFrames? early, long logicalBytes)
        : this(services, node, new Overlay(services, node, @base, left, early, logicalBytes))
    {
    }

    private FileContent(ContentServices services, Node node, Overlay overlay)
    {
        (_services, Node, Overlay, Published) = (services, node, overlay, overlay.Base.Identity);
        Change = ShownChange.Of(node, overlay.Base);
        OnDisk = new ContentOnDisk(services, this, _lock);
        Keeping = new ContentKeeping(services, this, _lock);
    }

    internal Node Node { get; }

    /// <summary>The base and what was written over it. For a holder of the lock, and for the commit.</summary>
    internal Overlay Overlay { get; }

    /// <summary>The committed version. Changes only while the lock is held exclusively.</summary>
    internal StoredBase Base => Overlay.Base;

    /// <summary>
    /// The version that the file's name leads to. Guarded by the node's <see cref="Node.LinksGate"/>.
    /// </summary>
    internal StoredIdentity Published { get; private set; }

    /// <summary>
    /// A step of this mount changed the published file's length or time, and the stat after it failed.
    /// </summary>
    internal bool IsPublishedUnseen { get; set; }

    /// <summary>
    /// Whether a stored file is the version that was published last. Until a stat of that works, the same inode is
    /// enough.
    /// </summary>
    internal bool IsPublished(in Statx stored) => IsPublishedUnseen
        ? stored.InodeNumber == Published.InodeNumber
        : StoredIdentity.Of(stored) == Published;

    /// <summary>Length in bytes.</summary>
    internal long LogicalBytes => Overlay.LogicalBytes;

    /// <summary>How much of it waits to be committed, at most.</summary>
    internal long UncommittedBytes => Overlay.ReplacesBase || IsLent
        ? LogicalBytes
        : Math.Min(LogicalBytes, Overlay.Changes.WrittenBytes);

    /// <summary>The kernel reads and writes the content by itself.</summary>
    internal bool IsLent => Overlay.IsLent;

    /// <summary>There is something to commit.</summary>
    internal bool IsDirty => Overlay.IsDirty || Unfinished is not null;

    /// <summary>A rewrite in place that the next commit has to finish first; null where there is none.</summary>
    internal UnfinishedRewrite? Unfinished
    {
        get => Volatile.Read(ref _unfinished);
        init => _unfinished = value;
    }
    private UnfinishedRewrite? _unfinished;

    /// <summary>A commit is done, and its name is not known to be on disk; null where it is.</summary>
    internal UnsyncedName? Unsynced => Volatile.Read(ref _unsynced);
    private UnsyncedName? _unsynced;

    /// <summary>There is something to commit, or the rest of a commit to do.</summary>
    internal bool IsUnsettled => IsDirty || Unsynced is not null;

    /// <summary>Since when there is something that is not on disk, by Stopwatch; 0 where there is nothing.</summary>
    internal long DirtySince => Overlay.Changes.UnsafeSince;

    /// <summary>Modification time of the content that is not committed yet.</summary>
    internal Timestamp ModifyTime => Overlay.ModifyTime;

    /// <summary>When the content that is not committed yet was changed last.</summary>
    internal Timestamp ChangeTime => Overlay.ChangeTime;

    /// <summary>The change time that users see, but for what is not committed yet.</summary>
    internal ShownChange Change { get; }

    /// <summary>When the logical file was made.</summary>
    internal Timestamp Birth { get; init; }

    /// <summary>Guarded by the table of contents.</summary>
    internal HandleCounts Handles { get; } = new();

    internal CommitOutcome Outcome { get; } = new();

    internal ContentOnDisk OnDisk { get; }

    internal ContentKeeping Keeping { get; }

    /// <summary>Guarded by the queue of commits.</summary>
    internal bool IsQueued { get; set; }

    /// <summary>
    /// 0, or the −errno for which some of the new content could not be written while the file was being replaced.
    /// </summary>
    internal int CutShort => Overlay.ReplacesBase ? _refusal : 0;

    /// <summary>The file may have set-id bits, which writing takes away.</summary>
    internal bool MayHavePrivileges { get; set; } = true;

    /// <summary>The file may have capabilities, which writing takes away.</summary>
    internal bool MayHaveCapabilities { get; set; } = true;

    /// <summary>
    /// chattr +i is set: descriptors that were opened for writing before may not write any more. Writers check it under
    /// the lock. So a commit that begins after it was set has all that was written.
    /// </summary>
    internal bool IsImmutable
    {
        get => Volatile.Read(ref _isImmutable);
        set => Volatile.Write(ref _isImmutable, value);
    }
    private bool _isImmutable;

    /// <summary>
    /// chattr +a is set, as the last open found it or a user has set it since: no write may replace existing content.
    /// </summary>
    internal bool IsAppendOnly
    {
        get => Volatile.Read(ref _isAppendOnly);
        set => Volatile.Write(ref _isAppendOnly, value);
    }
    private bool _isAppendOnly;

    /// <summary>
    /// A commit costs a close little: the content is in memory, or it and its base are small. The last commit must not
    /// be too recent, because each commit writes the whole file anew.
    /// </summary>
    internal bool CommitsCheaply => !IsLent
        && (Overlay.IsBuffered || Base.Identity.Size <= CheapBytes && LogicalBytes <= CheapBytes)
        && _services.Pace.Left(this) <= TimeSpan.Zero;

    /// <summary>How long a background commit is to be put off.</summary>
    internal TimeSpan CommitDelay => IsLent ? TimeSpan.Zero : _services.Pace.Left(this);

    /// <summary>
    /// The file's name leads to another version, which this content will not replace. It is only there for the programs
    /// that have it open.
    /// </summary>
    internal bool IsOutdated { get; private set; }

    /// <summary>A writer waits: a background commit gives way.</summary>
    internal bool HasWaitingWriters => _lock.HasWaitingWriters;

    /// <summary>Returns the count of bytes read, or −errno.</summary>
    internal int Read(long offset, Span<byte> destination)
    {
        // A program that opens the file from here on must not see the pages that the kernel keeps of this content.
        if (IsOutdated)
            Node.NoteStalePages();
        using ContentLock.Scope locked = _lock.Reading();
        Overlay.Load();
        int count = (int)Math.Clamp(LogicalBytes - offset, 0, destination.Length);
        // The kernel may still know a length from before the damage. After "end of file" it would show zeros up to
        // there.
        if (count < destination.Length && Overlay.EndDamage is { } damage)
            throw damage.ToException();
        // The kernel asks for bytes up to the length that it knows. Another process may have truncated the file since.
        if (count == 0)
            return 0;
        int result = Overlay.Read(offset, destination[..count]);
        return result < 0 ? result : count;
    }

    /// <summary>Decodes what is committed at this offset, for a reader that is expected there.</summary>
    internal void Prefetch(long offset)
    {
        using ContentLock.Scope locked = _lock.Reading();
        if (Overlay is { Working: null, IsBuffered: false })
            Base.Prefetch(offset);
    }

    /// <summary>Logs an exception that a background thread was not prepared for.</summary>
    internal void NoteUnexpected(string work, Exception exception) =>
        _services.Log.Unexpected($"{Encoding.UTF8.GetString(Node.LogicalPath())}: {work}", exception);

    /// <summary>The length, finding it out where need be.</summary>
    internal long LoadedBytes()
    {
        using ContentLock.Scope locked = _lock.Reading();
        Overlay.Load();
        return LogicalBytes;
    }

    /// <summary>
    /// The length that users are shown; <see cref="StoredFacts.UnknownBytes"/> where it cannot be found out. A program
    /// that reads the file is told why.
    /// </summary>
    internal long ShownBytes()
    {
        try
        {
            return LoadedBytes();
        }
        catch (UndecodableException)
        {
            return StoredFacts.UnknownBytes;
        }
    }

    /// <summary>Returns the count of bytes written, which is all of them, or −errno.</summary>
    internal int Write(long offset, ReadOnlySpan<byte> data)
    {
        using ContentLock.Scope locked = _lock.Writing();
        if (IsImmutable)
            return -(int)Errno.EPERM;
        int result = Overlay.Write(offset, data);
        if (result < 0)
            return NoteRefusal(result, offset, offset + data.Length);
        if (_refusal < 0)
            NoteWritten(offset, offset + data.Length);
        return data.Length;
    }

    internal int Truncate(long size)
    {
        using ContentLock.Scope locked = _lock.Writing();
        int result = Overlay.Resize(size);
        if (result < 0)
            return result;
        _isEmptied |= size == 0;
        // By truncating, the writer gives up what could not be written behind the new end.
        _refusedEnd = Math.Min(_refusedEnd, size);
        if (_refusedFrom >= _refusedEnd)
            _refusal = 0;
        return result;
    }

    /// <summary>
    /// Makes the file this long where it is shorter. The length is read under the lock, so the file is never cut off.
    /// </summary>
    internal int Extend(long size)
    {
        using ContentLock.Scope locked = _lock.Writing();
        Overlay.Load();
        return size > LogicalBytes ? Overlay.Resize(size) : 0;
    }

    /// <summary>
    /// Makes a range read as zeros without changing the length (fallocate's PUNCH_HOLE and ZERO_RANGE).
    /// </summary>
    internal int Zero(long offset, long length)
    {
        using ContentLock.Scope locked = _lock.Writing();
        return Overlay.Zero(offset, offset + length);
    }

    /// <summary>
    /// Appends what it can of another file's range to this one as whole stored frames, without decoding them. It can
    /// take frames that are cut at the same places in both files, and that no write to the other file has changed.
    /// Returns how many bytes it took, 0 where it can take no frame, or −errno.
    /// </summary>
    internal long TakeFrames(FileContent from, long offsetIn, long offsetOut, long length)
    {
        int frameBytes = _services.Options.FrameBytes;
        if (from == this || IsImmutable || length < LeastTakenBytes
            || offsetIn % frameBytes != 0 || offsetOut % frameBytes != 0)
            return 0;
        // Two copies in opposite directions must not wait for each other. The reader's lock keeps a commit from
        // rewriting the frames in place.
        bool isFirst = from.Node.Id < Node.Id;
        using ContentLock.Scope first = isFirst ? from._lock.Reading() : _lock.Writing();
        using ContentLock.Scope second = isFirst ? _lock.Writing() : from._lock.Reading();
        from.Overlay.Load();
        var extents = new OverlayExtents(from.Overlay);
        if (!extents.HasReusableFrames(frameBytes) || _services.State is null)
            return 0;
        long end = Math.Min(offsetIn + length, from.LogicalBytes);
        int firstFrame = (int)(offsetIn / frameBytes),
            count = extents.CountUntouchedFrames(offsetIn, from.LogicalBytes, frameBytes, int.MaxValue);
        // Of a range that ends within a frame, take the frames before that one.
        if (end < from.LogicalBytes)
            count = (int)Math.Min(count, (end - offsetIn) / frameBytes);
        if (count * (long)frameBytes < LeastTakenBytes)
            return 0;
        Overlay.Load();
        if (LogicalBytes != offsetOut)
            return 0;
        long taken = Overlay.TakeFrames(from.Overlay.Lower, firstFrame, firstFrame + count);
        return taken < 0 ? NoteRefusal((int)taken, offsetOut, offsetOut + length) : taken;
    }

    /// <summary>
    /// lseek(2) for data or a hole: whole frames of zeros count as holes. Returns the offset, or −ENXIO.
    /// </summary>
    internal long Seek(long offset, bool forData)
    {
        using ContentLock.Scope locked = _lock.Reading();
        Overlay.Load();
        if (offset < 0 || offset >= LogicalBytes)
            return -(int)Errno.ENXIO;
        var extents = new OverlayExtents(Overlay);
        long found = forData ? extents.FindData(offset) : extents.FindHole(offset);
        return found >= 0 ? found : -(int)Errno.ENXIO;
    }

    /// <summary>
    /// Notes that content was refused, so the file is not whole. A refused length, or a place behind the longest one
    /// (EFBIG), leaves it whole.
    /// </summary>
    private int NoteRefusal(int result, long from, long end)
    {
        if (result >= 0 || result == -(int)Errno.EFBIG)
            return result;
        (_refusedFrom, _refusedEnd) = _refusal < 0
            ? (Math.Min(_refusedFrom, from), Math.Max(_refusedEnd, end))
            : (from, end);
        _refusal = result;
        return result;
    }

    /// <summary>Notes that a writer has written the refused range again, from its beginning.</summary>
    private void NoteWritten(long from, long end)
    {
        if (from <= _refusedFrom)
            _refusedFrom = Math.Max(_refusedFrom, end);
        if (_refusedFrom >= _refusedEnd)
            _refusal = 0;
    }

    /// <summary>
    /// Keeps commits and writers out while the caller lends the content to the kernel. Nothing is held where a commit
    /// or a writer is under way.
    /// </summary>
    internal ContentLock.Scope TryLending(out bool isFree) => _lock.TryCommitting(out isFree);

    /// <summary>
    /// Keeps readers, writers and commits out while the caller takes the working copy back from the kernel.
    /// </summary>
    internal ContentLock.Scope TakingBack() => _lock.Writing();

    /// <summary>
    /// Keeps readers, writers and commits out while the caller sets the modification time under the node's gate. The
    /// content's lock must be taken before that gate.
    /// </summary>
    internal ContentLock.Scope ChangingTimes() => _lock.Writing();

    /// <summary>
    /// Notes a new modification time. A commit keeps it, and the base with another time is the same base. The caller
    /// holds the node's gate too.
    /// </summary>
    internal void NoteTimes(Timestamp modify, in Statx stored)
    {
        StoredIdentity same = StoredIdentity.Of(stored);
        if (same.InodeNumber != Published.InodeNumber)
            return;
        NotePublished(stored);
        Overlay.NoteTimes(same, modify);
    }

    /// <summary>The uncommitted content is where a next mount looks for it. For a holder of the lock.</summary>
    internal bool HasWorkingCopy => Overlay is { IsDirty: true, Working: not null };

    /// <summary>
    /// Sets the time that the commit will set. The caller holds the lock for <see cref="ChangingTimes"/>.
    /// </summary>
    internal int SetUncommittedTime(Timestamp modify) => Overlay.SetUncommittedTime(modify);

    /// <summary>
    /// When this returns 0, what was written survives this process: the next mount commits it. −EOPNOTSUPP where the
    /// source can keep it only in a stored file.
    /// </summary>
    internal int Persist()
    {
        using ContentLock.Scope locked = _lock.Writing();
        // A redo is on disk.
        if (!Overlay.IsDirty)
            return 0;
        // The next mount must not commit half of a new content.
        if (CutShort < 0)
            return CutShort;
        // A power cut may leave either of two versions. The copy's record on disk fits both of them, and a new record
        // would fit only one.
        if (Unsynced is { Copy: null, Error: var unsynced })
            return unsynced;
        int result = _services.State is { WorkingCopiesSurvive: true } ? Overlay.Persist() : -(int)Errno.EOPNOTSUPP;
        _isEmptied &= result < 0;
        return result;
    }

    /// <summary>
    /// What was written cannot be kept: the old version becomes the file again. The caller holds the lock for writing.
    /// </summary>
    internal void Revert()
    {
        Overlay.Revert();
        _refusal = 0;
        _isEmptied = false;
        Node.NoteStalePages();
    }

    /// <summary>A file made with O_TMPFILE is about to get a name.</summary>
    internal int NoteNamed()
    {
        using ContentLock.Scope locked = _lock.Writing();
        return Overlay.NoteNamed();
    }

    /// <summary>The file did not get the name, and may be given another.</summary>
    internal void NoteUnnamed()
    {
        using ContentLock.Scope locked = _lock.Writing();
        Overlay.NoteUnnamed();
    }

    /// <summary>Another version has the file's name for good.</summary>
    internal void NoteOutdated()
    {
        IsOutdated = true;
        Node.NoteStalePages();
    }

    /// <summary>The last name is gone: no mount will look for what was written.</summary>
    internal void ForgetName()
    {
        using ContentLock.Scope locked = _lock.Writing();
        Overlay.ForgetName();
        EndRewrite();
        EndUnsynced();
    }

    /// <summary>The file has this path. It is a hint for the next mount, so an error does not matter.</summary>
    internal void NotePath(ReadOnlySpan<byte> path)
    {
        using ContentLock.Scope locked = _lock.Writing();
        Overlay.NotePath(path);
        Unsynced?.Copy?.WritePath(path);
    }

    /// <summary>
    /// Runs a commit. The committer makes the next base while readers go on. Then that base takes the place of the old
    /// one. Returns 0 or −errno. After an error the content stays dirty and as it was, except that −ESTALE moves it
    /// to the lost files, and that the error of <see cref="Unsynced"/> tells of a commit that is done.
    /// </summary>
    /// <param name="committer">Makes the next base.</param>
    /// <param name="yields">Ends with −EAGAIN as soon as a writer waits.</param>
    /// <param name="isBackground">
    /// No caller waits for it: an error is reported to the next close or fsync of the file.
    /// </param>
    internal int Commit(Committer committer, bool yields, bool isBackground = false)
    {
        using ContentLock.Scope locked = _lock.Committing();
        try
        {
            if (!IsUnsettled)
                return 0;
            // Half of a new content must not take the place of the old one.
            if (CutShort < 0)
                return CutShort;
            // A program has opened the file again since the queue looked. The commit would not notice its writes.
            if (isBackground && IsLent)
                return -(int)Errno.EAGAIN;
            // The content that was closed before is gone, and the new content has only begun. A commit at this moment
            // would put an empty file in the place of the old version.
            if (isBackground && _isEmptied && Handles.Writable > 0)
                return -(int)Errno.EAGAIN;
            Outcome.NoteBegin();
            StoredBase? next = null;
            int result = OnDisk.KeepWhole();
            if (result >= 0)
                result = committer.Build(this, yields, out next);
            if (result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT && TryMakeRoom())
                result = committer.Build(this, yields, out next);
            bool isStored = result >= 0 || !IsDirty;
            int unsynced = result < 0 ? 0 : Unsynced?.Error ?? 0;
            Outcome.NoteEnd(Math.Min(result, unsynced), isBackground, isStored);
            if (result == -(int)Errno.ESTALE)
                OnDisk.MoveToLost();
            if (result < 0 || next is null)
                return result;
            _services.Pace.Note(Node.Id, next.WrittenBytes);
            _lock.BecomeExclusive();
            if (Overlay.Rebase(next, keepsCopy: unsynced < 0) is { } copy)
                Volatile.Write(ref _unsynced, Unsynced! with { Copy = copy });
            _refusal = 0;
            _isEmptied = false;
            return unsynced;
        }
        catch (Exception e)
        {
            Change.Abandon();
            // Whatever has failed, the content stays dirty, and the queue tries again.
            int result = ContentFault.Report(e, this, _services.Log);
            // Here ESTALE is the source's answer to a read. As this method's result it would mean that the content was
            // moved away.
            if (result == -(int)Errno.ESTALE)
                result = -(int)Errno.EIO;
            Outcome.NoteEnd(result, isBackground, isStored: false);
            return result;
        }
    }

    /// <summary>Compresses what the kernel wrote by itself: it was not compressed behind its writer.</summary>
    private bool TryMakeRoom()
    {
        if (!Overlay.Lending.WasUnderWay || IsLent)
            return false;
        bool isMade = _services.Reserve.Release(), isMoved = true;
        while (isMoved)
        {
            // Readers get in between two steps.
            _lock.BecomeExclusive();
            isMoved = Overlay.TryMakeRoom();
            _lock.BecomeShared();
            isMade |= isMoved;
        }
        return isMade;
    }

    /// <summary>
    /// Puts a commit's new version on disk. That takes long for a large version, so a commit that gives way lets
    /// writers in meanwhile.
    /// </summary>
    internal int SynchronizeVersion(FileDescriptor version, bool yields) =>
        yields ? LetWritersIn(version, SystemCallsFile.SynchronizeData) : SystemCallsFile.SynchronizeData(version);

    /// <summary>
    /// Runs a part of a commit that reads nothing of what writers change, and lets writers in meanwhile. −EAGAIN
    /// where they changed what the version was made of.
    /// </summary>
    internal int LetWritersIn<T>(T state, Func<T, int> part)
    {
        (StoredBase from, long changes) = (Base, Overlay.Changes.Count);
        _lock.PauseCommit();
        int result;
        try
        {
            result = part(state);
        }
        finally
        {
            _lock.ResumeCommit();
        }
        return result >= 0 && (Base != from || Overlay.Changes.Count != changes) ? -(int)Errno.EAGAIN : result;
    }

    /// <summary>The commit is about to change the base itself: readers wait until it is done.</summary>
    internal void LockOutReaders() => _lock.BecomeExclusive();

    /// <summary>The base does not change any more: readers may go on.</summary>
    internal void LetReadersIn() => _lock.BecomeShared();

    /// <summary>
    /// A rewrite of the stored file failed on its way. From here on readers read the redo, until a next commit has
    /// finished the rewrite. The commit holds the lock alone.
    /// </summary>
    internal void BeginRedo(StoredBase redo, FrameMap map)
    {
        Volatile.Write(ref _unfinished, new UnfinishedRewrite(map, ModifyTime, Overlay.Changes.Count));
        Overlay.ReadFromRedo(redo);
    }

    /// <summary>The redo holds all of the content.</summary>
    internal bool IsInRedo => Unfinished is { } unfinished
        && (!Overlay.IsDirty || Overlay.Changes.Count == unfinished.Changes);

    /// <summary>Removes the redo: no mount will do the rewrite any more.</summary>
    internal void EndRewrite()
    {
        if (Unfinished is null)
            return;
        _services.State!.RemoveWorkingFile(new WorkingName(WorkingRole.Redo, Node.Id, 0, 0).Terminated());
        _services.Inspector.EndRewrite(Published.InodeNumber);
        Volatile.Write(ref _unfinished, null);
    }

    /// <summary>
    /// The commit's new version has the name, but the folder could not be synchronised. The next commit tries that
    /// again. The source may answer ESTALE to it, which is no conflict.
    /// </summary>
    internal void BeginUnsynced(int error) =>
        Volatile.Write(ref _unsynced, new UnsyncedName(error == -(int)Errno.ESTALE ? -(int)Errno.EIO : error));

    /// <summary>The name is on disk, or the file has lost it and no mount will look for it.</summary>
    internal void EndUnsynced()
    {
        Unsynced?.Discard(_services.State!);
        Volatile.Write(ref _unsynced, null);
    }

    /// <summary>The commit's new version has the name. The caller holds the node's gate.</summary>
    internal void NotePublished(in Statx stored)
    {
        StoredIdentity next = StoredIdentity.Of(stored);
        // The kernel's pages hold this content: the writes went through them.
        Node.KeepPages(Published.Version, next.Version);
        Published = next;
        IsPublishedUnseen = false;
        _services.NotePublication(Node.Id);
    }

    /// <summary>
    /// The stored file that the name leads to, as an open file. False where a commit is just replacing it, or another
    /// program has replaced it in the source: then the caller must go by the name.
    /// </summary>
    internal bool TryRentStored(bool hasName, out DescriptorLease lease)
    {
        StoredBase current = Base;
        if (!current.TryRent(out lease))
            return false;
        if (!hasName || current.Identity.InodeNumber == Published.InodeNumber && current.TryStat(out _))
            return true;
        lease.Dispose();
        return false;
    }

    /// <summary>
    /// The committed version as an open file, for a caller that does not hold the content's lock: a commit that ends
    /// meanwhile closes the version before it. False where the last handle is closed already.
    /// </summary>
    internal bool TryRentBase(out DescriptorLease lease)
    {
        StoredBase current;
        do
        {
            current = Base;
            if (current.TryRent(out lease))
                return true;
        }
        while (current != Base);
        return false;
    }

    /// <summary>
    /// Attributes of the stored file without walking to its name. False where this content does not have all the rest
    /// that stat(2) shows, or the stored file is not this content.
    /// </summary>
    internal bool TryStat(out Statx stat, out ShownContent shown)
    {
        // A writer that never stops must not keep this from ending. It changes length and times together all the same.
        const int Attempts = 100;
        bool isOurs = false;
        long changeLook = 0;
        (stat, shown) = (default, default);
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            int look = Overlay.Shown.Look();
            changeLook = Change.Look();
            StoredBase current = Base;
            shown = Show();
            if (!shown.IsLoaded || !current.TryStat(out stat))
                return false;
            // What another program wrote into the stored file itself is not this content.
            isOurs = shown.IsDirty || StoredIdentity.Of(stat) == current.Identity;
            if (!Overlay.Shown.HasChanged(look))
                break;
        }
        if (!isOurs)
            return false;
        Timestamp change = Change.Of(changeLook, stat.ChangeTime.ToTimestamp());
        stat.ChangeTime = StatxTimestamp.Of(shown.IsDirty && shown.ChangeTime > change ? shown.ChangeTime : change);
        return true;
    }

    /// <summary>
    /// The change time that users see. False where the stored file is not this content, or was just replaced: then the
    /// caller must go by the name.
    /// </summary>
    internal bool TryShowChange(out Timestamp shown)
    {
        shown = default;
        StoredBase current = Base;
        long look = Change.Look();
        if (!current.TryStat(hasName: Node.HasName, out Statx stat)
            || !IsDirty && StoredIdentity.Of(stat) != current.Identity)
            return false;
        shown = ChangeTimeOf(look, stat);
        return true;
    }

    /// <summary>
    /// The change time that users see and a commit keeps, where the stored file shows <paramref name="stat"/>. The
    /// caller asked for that after <see cref="ShownChange.Look"/>.
    /// </summary>
    internal Timestamp ChangeTimeOf(long look, in Statx stat)
    {
        Timestamp stored = Change.Of(look, stat.ChangeTime.ToTimestamp());
        return IsDirty && ChangeTime is var written && written > stored ? written : stored;
    }

    /// <summary>What stat(2) shows of it besides the stored file's attributes, all of one moment.</summary>
    internal ShownContent Show() => Overlay.Show();

    /// <summary>No handle has the content open.</summary>
    public void Dispose()
    {
        Unsynced?.Copy?.Dispose();
        Overlay.Dispose();
    }
}
