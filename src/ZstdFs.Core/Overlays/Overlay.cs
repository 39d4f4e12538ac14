using ZstdFs.Core.Compression;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.WorkingCopies;
using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// A committed base, and over it what was written since. Small content is edited in memory, larger content in a working
/// copy; the beginning of a long new file moves on to early frames. Not synchronised: the caller holds the content's
/// lock.
/// </summary>
internal sealed class Overlay : IFrameSource, IDisposable
{
    /// <summary>A shorter range is written as zeros.</summary>
    private const long PunchedBytes = 1024 * 1024;

    private readonly StorageServices _services;
    private readonly Node _node;
    private readonly ContentBuffer _buffer;
    private readonly OverlayReader _reader;
    private readonly ReadBelow _readBelow;
    private readonly NeededBelow _needed;
    private bool _isLoaded;
    private readonly EarlyCompression _early;
    private readonly Lending _lending;
    private long _logicalBytes;
    private int _failure;

    internal Overlay(StorageServices services, Node node, StoredBase @base)
        : this(services, node, @base, early: null)
    {
    }

    private Overlay(StorageServices services, Node node, StoredBase @base, EarlyFrames? early)
    {
        (_services, _node, Base) = (services, node, @base);
        _early = new EarlyCompression(services, this, early);
        _lending = new Lending(services, this);
        _buffer = new ContentBuffer(services);
        _reader = new OverlayReader(this);
        _readBelow = _reader.ReadBelow;
        _needed = new NeededBelow(services, this);
    }

    /// <summary>What an earlier mount left uncommitted.</summary>
    internal Overlay(
        StorageServices services, Node node, StoredBase @base, WorkingCopy left, EarlyFrames? early, long logicalBytes)
        : this(services, node, @base, early)
    {
        (Working, LogicalBytes, _isLoaded) = (left, logicalBytes, true);
        BaseLimit = Math.Min(left.Record.BaseLimit, logicalBytes);
        MayHaveHoles = left.HasHoles(BaseLimit, logicalBytes)
            || early is not null && services.HasHoles(early.File, early.Content.Map);
        // The last mount ended after it had changed the length or the limit, and before it changed the other one.
        if (BaseLimit < left.Record.BaseLimit)
            left.Limit(BaseLimit);
        Changes.NoteLeft(left.Record.ModifyTime, left.LeftChangeTime);
        if (IsLent)
            Changes.NoteLent();
    }

    /// <summary>The committed version.</summary>
    internal StoredBase Base { get; private set; }

    /// <summary>
    /// Up to this offset the base, or early frames, show through where nothing was written. Where the base's end cannot
    /// be decoded (<see cref="EndDamage"/>) the limit is a guess, and a change that keeps the end is refused.
    /// </summary>
    internal long BaseLimit { get; set; }

    /// <summary>Length in bytes.</summary>
    internal long LogicalBytes
    {
        get => IsLent && _lending.TryGetLength(out long bytes) ? bytes : _logicalBytes;
        private set => _logicalBytes = value;
    }

    /// <summary>The length is known.</summary>
    internal bool IsLoaded => Volatile.Read(ref _isLoaded);

    internal UncommittedChanges Changes { get; } = new();

    /// <summary>Encloses every change of what <see cref="Show"/> returns.</summary>
    internal ShownSequence Shown { get; } = new();

    /// <summary>
    /// What stat(2) shows of it, all of one moment. It takes no lock: writers and commits may run beside it.
    /// </summary>
    internal ShownContent Show()
    {
        while (true)
        {
            int look = Shown.Look();
            bool hasHoles = MayHaveHoles || Base.HasHoles && (BaseLimit > 0 || !IsDirty);
            ShownContent shown = IsLent && _lending.TryShow(hasHoles, out ShownContent lent)
                ? lent
                : new(
                    IsLoaded, IsDirty || Base.IsRedo, _logicalBytes, hasHoles, Changes.ModifyTime, Changes.ChangeTime);
            if (!Shown.HasChanged(look))
                return shown;
        }
    }

    /// <summary>Modification time of what is not committed yet.</summary>
    internal Timestamp ModifyTime => IsLent ? _lending.ModifyTime : Changes.ModifyTime;

    /// <summary>When what is not committed yet was changed last.</summary>
    internal Timestamp ChangeTime => IsLent ? _lending.ChangeTime : Changes.ChangeTime;

    /// <summary>There is something to commit.</summary>
    internal bool IsDirty => Changes.Exist;

    /// <summary>
    /// The file was emptied to be written anew, and has neither been closed nor synchronised since. Until then the old
    /// version counts.
    /// </summary>
    internal bool ReplacesBase { get; private set; }

    /// <summary>Opened with O_TMPFILE, and not linked yet: it has no name, and may get one.</summary>
    internal bool IsUnnamed { get; set; }

    // From NoteNamed to NotePath: the file counts as named, and gets its name a moment later.
    private bool _isBeingNamed;

    /// <summary>A range was left out when the file grew, or was punched out.</summary>
    internal bool MayHaveHoles { get; private set; }

    internal WorkingCopy? Working { get; private set; }

    /// <summary>A working copy holds all that was written, and tells the next mount so.</summary>
    internal bool IsInWorkingCopy => Working is not null && !ReplacesBase;

    /// <summary>What shows through where nothing was written, up to <see cref="BaseLimit"/>.</summary>
    internal StoredBase Lower => _early.Content ?? Base;

    /// <summary>
    /// Early frames that can become the next version as they are, with the rest behind them; null where there are none.
    /// </summary>
    internal EarlyFrames? CompleteEarlyFrames => _early.Complete;

    /// <summary>The zstd level for what is written now.</summary>
    public int Level => _services.LevelOf(_node, LogicalBytes);

    internal bool IsBuffered => _buffer.IsUsed;

    /// <summary>The kernel reads and writes the working copy by itself.</summary>
    internal bool IsLent => _lending.IsUnderWay;

    internal Lending Lending => _lending;

    /// <summary>A write failed in part, and the working copy may hold any part of it.</summary>
    internal bool HasFailed => _failure < 0;

    internal bool HasEarlyFrames => _early.Content is not null;

    /// <summary>The whole content of a buffered file, for the commit.</summary>
    internal ReadOnlySpan<byte> BufferedContent => _buffer.Content[..(int)LogicalBytes];

    /// <summary>Finds out the length. Several readers may call it at the same time.</summary>
    internal void Load()
    {
        if (IsLoaded)
            return;
        lock (_buffer)
        {
            if (_isLoaded)
                return;
            LogicalBytes = BaseLimit = Base.LogicalBytes;
            Volatile.Write(ref _isLoaded, true);
        }
    }

    /// <summary>Why the end of the content is not known; null where it is.</summary>
    internal FrameDamage? EndDamage => IsDirty ? null : Base.EndDamage;

    /// <summary>Fills a destination that lies within the file. 0 or −errno.</summary>
    public int Read(long offset, Span<byte> destination) => _reader.Read(offset, destination);

    /// <summary>
    /// Writes, and grows the file where need be. 0 or −errno. After an error the length is as it was, and a part of
    /// the range may be written.
    /// </summary>
    internal int Write(long offset, ReadOnlySpan<byte> data)
    {
        Load();
        long end = offset + data.Length;
        int result = Prepare(Math.Max(LogicalBytes, end), offset, end);
        return result < 0 ? result : WritePrepared(offset, data);
    }

    private int WritePrepared(long offset, ReadOnlySpan<byte> data)
    {
        long newSize = Math.Max(LogicalBytes, offset + data.Length);
        int result = 0;
        if (_buffer.IsUsed)
            data.CopyTo(_buffer.Content[(int)offset..]);
        else
        {
            result = Working!.Write(offset, data, LogicalBytes, _readBelow);
            if (result == -(int)Errno.ENOSPC && _early.Move() > 0)
                result = Working.Write(offset, data, LogicalBytes, _readBelow);
        }
        if (result < 0)
            return Fail(result);
        bool leavesHole = offset > LogicalBytes;
        using (Shown.Change())
        {
            MayHaveHoles |= leavesHole;
            LogicalBytes = newSize;
            Changes.Note(data.Length);
        }
        _early.KeepPace();
        return 0;
    }

    /// <summary>
    /// Makes a range within the file read as zeros. 0 or −errno. A long range costs no more than a short one.
    /// </summary>
    internal int Zero(long offset, long end)
    {
        Load();
        end = Math.Min(end, LogicalBytes);
        if (offset >= end)
            return 0;
        int result = Prepare(LogicalBytes, offset, end);
        if (result < 0)
            return result;
        if (_buffer.IsUsed)
        {
            _buffer.Content[(int)offset..(int)end].Clear();
            Changes.Note();
            return 0;
        }
        // A range that reaches the end of the file covers all of its last block.
        long first = (offset + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes * BlockMap.BlockBytes;
        long last = end == LogicalBytes
            ? (end + BlockMap.BlockBytes - 1) / BlockMap.BlockBytes * BlockMap.BlockBytes
            : end / BlockMap.BlockBytes * BlockMap.BlockBytes;
        if (last - first < PunchedBytes || !Working!.TryPunch(first, last, BaseLimit))
            return WriteZeros(offset, end);
        using (Shown.Change())
        {
            MayHaveHoles = true;
            Changes.Note();
        }
        result = WriteZeros(offset, first);
        return result < 0 ? result : WriteZeros(last, end);
    }

    private int WriteZeros(long offset, long end)
    {
        ReadOnlySpan<byte> zeros = ZeroBytes.Block;
        int result = 0;
        for (; offset < end && result >= 0; offset += zeros.Length)
            result = WritePrepared(offset, zeros[..(int)Math.Min(zeros.Length, end - offset)]);
        return result;
    }

    /// <summary>Sets the length. 0 or −errno.</summary>
    internal int Resize(long size)
    {
        if (size > 0)
            Load();
        int result = Prepare(size, Math.Min(size, LogicalBytes), long.MaxValue);
        if (result < 0)
            return result;
        // Nothing of the base is needed for an empty file: it may even be damaged.
        if (!_isLoaded)
            (LogicalBytes, BaseLimit, _isLoaded) = (0, 0, true);
        // If the file was closed, and its commit still waits, the base is not the old version.
        bool replaces = ReplacesBase || size == 0 && !Base.IsFresh && !IsDirty;
        if (_buffer.IsUsed)
            _buffer.Resize((int)LogicalBytes, (int)size);
        else
        {
            // The next mount must not take a file that was only emptied for the content that its writer wanted.
            if (replaces != Working!.Record.IsIncomplete)
                result = Working.WriteRecord(Working.Record with { IsIncomplete = replaces });
            if (result >= 0)
                result = Working.Resize(LogicalBytes, size);
            if (result < 0)
                return Fail(result);
            // Until the limit is on disk, the working copy's length hides what is below. The blocks behind the new end
            // are gone: an error here must not refuse the change, for that would show what is below them.
            if (size < BaseLimit)
                Working.Limit(size);
        }
        ReplacesBase = replaces;
        bool leavesHole = size > LogicalBytes;
        using (Shown.Change())
        {
            BaseLimit = Math.Min(BaseLimit, size);
            MayHaveHoles = leavesHole || MayHaveHoles && size > 0;
            LogicalBytes = size;
            Changes.Note();
        }
        return 0;
    }

    /// <summary>
    /// Makes room for a change between these offsets of a file that gets this length: in memory while it is small and
    /// the budget lasts, else in a working copy. Throws as reading does where the commit will need something from below
    /// that cannot be read.
    /// </summary>
    private int Prepare(long size, long from, long end)
    {
        if (_failure < 0)
            return _failure;
        // A file of more frames could not be read back.
        if (size > (long)FrameMap.MaxFrames * _services.Options.FrameBytes)
            return -(int)Errno.EFBIG;
        if (Working is null && TryBuffer(size))
            return 0;
        if (!_buffer.IsUsed)
            _needed.Require(size, from, end);
        return Working is null ? MoveToWorkingCopy() : 0;
    }

    private bool TryBuffer(long size)
    {
        long longest = Math.Max(size, LogicalBytes), kept = Math.Min(size, LogicalBytes);
        return longest <= _services.Options.FrameBytes && _buffer.TryGrow((int)longest, (int)kept, _readBelow);
    }

    private int MoveToWorkingCopy(bool isForLost = false)
    {
        // The file's last name is gone: no mount must find what is written to it.
        bool isDeleted = !IsUnnamed && !_isBeingNamed && !isForLost && !_node.HasName
            && SystemCallsAt.Stat(Base.Stored, out Statx stat) >= 0 && stat.LinkCount == 0;
        var record = new WorkingCopyRecord
        {
            InodeNumber = _node.Id,
            Base = Base.Identity,
            BaseLimit = _buffer.IsUsed ? 0 : BaseLimit,
            ModifyTime = IsDirty ? ModifyTime : Base.Identity.ModifyTime,
            ChangeTime = IsDirty ? ChangeTime : default,
            IsIncomplete = ReplacesBase,
        };
        int result = WorkingCopy.Create(_services, record, IsUnnamed || isDeleted, out WorkingCopy working);
        if (result < 0)
            return result;
        if (LogicalBytes > 0)
            result = working.Resize(0, LogicalBytes);
        if (result >= 0 && _buffer.IsUsed)
            result = working.Write(
                0, _buffer.Content[..(int)LogicalBytes], LogicalBytes, static (_, rest) => rest.Clear());
        if (result >= 0)
            result = working.Describe(_node.LogicalPath());
        if (result < 0)
        {
            working.Discard();
            return result;
        }
        if (isDeleted)
            working.ForgetName();
        BaseLimit = record.BaseLimit;
        _buffer.Release();
        Working = working;
        return 0;
    }

    /// <summary>
    /// Appends frames of another file as they are, without decoding them, for a long copy. They must not change
    /// meanwhile. Returns how many bytes they hold, 0 where they cannot be taken, or −errno.
    /// </summary>
    internal long TakeFrames(StoredBase from, int first, int end)
    {
        Load();
        int result = Working is null ? MoveToWorkingCopy() : 0;
        if (_failure < 0 || result < 0)
            return _failure < 0 ? _failure : result;
        long taken = _early.Take(from, first, end);
        if (taken <= 0)
            return taken;
        // The length comes last: the next mount must not find a file that is longer than its content.
        result = Working!.Resize(LogicalBytes, BaseLimit);
        if (result < 0)
            return Fail(result);
        using (Shown.Change())
        {
            LogicalBytes = BaseLimit;
            Changes.Note();
        }
        return taken;
    }

    /// <summary>
    /// A write failed in part, and the working copy may hold any part of it. After "disk full" the writer may try
    /// again, after any other error not.
    /// </summary>
    private int Fail(int result)
    {
        if (result is not (-(int)Errno.ENOSPC or -(int)Errno.EDQUOT))
            _failure = result;
        return result;
    }

    /// <summary>A user set the modification time: the base is the same version, with another time.</summary>
    internal void NoteTimes(in StoredIdentity same, Timestamp modify)
    {
        using (Shown.Change())
        {
            Changes.ModifyTime = modify;
            Base.NoteTimes(same);
        }
        _lending.NoteTimes(modify);
        if (Working is not null)
            _ = Working.WriteRecord(Working.Record with { Base = same, ModifyTime = modify });
    }

    /// <summary>A user set the modification time of what is in the working copy.</summary>
    internal int SetUncommittedTime(Timestamp modify)
    {
        int result = Working!.WriteRecord(Working.Record with { ModifyTime = modify });
        if (result < 0)
            return result;
        using (Shown.Change())
            Changes.ModifyTime = modify;
        _lending.NoteTimes(modify);
        return result;
    }

    /// <summary>When it returns 0, what was written survives this process.</summary>
    internal int Persist()
    {
        int result = _buffer.IsUsed ? MoveToWorkingCopy() : 0;
        if (result >= 0)
            result = Working!.WriteRecord(
                Working.Record with { ModifyTime = ModifyTime, ChangeTime = ChangeTime, IsIncomplete = false });
        ReplacesBase &= result < 0;
        // Requests that came out of order left a hole, which the later ones have filled.
        if (result >= 0 && MayHaveHoles && !IsLent && !HasEarlyFrames)
            MayHaveHoles = Working!.HasHoles(BaseLimit, LogicalBytes);
        return result;
    }

    /// <summary>What is in the working copy and in early frames is on disk when it returns 0.</summary>
    internal int Synchronize()
    {
        int result = _early.Synchronize();
        return result >= 0 && Working is not null ? Working.Synchronize() : result;
    }

    internal void NoteSynchronized()
    {
        Changes.NoteSynchronized();
        if (IsLent)
            Changes.NoteLent();
    }

    /// <summary>The kernel has finished writing. <see cref="FindBlocks"/> finds what it left out.</summary>
    internal void NoteReturned(long logicalBytes) => LogicalBytes = logicalBytes;

    /// <summary>Finds what the kernel wrote.</summary>
    internal void FindBlocks(long logicalBytes)
    {
        Working!.FindBlocks(logicalBytes);
        MayHaveHoles = Working.HasHoles(BaseLimit, logicalBytes);
    }

    /// <summary>−EIO where the disk refused some of what was written.</summary>
    internal int Check() => Math.Min(_early.Durable?.Check() ?? 0, Working?.Durable.Check() ?? 0);

    /// <summary>
    /// Writes again what the disk refused. False where that is gone. Where it cannot be written yet,
    /// <see cref="Check"/> keeps failing. The caller keeps readers out.
    /// </summary>
    internal bool TryRepeat()
    {
        _early.Durable?.Repeat();
        Working?.Durable.Repeat();
        return _early.Durable?.IsLost != true && Working?.Durable.IsLost != true;
    }

    /// <summary>A file made with O_TMPFILE is about to get a name.</summary>
    internal int NoteNamed()
    {
        int result = Working?.NoteNamed() ?? 0;
        IsUnnamed = result < 0;
        _isBeingNamed = result >= 0;
        return result;
    }

    /// <summary>The file has this path.</summary>
    internal void NotePath(ReadOnlySpan<byte> path)
    {
        _isBeingNamed = false;
        Working?.WritePath(path);
    }

    /// <summary>
    /// The file did not get the name, so the next mount need not look for it. Where the disk refuses that note too, the
    /// mount looks in vain.
    /// </summary>
    internal void NoteUnnamed()
    {
        _ = Working?.NoteUnnamed();
        IsUnnamed = true;
        _isBeingNamed = false;
    }

    /// <summary>The last name is gone: no mount will look for what was written.</summary>
    internal void ForgetName()
    {
        Working?.ForgetName();
        _early.ForgetName();
    }

    /// <summary>
    /// Keeps the content as a plain file in <c>.zstdfs/lost</c>, completed from what it was written over, as far as
    /// that can be read.
    /// </summary>
    internal int MoveToLost()
    {
        int result = Working is null ? MoveToWorkingCopy(isForLost: true) : 0;
        if (result >= 0)
            result = Working!.CompleteAndMoveToLost(Math.Min(BaseLimit, LogicalBytes), LogicalBytes, _readBelow);
        if (result < 0)
            return result;
        _early.ForgetName();
        // No commit may take this content from here on.
        NoteClean();
        _failure = -(int)Errno.ESTALE;
        return 0;
    }

    /// <summary>
    /// What was written became the next version. Returns the working copy where <paramref name="keepsCopy"/> is true
    /// and the copy is not lent to the kernel.
    /// </summary>
    internal WorkingCopy? Rebase(StoredBase next, bool keepsCopy)
    {
        StoredBase old = Base;
        using (Shown.Change())
        {
            Base = next;
            if (!IsLent)
                NoteClean();
        }
        if (old.Stored != next.Stored)
            old.Dispose();
        // The kernel goes on writing to the working copy, which holds more than the new version, or will. Where this
        // note fails, the next mount recognises the version by what the commit noted before.
        if (IsLent)
        {
            if (keepsCopy)
                return null;
            _ = Working!.WriteRecord(Working.Record with { Base = next.Identity, CommittedInode = 0 });
            _lending.NoteCommitted();
            return null;
        }
        WorkingCopy? kept = keepsCopy ? Working : null;
        if (keepsCopy)
        {
            Working = null;
            _early.Leave();
        }
        NoteCommitted();
        return kept;
    }

    /// <summary>
    /// A commit failed after it had written a part of the next version into the stored file itself. The redo holds all
    /// of that version, and is the base from here on. What was written since the version before still lies over it, and
    /// is in the redo too.
    /// </summary>
    internal void ReadFromRedo(StoredBase redo)
    {
        Working?.NoteRedo();
        // The redo holds the early frames, or is their file.
        _early.Discard();
        ReplaceBase(redo);
    }

    /// <summary>Puts another base under what was written. The content of the file stays the same.</summary>
    internal void ReplaceBase(StoredBase same)
    {
        StoredBase old = Base;
        using (Shown.Change())
            Base = same;
        if (old.Stored != same.Stored)
            old.Dispose();
    }

    /// <summary>
    /// The rewrite that had failed is done, and its redo is about to go. What was written since lies over the stored
    /// file: the next mount must not take that for another file. 0 or −errno.
    /// </summary>
    internal int NoteRewritten(in StoredIdentity stored) =>
        Working?.WriteRecord(Working.Record with { Base = stored, CommittedInode = 0 }) ?? 0;

    /// <summary>The base holds all of it.</summary>
    internal void NoteCommitted()
    {
        BaseLimit = LogicalBytes;
        Clear();
    }

    /// <summary>
    /// The disk has no room for the next version: compresses a part of the working copy, which gives up the space.
    /// False where no part was compressed.
    /// </summary>
    internal bool TryMakeRoom() => _early.Move() > 0;

    /// <summary>Forgets what was written: the base is the file again.</summary>
    internal void Revert()
    {
        using (Shown.Change())
        {
            NoteClean();
            (LogicalBytes, BaseLimit, _isLoaded) = (0, 0, false);
        }
        Clear();
        _buffer.Release();
        _failure = 0;
        // The length must come from the redo, and not from the stored file.
        if (Base.IsRedo)
            Load();
    }

    private void Clear()
    {
        // What stat(2) shows comes first: the rest may take its time.
        using (Shown.Change())
            NoteClean();
        Working?.Discard();
        Working = null;
        _early.Discard();
    }

    private void NoteClean()
    {
        ReplacesBase = MayHaveHoles = false;
        Changes.NoteClean();
    }

    /// <summary>
    /// The uncommitted working copy of a file that still has a name stays for the next mount. That of a deleted file is
    /// removed.
    /// </summary>
    public void Dispose()
    {
        if (!IsDirty || !_node.HasName)
            Clear();
        Working?.Dispose();
        _early.Dispose();
        _buffer.Release();
        Base.Dispose();
    }
}
