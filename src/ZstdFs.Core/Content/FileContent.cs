using System.Text;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Overlays;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// The content of one open logical file: its overlay under a lock, its open handles, and its way to the next version.
/// All handles on the file share it, so that each sees the others' writes at once.
/// </summary>
internal sealed class FileContent : IDisposable
{
    /// <summary>A shorter copy is decoded and compressed in less time than it takes to make files for it.</summary>
    private const long LeastTakenBytes = 2 * 1024 * 1024;

    private readonly StorageServices _services;
    private int _refusal;
    // The range of the content that could not be written. Its writer may try again.
    private long _refusedFrom, _refusedEnd;

    internal FileContent(StorageServices services, Node node, StoredBase @base)
        : this(services, node, new Overlay(services, node, @base))
    {
    }

    /// <summary>What an earlier mount left uncommitted.</summary>
    internal FileContent(
        StorageServices services, Node node, StoredBase @base, WorkingCopy left, EarlyFrames? early, long logicalBytes)
        : this(services, node, new Overlay(services, node, @base, left, early, logicalBytes))
    {
    }

    private FileContent(StorageServices services, Node node, Overlay overlay)
    {
        (_services, Node, Overlay, Published) = (services, node, overlay, overlay.Base.Identity);
        Change = ShownChange.Of(node, overlay.Base);
        SynchronizedBase = new SynchronizedBase(Lock);
    }

    /// <summary>Orders readers, writers and commits of the content.</summary>
    internal ContentLock Lock { get; } = new();

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

    internal SynchronizedBase SynchronizedBase { get; }

    /// <summary>Guarded by the queue of commits.</summary>
    internal bool IsQueued { get; set; }

    /// <summary>Cut to nothing, and neither closed nor synchronised since. Guarded by the lock.</summary>
    internal bool IsEmptied { get; private set; }

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
    /// The file's name leads to another version, which this content will not replace. It is only there for the programs
    /// that have it open.
    /// </summary>
    internal bool IsOutdated { get; private set; }

    /// <summary>A writer waits: a background commit gives way.</summary>
    internal bool HasWaitingWriters => Lock.HasWaitingWriters;

    /// <summary>Returns the count of bytes read, or −errno.</summary>
    internal int Read(long offset, Span<byte> destination)
    {
        // A program that opens the file from here on must not see the pages that the kernel keeps of this content.
        if (IsOutdated)
            Node.NoteStalePages();
        using ContentLock.Scope locked = Lock.Reading();
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
        using ContentLock.Scope locked = Lock.Reading();
        if (Overlay is { Working: null, IsBuffered: false })
            Base.Prefetch(offset);
    }

    /// <summary>Logs an exception that a background thread was not prepared for.</summary>
    internal void NoteUnexpected(string work, Exception exception) =>
        _services.Log.Unexpected($"{Encoding.UTF8.GetString(Node.LogicalPath())}: {work}", exception);

    /// <summary>The length, finding it out where need be.</summary>
    internal long LoadedBytes()
    {
        using ContentLock.Scope locked = Lock.Reading();
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
        using ContentLock.Scope locked = Lock.Writing();
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
        using ContentLock.Scope locked = Lock.Writing();
        int result = Overlay.Resize(size);
        if (result < 0)
            return result;
        IsEmptied |= size == 0;
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
        using ContentLock.Scope locked = Lock.Writing();
        Overlay.Load();
        return size > LogicalBytes ? Overlay.Resize(size) : 0;
    }

    /// <summary>
    /// Makes a range read as zeros without changing the length (fallocate's PUNCH_HOLE and ZERO_RANGE).
    /// </summary>
    internal int Zero(long offset, long length)
    {
        using ContentLock.Scope locked = Lock.Writing();
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
        using ContentLock.Scope first = isFirst ? from.Lock.Reading() : Lock.Writing();
        using ContentLock.Scope second = isFirst ? Lock.Writing() : from.Lock.Reading();
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
        using ContentLock.Scope locked = Lock.Reading();
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
    internal ContentLock.Scope TryLending(out bool isFree) => Lock.TryCommitting(out isFree);

    /// <summary>
    /// Keeps readers, writers and commits out while the caller takes the working copy back from the kernel.
    /// </summary>
    internal ContentLock.Scope TakingBack() => Lock.Writing();

    /// <summary>
    /// Keeps readers, writers and commits out while the caller sets the modification time under the node's gate. The
    /// content's lock must be taken before that gate.
    /// </summary>
    internal ContentLock.Scope ChangingTimes() => Lock.Writing();

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
        using ContentLock.Scope locked = Lock.Writing();
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
        IsEmptied &= result < 0;
        return result;
    }

    /// <summary>
    /// What was written cannot be kept: the old version becomes the file again. The caller holds the lock for writing.
    /// </summary>
    internal void Revert()
    {
        Overlay.Revert();
        _refusal = 0;
        IsEmptied = false;
        Node.NoteStalePages();
    }

    /// <summary>A file made with O_TMPFILE is about to get a name.</summary>
    internal int NoteNamed()
    {
        using ContentLock.Scope locked = Lock.Writing();
        return Overlay.NoteNamed();
    }

    /// <summary>The file did not get the name, and may be given another.</summary>
    internal void NoteUnnamed()
    {
        using ContentLock.Scope locked = Lock.Writing();
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
        using ContentLock.Scope locked = Lock.Writing();
        Overlay.ForgetName();
        EndRewrite();
        EndUnsynced();
    }

    /// <summary>The file has this path. It is a hint for the next mount, so an error does not matter.</summary>
    internal void NotePath(ReadOnlySpan<byte> path)
    {
        using ContentLock.Scope locked = Lock.Writing();
        Overlay.NotePath(path);
        Unsynced?.Copy?.WritePath(path);
    }

    /// <summary>
    /// A commit made the next version: it is the base from here on. The caller holds the lock for committing.
    /// </summary>
    /// <param name="next">The next version.</param>
    /// <param name="keepsCopy">The version's name is not on disk yet, so the working copy stays for the next mount.</param>
    internal void Adopt(StoredBase next, bool keepsCopy)
    {
        Lock.BecomeExclusive();
        if (Overlay.Rebase(next, keepsCopy) is { } copy)
            Volatile.Write(ref _unsynced, Unsynced! with { Copy = copy });
        _refusal = 0;
        IsEmptied = false;
    }

    /// <summary>The commit is about to change the base itself: readers wait until it is done.</summary>
    internal void LockOutReaders() => Lock.BecomeExclusive();

    /// <summary>The base does not change any more: readers may go on.</summary>
    internal void LetReadersIn() => Lock.BecomeShared();

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
        _services.Publications.Note(Node.Id);
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
