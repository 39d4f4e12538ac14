using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// What one open logical file holds: its overlay under a lock, who has it open, and its way to the next version. All handles on the file share it, so that
/// each sees the others' writes at once.
/// </summary>
internal sealed class FileContent : IDisposable
{
    private const long CheapBytes = 2 * 1024 * 1024;

    /// <summary>A shorter copy is decoded and compressed in less time than files are made for it.</summary>
    private const long LeastTakenBytes = 2 * 1024 * 1024;

    private readonly ContentServices _services;
    private readonly ContentLock _lock = new();
    // Cut to nothing, and neither closed nor synchronised since. Guarded by the lock.
    private bool _isEmptied;
    private int _refusal;

    internal FileContent(ContentServices services, Node node, StoredBase @base)
        : this(services, node, new Overlay(services, node, @base))
    {
    }

    /// <summary>What an earlier mount left uncommitted.</summary>
    internal FileContent(ContentServices services, Node node, StoredBase @base, WorkingCopy left, EarlyFrames? early, long logicalBytes)
        : this(services, node, new Overlay(services, node, @base, left, early, logicalBytes))
    {
    }

    private FileContent(ContentServices services, Node node, Overlay overlay)
    {
        (_services, Node, Overlay, Published) = (services, node, overlay, overlay.Base.Identity);
        OnDisk = new ContentOnDisk(services, this, _lock);
    }

    internal Node Node { get; }

    /// <summary>The base and what was written over it. For who holds the lock, and the commit.</summary>
    internal Overlay Overlay { get; }

    /// <summary>The committed version. Changes only while the lock is held exclusively.</summary>
    internal StoredBase Base => Overlay.Base;

    /// <summary>The version that the file's name leads to. Guarded by the node's <see cref="Node.LinksGate"/>.</summary>
    internal StoredIdentity Published { get; private set; }

    /// <summary>It may be sparse.</summary>
    internal bool MayHaveHoles => Overlay.MayHaveHoles || Base.HasHoles;

    /// <summary>Length in bytes.</summary>
    internal long LogicalBytes => Overlay.LogicalBytes;

    /// <summary>The kernel reads and writes the content by itself.</summary>
    internal bool IsLent => Overlay.IsLent;

    /// <summary>There is something to commit.</summary>
    internal bool IsDirty => Overlay.IsDirty;

    /// <summary>Since when there is something that is not on disk, by Stopwatch; 0 where there is nothing.</summary>
    internal long DirtySince => Overlay.Changes.UnsafeSince;

    /// <summary>Modification time of the content that is not committed yet.</summary>
    internal Timestamp ModifyTime => Overlay.ModifyTime;

    /// <summary>When the content that is not committed yet was changed last.</summary>
    internal Timestamp ChangeTime => Overlay.ChangeTime;

    /// <summary>When the logical file was made.</summary>
    internal Timestamp Birth { get; init; }

    /// <summary>Guarded by the table of contents.</summary>
    internal HandleCounts Handles { get; } = new();

    internal CommitOutcome Outcome { get; } = new();

    internal ContentOnDisk OnDisk { get; }

    /// <summary>Guarded by the queue of commits.</summary>
    internal bool IsQueued { get; set; }

    /// <summary>It was to be replaced, and not all of the new content could be written. 0, or why not as −errno.</summary>
    internal int CutShort => Overlay.ReplacesBase ? _refusal : 0;

    /// <summary>The file may have set-id bits, which writing takes away.</summary>
    internal bool MayHavePrivileges { get; set; } = true;

    /// <summary>The file may have capabilities, which writing takes away.</summary>
    internal bool MayHaveCapabilities { get; set; } = true;

    /// <summary>A commit costs a close little: the content is small, or little of it was written over a small base.</summary>
    internal bool CommitsCheaply => !IsLent
        && (Overlay.IsBuffered || Base.Identity.Size <= CheapBytes && LogicalBytes <= CheapBytes);

    /// <summary>The file's name leads to another version, which this one will not replace: it is only there for those who have it open.</summary>
    internal bool IsOutdated { get; private set; }

    /// <summary>Somebody waits to write: a commit that nobody waits for gives way.</summary>
    internal bool HasWaitingWriters => _lock.HasWaitingWriters;

    /// <summary>Returns the count of bytes read, or −errno.</summary>
    internal int Read(long offset, Span<byte> destination)
    {
        // What the kernel keeps of it is not for who opens the file from now on.
        if (IsOutdated)
            Node.NoteStalePages();
        using ContentLock.Scope locked = _lock.Reading();
        Overlay.Load();
        int count = (int)Math.Clamp(LogicalBytes - offset, 0, destination.Length);
        // The kernel may still believe in a length that was noted before the damage: answered with "end of file", it would show zeros up to there.
        if (count < destination.Length && Overlay.EndDamage is { } damage)
            throw damage.ToException();
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

    /// <summary>The length, finding it out where need be.</summary>
    internal long LoadedBytes()
    {
        using ContentLock.Scope locked = _lock.Reading();
        Overlay.Load();
        return LogicalBytes;
    }

    /// <summary>Returns the count of bytes written, which is all of them, or −errno.</summary>
    internal int Write(long offset, ReadOnlySpan<byte> data)
    {
        using ContentLock.Scope locked = _lock.Writing();
        int result = Overlay.Write(offset, data);
        return result < 0 ? NoteRefusal(result) : data.Length;
    }

    internal int Truncate(long size)
    {
        using ContentLock.Scope locked = _lock.Writing();
        int result = NoteRefusal(Overlay.Resize(size));
        if (result >= 0)
            _isEmptied |= size == 0;
        return result;
    }

    /// <summary>Makes a range read as zeros without changing the length (fallocate's PUNCH_HOLE and ZERO_RANGE).</summary>
    internal int Zero(long offset, long length)
    {
        using ContentLock.Scope locked = _lock.Writing();
        return NoteRefusal(Overlay.Zero(offset, offset + length));
    }

    /// <summary>
    /// Appends what it can of another file's range to this one as whole stored frames, without decoding them: where both are cut at the same places and
    /// nobody wrote to those of the other. Returns how many bytes, 0 where there is nothing of the kind, or −errno.
    /// </summary>
    internal long TakeFrames(FileContent from, long offsetIn, long offsetOut, long length)
    {
        int frameBytes = _services.Options.FrameBytes;
        if (from == this || length < LeastTakenBytes || offsetIn % frameBytes != 0 || offsetOut % frameBytes != 0)
            return 0;
        // Two copies in opposite directions must not wait for each other. The reader's lock keeps the frames from being rewritten in place.
        bool isFirst = from.Node.Id < Node.Id;
        using ContentLock.Scope first = isFirst ? from._lock.Reading() : _lock.Writing();
        using ContentLock.Scope second = isFirst ? _lock.Writing() : from._lock.Reading();
        from.Overlay.Load();
        var extents = new OverlayExtents(from.Overlay);
        if (!extents.HasReusableFrames(frameBytes) || _services.State is null)
            return 0;
        long end = Math.Min(offsetIn + length, from.LogicalBytes);
        int firstFrame = (int)(offsetIn / frameBytes), count = extents.CountUntouchedFrames(offsetIn, from.LogicalBytes, frameBytes, int.MaxValue);
        // A range that ends within a frame takes those before it.
        if (end < from.LogicalBytes)
            count = (int)Math.Min(count, (end - offsetIn) / frameBytes);
        if (count * (long)frameBytes < LeastTakenBytes)
            return 0;
        Overlay.Load();
        if (LogicalBytes != offsetOut)
            return 0;
        long taken = Overlay.TakeFrames(from.Overlay.Lower, firstFrame, firstFrame + count);
        return taken < 0 ? NoteRefusal((int)taken) : taken;
    }

    /// <summary>lseek(2) for data or a hole: whole frames of zeros count as holes. Returns the offset, or −ENXIO.</summary>
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

    private int NoteRefusal(int result)
    {
        if (result < 0)
            _refusal = result;
        return result;
    }

    /// <summary>Keeps commits and writers out while it is lent to the kernel. Nothing is held where one of them is under way.</summary>
    internal ContentLock.Scope TryLending(out bool isFree) => _lock.TryCommitting(out isFree);

    /// <summary>Keeps everybody out while the working copy is taken back from the kernel.</summary>
    internal ContentLock.Scope TakingBack() => _lock.Writing();

    /// <summary>Keeps commits and writers out while the modification time is set, which is done under the node's gate: the content's lock comes first.</summary>
    internal ContentLock.Scope ChangingTimes() => _lock.Writing();

    /// <summary>A commit keeps the time, and the base with another time is the same base. The caller holds the node's gate too.</summary>
    internal void NoteTimes(Timestamp modify, in Statx stored)
    {
        StoredIdentity same = StoredIdentity.Of(stored);
        if (same.InodeNumber != Published.InodeNumber)
            return;
        NotePublished(stored);
        Overlay.NoteTimes(same, modify);
    }

    /// <summary>
    /// When it returns 0, what was written survives this process: the next mount commits it. −EOPNOTSUPP where the source cannot keep it but in a
    /// stored file.
    /// </summary>
    internal int Persist()
    {
        using ContentLock.Scope locked = _lock.Writing();
        if (!IsDirty)
            return 0;
        int result = _services.State is { WorkingCopiesSurvive: true } ? Overlay.Persist() : -(int)Errno.EOPNOTSUPP;
        _isEmptied &= result < 0;
        return result;
    }

    /// <summary>
    /// Content that a power cut must not take, because another file's goes for it: on disk when it returns 0. −EOPNOTSUPP where that takes a commit.
    /// </summary>
    internal int Settle()
    {
        int result = Persist();
        if (result < 0)
            return result;
        using ContentLock.Scope locked = _lock.Committing();
        if (IsDirty)
            return Overlay.Synchronize();
        bool isOnDisk = !SourceTree.TryReadRecord(Base.Stored, out SizeRecord record) || record.Epoch != _services.State!.Epoch;
        return isOnDisk ? 0 : SystemCallsFile.SynchronizeData(Base.Stored);
    }

    /// <summary>Forgets a replacement that could not be written whole: the old version is the file again.</summary>
    internal void Revert()
    {
        using ContentLock.Scope locked = _lock.Writing();
        if (CutShort == 0)
            return;
        Overlay.Revert();
        _refusal = 0;
        Node.NoteStalePages();
        _services.Log.Error($"{Node.AnyLink?.NativeName.ToString()}: not all of its new content could be written; the old version stays");
    }

    /// <summary>A file made with O_TMPFILE is about to get a name.</summary>
    internal int NoteNamed()
    {
        using ContentLock.Scope locked = _lock.Writing();
        return Overlay.NoteNamed();
    }

    /// <summary>Another version has the name for good.</summary>
    internal void NoteOutdated()
    {
        IsOutdated = true;
        Node.NoteStalePages();
    }

    /// <summary>The last name is gone: nobody will look for what was written.</summary>
    internal void ForgetName()
    {
        using ContentLock.Scope locked = _lock.Writing();
        Overlay.ForgetName();
    }

    /// <summary>The name is another now. A hint for the next mount, so an error does not matter.</summary>
    internal void NotePath(ReadOnlySpan<byte> path)
    {
        using ContentLock.Scope locked = _lock.Writing();
        Overlay.Working?.WritePath(path);
    }

    /// <summary>
    /// Runs a commit: the committer makes the next base while readers go on; then it takes the place of the old one. Returns 0 or −errno; after an error
    /// the content stays dirty and as it was.
    /// </summary>
    /// <param name="committer">Makes the next base.</param>
    /// <param name="yields">−EAGAIN as soon as somebody wants to write.</param>
    /// <param name="isBackground">Nobody waits for it: whoever closes or synchronises the file next is told of an error.</param>
    internal int Commit(Committer committer, bool yields, bool isBackground = false)
    {
        using ContentLock.Scope locked = _lock.Committing();
        try
        {
            if (!IsDirty)
                return 0;
            // It was opened again since the queue looked, and writes to it would not be noticed.
            if (isBackground && IsLent)
                return -(int)Errno.EAGAIN;
            // Of the content closed before nothing is left, and the new one has only begun: committed now, an empty file would take the place of the old version.
            if (isBackground && _isEmptied && Handles.Writable > 0)
                return -(int)Errno.EAGAIN;
            Outcome.NoteBegin();
            StoredBase? next = null;
            int result = OnDisk.KeepWhole();
            if (result >= 0)
                result = committer.Build(this, yields, out next);
            if (result is -(int)Errno.ENOSPC or -(int)Errno.EDQUOT && TryMakeRoom())
                result = committer.Build(this, yields, out next);
            Outcome.NoteEnd(result, isBackground);
            if (result == -(int)Errno.ESTALE)
                OnDisk.MoveToLost();
            if (result < 0 || next is null)
                return result;
            _lock.BecomeExclusive();
            Overlay.Rebase(next);
            _refusal = 0;
            _isEmptied = false;
            return 0;
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            int result = ContentFault.Report(e, this, _services.Log);
            Outcome.NoteEnd(result, isBackground);
            return result;
        }
    }

    /// <summary>What the kernel wrote by itself was not compressed behind its writer.</summary>
    private bool TryMakeRoom()
    {
        if (!Overlay.Lending.WasUnderWay || IsLent)
            return false;
        bool isMade = _services.Reserve.Release(), isMoved = true;
        while (isMoved)
        {
            // Readers come in between.
            _lock.BecomeExclusive();
            isMoved = Overlay.TryMakeRoom();
            _lock.BecomeShared();
            isMade |= isMoved;
        }
        return isMade;
    }

    /// <summary>
    /// Puts a commit's new version on disk. That takes as long as the version is large, so a commit that nobody waits for lets writers in meanwhile:
    /// −EAGAIN where they changed what the version was made of.
    /// </summary>
    internal int SynchronizeVersion(FileDescriptor version, bool yields)
    {
        if (!yields)
            return SystemCallsFile.SynchronizeData(version);
        (StoredBase from, long changes) = (Base, Overlay.Changes.Count);
        _lock.PauseCommit();
        int result;
        try
        {
            result = SystemCallsFile.SynchronizeData(version);
        }
        finally
        {
            _lock.ResumeCommit();
        }
        return result >= 0 && (Base != from || Overlay.Changes.Count != changes) ? -(int)Errno.EAGAIN : result;
    }

    /// <summary>The commit is about to change the base itself: readers wait until it is done.</summary>
    internal void LockOutReaders() => _lock.BecomeExclusive();

    /// <summary>The commit's new version has the name. The caller holds the node's gate.</summary>
    internal void NotePublished(in Statx stored)
    {
        StoredIdentity next = StoredIdentity.Of(stored);
        // The kernel's pages hold this content: the writes went through them.
        Node.KeepPages(Published.Version, next.Version);
        Published = next;
        _services.NotePublication();
    }

    /// <summary>
    /// The stored file that the name leads to, as an open file. False where a commit is just replacing it, or somebody did in the source: then the name knows.
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

    /// <summary>Attributes of the stored file without walking to its name, where this content has all the rest that stat(2) shows.</summary>
    internal bool TryStat(out Statx stat, out long logicalBytes)
    {
        (stat, logicalBytes) = (default, 0);
        StoredBase current = Base;
        if (!Overlay.IsLoaded || !current.TryStat(out stat))
            return false;
        logicalBytes = LogicalBytes;
        // What somebody wrote into the stored file itself is not this content.
        return IsDirty || StoredIdentity.Of(stat) == current.Identity;
    }

    /// <summary>Nobody has it open.</summary>
    public void Dispose() => Overlay.Dispose();
}
