using System.Text;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Overlays;
using ZstdFs.Core.Source;
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
    private readonly StorageServices _services;

    /// <summary>What is in a stored file.</summary>
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
        (_services, Node, Overlay) = (services, node, overlay);
        Published = new PublishedVersion(services, node, overlay.Base.Identity);
        UnfinishedCommit = new UnfinishedCommit(services, overlay, node.Id, Published);
        Change = ShownChange.Of(services.Clock, node, overlay.Base);
        SynchronizedBase = new SynchronizedBase(Lock);
    }

    /// <summary>Orders readers, writers and commits of the content.</summary>
    internal ContentLock Lock { get; } = new();

    /// <summary>The file.</summary>
    internal Node Node { get; }

    /// <summary>The base and what was written over it. For a holder of the lock, and for the commit.</summary>
    internal Overlay Overlay { get; }

    /// <summary>The committed version. Changes only while the lock is held exclusively.</summary>
    internal StoredBase Base => Overlay.Base;

    /// <summary>
    /// The version that the file's name leads to. Guarded by the node's <see cref="Node.LinksGate"/>.
    /// </summary>
    internal PublishedVersion Published { get; }

    /// <summary>What a commit could not do to its end.</summary>
    internal UnfinishedCommit UnfinishedCommit { get; }

    /// <summary>The rewrite in place that an earlier mount could not finish; null where there is none.</summary>
    internal UnfinishedRewrite? Unfinished
    {
        init => UnfinishedCommit.Rewrite = value;
    }

    /// <summary>What could not be written.</summary>
    internal RefusedWrites Refused { get; } = new();

    /// <summary>Length in bytes.</summary>
    internal long LogicalBytes => Overlay.LogicalBytes;

    /// <summary>All of the content is in memory, where it is edited.</summary>
    internal bool IsBuffered => Overlay.IsBuffered;

    /// <summary>Opened with O_TMPFILE, and not linked yet: it has no name, and may get one.</summary>
    internal bool IsUnnamed
    {
        get => Overlay.IsUnnamed;
        set => Overlay.IsUnnamed = value;
    }

    /// <summary>The working copy that holds what was written; null where there is none.</summary>
    internal WorkingCopy? Working => Overlay.Working;

    /// <summary>Whether and when it was changed since its base.</summary>
    internal UncommittedChanges Changes => Overlay.Changes;

    /// <summary>How the kernel gets the working copy and gives it back.</summary>
    internal Lending Lending => Overlay.Lending;

    /// <summary>How much of it waits to be committed, at most.</summary>
    internal long UncommittedBytes => Overlay.ReplacesBase || IsLent
        ? LogicalBytes
        : Math.Min(LogicalBytes, Overlay.Changes.WrittenBytes);

    /// <summary>The kernel reads and writes the content by itself.</summary>
    internal bool IsLent => Overlay.IsLent;

    /// <summary>There is something to commit.</summary>
    internal bool IsDirty => Overlay.IsDirty || UnfinishedCommit.Rewrite is not null;

    /// <summary>There is something to commit, or the rest of a commit to do.</summary>
    internal bool IsUnsettled => IsDirty || UnfinishedCommit.Unsynced is not null;

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

    /// <summary>How its newest commit ended.</summary>
    internal CommitOutcome Outcome { get; } = new();

    /// <summary>The base on its way to the disk.</summary>
    internal SynchronizedBase SynchronizedBase { get; }

    /// <summary>Guarded by the queue of commits.</summary>
    internal bool IsQueued { get; set; }

    /// <summary>Cut to nothing, and neither closed nor synchronised since. Guarded by the lock.</summary>
    internal bool IsEmptied { get; private set; }

    /// <summary>
    /// 0, or the −errno for which some of the new content could not be written while the file was being replaced.
    /// </summary>
    internal int CutShort => Overlay.ReplacesBase ? Refused.Reason : 0;

    /// <summary>What mode, capabilities and chattr flags mean for writes to it.</summary>
    internal FileMarks Marks { get; } = new();

    /// <summary>
    /// The file's name leads to another version, which this content will not replace. It is only there for the programs
    /// that have it open.
    /// </summary>
    internal bool IsOutdated { get; private set; }

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

    /// <summary>Returns the count of bytes written, which is all of them, or −errno.</summary>
    internal int Write(long offset, ReadOnlySpan<byte> data)
    {
        using ContentLock.Scope locked = Lock.Writing();
        if (Marks.IsImmutable)
            return -(int)Errno.EPERM;
        int result = Overlay.Write(offset, data);
        if (result < 0)
            return Refused.Note(result, offset, offset + data.Length);
        Refused.NoteWritten(offset, offset + data.Length);
        return data.Length;
    }

    /// <summary>Sets the length. 0 or −errno.</summary>
    internal int Truncate(long size)
    {
        using ContentLock.Scope locked = Lock.Writing();
        int result = Overlay.Resize(size);
        if (result < 0)
            return result;
        IsEmptied |= size == 0;
        Refused.NoteTruncated(size);
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
    internal long TakeFrames(FileContent from, long offsetIn, long offsetOut, long length) =>
        FrameTaking.Take(_services, from, offsetIn, this, offsetOut, length);

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
        Published.Note(stored);
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
        if (UnfinishedCommit.Unsynced is { Copy: null, Error: var unsynced })
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
        Refused.Forget();
        IsEmptied = false;
        Node.NoteStalePages();
    }

    /// <summary>Another version has the file's name for good.</summary>
    internal void NoteOutdated()
    {
        IsOutdated = true;
        Node.NoteStalePages();
    }

    /// <summary>
    /// A commit made the next version: it is the base from here on. The caller holds the lock for committing.
    /// </summary>
    /// <param name="next">The next version.</param>
    /// <param name="keepsCopy">
    /// The version's name is not on disk yet, so the working copy stays for the next mount.
    /// </param>
    internal void Adopt(StoredBase next, bool keepsCopy)
    {
        Lock.BecomeExclusive();
        if (Overlay.Rebase(next, keepsCopy) is { } copy)
            UnfinishedCommit.KeepCopy(copy);
        Refused.Forget();
        IsEmptied = false;
    }

    /// <summary>What stat(2) shows of it besides the stored file's attributes, all of one moment.</summary>
    internal ShownContent Show() => Overlay.Show();

    /// <summary>No handle has the content open.</summary>
    public void Dispose()
    {
        UnfinishedCommit.Unsynced?.Copy?.Dispose();
        Overlay.Dispose();
    }
}
