using System.Diagnostics;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// What one open logical file holds: a committed base under what was written since. Small content is edited in memory, larger in a working copy.
/// All handles on the file share it, so that each sees the others' writes at once.
/// </summary>
internal sealed class FileContent : IDisposable
{
    private const long CheapBytes = 2 * 1024 * 1024;

    private readonly ContentServices _services;
    private readonly ContentLock _lock = new();
    private readonly ContentBuffer _buffer;
    private readonly ReadBelow _readBase;
    private bool _isLoaded;
    private long _baseLimit;
    private WorkingCopy? _working;
    private EarlyFrames? _early;
    private EarlyPace _earlyPace;
    private int _failure;

    // Emptied to be written anew, and neither closed nor synchronised since: until then the old version is the one that counts.
    private bool _replacesBase;
    private int _refusal;
    private int _untold;

    // Packed, because attributes are read beside writers.
    private long _modifyTime;
    private long _changeTime;

    internal FileContent(ContentServices services, Node node, StoredBase @base)
    {
        _services = services;
        _buffer = new ContentBuffer(services);
        _readBase = ReadBase;
        Node = node;
        Base = @base;
        Published = @base.Identity;
    }

    /// <summary>What an earlier mount left uncommitted.</summary>
    internal FileContent(ContentServices services, Node node, StoredBase @base, WorkingCopy left, EarlyFrames? early, long logicalBytes)
        : this(services, node, @base)
    {
        _early = early;
        (_working, _baseLimit, LogicalBytes, IsDirty, _isLoaded) = (left, left.Record.BaseLimit, logicalBytes, true, true);
        ModifyTime = left.Record.ModifyTime;
        ChangeTime = Timestamp.Now();
    }

    internal Node Node { get; }

    /// <summary>The committed version. Changes only while the lock is held exclusively.</summary>
    internal StoredBase Base { get; private set; }

    /// <summary>The version that the file's name leads to. Guarded by the node's <see cref="Node.LinksGate"/>.</summary>
    internal StoredIdentity Published { get; private set; }

    /// <summary>Length in bytes.</summary>
    internal long LogicalBytes { get; private set; }

    /// <summary>There is something to commit.</summary>
    internal bool IsDirty { get; private set; }

    /// <summary>Modification time of the content that is not committed yet.</summary>
    internal Timestamp ModifyTime
    {
        get => PackedTime.Unpack(Volatile.Read(ref _modifyTime));
        private set => Volatile.Write(ref _modifyTime, PackedTime.Pack(value));
    }

    /// <summary>When the content that is not committed yet was changed last.</summary>
    internal Timestamp ChangeTime
    {
        get => PackedTime.Unpack(Volatile.Read(ref _changeTime));
        private set => Volatile.Write(ref _changeTime, PackedTime.Pack(value));
    }

    /// <summary>When the logical file was made.</summary>
    internal Timestamp Birth { get; init; }

    /// <summary>Open handles, and commits that wait. Guarded by the table of contents.</summary>
    internal int Handles { get; set; }

    /// <summary>Handles that may write. Guarded by the table of contents.</summary>
    internal int WritableHandles { get; set; }

    /// <summary>Handles that may read. Guarded by the table of contents.</summary>
    internal int ReadableHandles { get; set; }

    /// <summary>Handles of which the kernel keeps pages. Guarded by the table of contents.</summary>
    internal int CachedHandles { get; set; }

    /// <summary>Handles that may write, past the kernel's pages. Guarded by the table of contents.</summary>
    internal int DirectWriters { get; set; }

    /// <summary>When a commit was tried last, by Stopwatch; 0 before the first.</summary>
    internal long CommittedAt { get; private set; }

    /// <summary>Since when there is something that is not on disk, by Stopwatch; 0 where there is nothing.</summary>
    internal long DirtySince { get; private set; }

    /// <summary>It was to be replaced, and not all of the new content could be written. 0, or why not as −errno.</summary>
    internal int CutShort => _replacesBase ? _refusal : 0;

    /// <summary>Why the newest commit failed, as −errno; 0 where it did not.</summary>
    internal int CommitError { get; private set; }

    /// <summary>Guarded by the queue of commits.</summary>
    internal bool IsQueued { get; set; }

    /// <summary>The file may have set-id bits, which writing takes away.</summary>
    internal bool MayHavePrivileges { get; set; } = true;

    /// <summary>The file may have capabilities, which writing takes away.</summary>
    internal bool MayHaveCapabilities { get; set; } = true;

    /// <summary>A commit costs a close little: the content is small, or little of it was written over a small base.</summary>
    internal bool CommitsCheaply =>
        _buffer.IsUsed || Base.Identity.Size <= CheapBytes && LogicalBytes <= CheapBytes;

    /// <summary>Opened with O_TMPFILE, and not linked yet: it has no name, and may get one.</summary>
    internal bool IsUnnamed { get; set; }

    internal WorkingCopy? Working => _working;

    internal long BaseLimit => _baseLimit;

    /// <summary>What shows through where nothing was written, up to <see cref="BaseLimit"/>.</summary>
    internal StoredBase Lower => _early?.Content ?? Base;

    /// <summary>Early frames that can become the next version as they are, with the rest behind them; null where there are none.</summary>
    internal EarlyFrames? CompleteEarlyFrames =>
        _early is { Name.Role: WorkingRole.Early } early && early.LogicalBytes == _baseLimit && !_working!.Blocks.Any(0, _baseLimit / BlockMap.BlockBytes) ? early : null;

    internal bool IsBuffered => _buffer.IsUsed;

    /// <summary>The whole content of a buffered file, for the commit.</summary>
    internal ReadOnlySpan<byte> BufferedContent => _buffer.Content[..(int)LogicalBytes];

    /// <summary>Somebody waits to write: a commit that nobody waits for gives way.</summary>
    internal bool HasWaitingWriters => _lock.HasWaitingWriters;

    internal int Read(long offset, Span<byte> destination)
    {
        _lock.EnterRead();
        try
        {
            Load();
            int count = (int)Math.Clamp(LogicalBytes - offset, 0, destination.Length);
            int result = ReadLoaded(offset, destination[..count]);
            return result < 0 ? result : count;
        }
        finally
        {
            _lock.ExitRead();
        }
    }

    /// <summary>Fills a destination that lies within the file. The caller holds the lock in any mode, or is the commit.</summary>
    internal int ReadLoaded(long offset, Span<byte> destination)
    {
        if (_buffer.IsUsed)
        {
            _buffer.Content.Slice((int)offset, destination.Length).CopyTo(destination);
            return 0;
        }
        if (_working is null)
        {
            ReadBase(offset, destination);
            return 0;
        }
        while (!destination.IsEmpty)
        {
            long block = offset / BlockMap.BlockBytes;
            long lastBlock = (offset + destination.Length - 1) / BlockMap.BlockBytes;
            long runEnd = _working.Blocks.RunEnd(block, lastBlock + 1) * BlockMap.BlockBytes;
            Span<byte> part = destination[..(int)Math.Min(destination.Length, runEnd - offset)];
            int result = 0;
            if (_working.Blocks[block])
                result = _working.Read(offset, part);
            else
                ReadBase(offset, part);
            if (result < 0)
                return result;
            offset += part.Length;
            destination = destination[part.Length..];
        }
        return 0;
    }

    internal int Write(long offset, ReadOnlySpan<byte> data)
    {
        _lock.EnterWrite();
        try
        {
            Load();
            return WriteLoaded(offset, data);
        }
        finally
        {
            _lock.ExitWrite();
        }
    }

    private int WriteLoaded(long offset, ReadOnlySpan<byte> data)
    {
        long newSize = Math.Max(LogicalBytes, offset + data.Length);
        int result = Prepare(newSize);
        if (result < 0)
            return NoteRefusal(result);
        if (_buffer.IsUsed)
            data.CopyTo(_buffer.Content[(int)offset..]);
        else
        {
            result = _working!.Write(offset, data, LogicalBytes, _readBase);
            if (result == -(int)Errno.ENOSPC && CompressEarly(EarlyPace.StepBytes) > 0)
                result = _working.Write(offset, data, LogicalBytes, _readBase);
        }
        if (result < 0)
            return Fail(result);
        LogicalBytes = newSize;
        Touch();
        // In the writer's own time, which so is slowed to what the disk has room for.
        if (_working is not null && _earlyPace.IsDue(_working, newSize, _services.Options.BacklogBytes))
            _ = CompressEarly(EarlyPace.StepBytes);
        return data.Length;
    }

    /// <summary>
    /// Moves the beginning of a new file that is written in order from the working copy to early frames. Returns how much, or −errno; what is not moved stays
    /// where it is.
    /// </summary>
    private long CompressEarly(long bytes)
    {
        int frameBytes = _services.Options.FrameBytes;
        if (_early is null ? _baseLimit != 0 || IsUnnamed : _early.LogicalBytes != _baseLimit)
            return 0;
        long end = _baseLimit;
        while (end - _baseLimit < bytes && end + frameBytes <= LogicalBytes && _working!.Blocks.All(end / BlockMap.BlockBytes, (end + frameBytes) / BlockMap.BlockBytes))
            end += frameBytes;
        if (end == _baseLimit)
            return 0;
        int result = _early is null ? EarlyFrames.Create(_services, _services.State!, _working!.Id, out _early) : 0;
        if (result >= 0)
            result = _early!.Append(this, end);
        // What fsync put on disk must be there in its new place before it leaves the old one.
        if (result >= 0 && _working!.IsDurable)
            result = _early!.Synchronize();
        if (result >= 0)
            result = _working!.GiveUp(_baseLimit, end);
        if (result < 0)
            return result;
        long moved = end - _baseLimit;
        _baseLimit = end;
        return moved;
    }

    internal int Truncate(long size)
    {
        _lock.EnterWrite();
        try
        {
            // Nothing of the base is needed for an empty file: it may even be damaged.
            if (size > 0)
                Load();
            else if (!_isLoaded)
                (LogicalBytes, _baseLimit, _isLoaded) = (0, 0, true);
            return TruncateLoaded(size);
        }
        finally
        {
            _lock.ExitWrite();
        }
    }

    private int TruncateLoaded(long size)
    {
        int result = Prepare(size);
        if (result < 0)
            return NoteRefusal(result);
        // Where a close came before, and its commit still waits, the base is not the old version.
        bool replaces = _replacesBase || size == 0 && !Base.IsFresh && !IsDirty;
        if (_buffer.IsUsed)
            _buffer.Resize((int)LogicalBytes, (int)size);
        else
        {
            // A next mount must not take a file that was only emptied yet for what its writer wanted.
            if (replaces != _working!.Record.IsIncomplete)
                result = _working.WriteRecord(_working.Record with { IsIncomplete = replaces });
            if (result >= 0)
                result = _working.Resize(LogicalBytes, size);
            // In between, the working copy's length hides what the limit will.
            if (result >= 0 && size < _baseLimit)
                result = _working.WriteRecord(_working.Record with { BaseLimit = size });
            if (result < 0)
                return Fail(result);
        }
        _baseLimit = Math.Min(_baseLimit, size);
        _replacesBase = replaces;
        LogicalBytes = size;
        Touch();
        return 0;
    }

    /// <summary>Makes a range read as zeros without changing the length (fallocate's PUNCH_HOLE and ZERO_RANGE).</summary>
    internal int Zero(long offset, long length)
    {
        _lock.EnterWrite();
        try
        {
            Load();
            long end = Math.Min(LogicalBytes, offset + length);
            ReadOnlySpan<byte> zeros = ZeroBytes.Block;
            int result = 0;
            for (; offset < end && result >= 0; offset += zeros.Length)
                result = WriteLoaded(offset, zeros[..(int)Math.Min(zeros.Length, end - offset)]);
            return Math.Min(result, 0);
        }
        finally
        {
            _lock.ExitWrite();
        }
    }

    /// <summary>Keeps commits and writers out while the modification time is set, which is done under the node's gate: the content's lock comes first.</summary>
    internal void EnterTimeChange() => _lock.EnterWrite();

    /// <summary>A commit keeps the time, and the base with another time is the same base. The caller holds the node's gate too.</summary>
    internal void NoteTimes(Timestamp modify, in Statx stored)
    {
        StoredIdentity same = StoredIdentity.Of(stored);
        if (same.InodeNumber != Published.InodeNumber)
            return;
        ModifyTime = modify;
        NotePublished(stored);
        Base.NoteTimes(same);
        if (_working is not null)
            _ = _working.WriteRecord(_working.Record with { Base = same, ModifyTime = modify });
    }

    internal void ExitTimeChange() => _lock.ExitWrite();

    /// <summary>
    /// When it returns 0, what was written survives this process: the next mount commits it. −EOPNOTSUPP where the source cannot keep it but in a
    /// stored file.
    /// </summary>
    internal int Persist()
    {
        _lock.EnterWrite();
        try
        {
            if (!IsDirty)
                return 0;
            if (_services.State is not { WorkingCopiesSurvive: true })
                return -(int)Errno.EOPNOTSUPP;
            int result = _buffer.IsUsed ? MoveToWorkingCopy() : 0;
            if (result >= 0)
                result = _working!.WriteRecord(_working.Record with { ModifyTime = ModifyTime, IsIncomplete = false });
            _replacesBase &= result < 0;
            return result;
        }
        finally
        {
            _lock.ExitWrite();
        }
    }

    /// <summary>What was persisted is on disk when it returns 0.</summary>
    internal int Synchronize()
    {
        _lock.EnterCommit();
        try
        {
            int result = IsDirty && _early is not null ? _early.Synchronize() : 0;
            if (result >= 0)
                result = IsDirty && _working is not null ? _working.Synchronize() : SystemCallsFile.Synchronize(Base.Stored);
            if (result >= 0)
                DirtySince = 0;
            return result;
        }
        finally
        {
            _lock.ExitCommit();
        }
    }

    /// <summary>
    /// Content that a power cut must not take, because another file's goes for it: on disk when it returns 0. −EOPNOTSUPP where that takes a commit.
    /// </summary>
    internal int Settle()
    {
        int result = Persist();
        if (result < 0)
            return result;
        _lock.EnterCommit();
        try
        {
            if (IsDirty && _early is not null && _early.Synchronize() is < 0 and var failed)
                return failed;
            if (IsDirty)
                return _working is not null ? _working.Synchronize() : 0;
            bool isOnDisk = !SourceTree.TryReadRecord(Base.Stored, out SizeRecord record) || record.Epoch != _services.State!.Epoch;
            return isOnDisk ? 0 : SystemCallsFile.SynchronizeData(Base.Stored);
        }
        finally
        {
            _lock.ExitCommit();
        }
    }

    /// <summary>Forgets a replacement that could not be written whole: the old version is the file again.</summary>
    internal void Revert()
    {
        _lock.EnterWrite();
        try
        {
            if (CutShort == 0)
                return;
            _working?.Discard();
            _working = null;
            _early?.Discard();
            _early = null;
            _earlyPace = default;
            _buffer.Release();
            IsDirty = _replacesBase = _isLoaded = false;
            _failure = _refusal = 0;
            DirtySince = 0;
            Node.CachedVersion = 0;
        }
        finally
        {
            _lock.ExitWrite();
        }
        _services.Log.Error($"{Node.AnyLink?.NativeName.ToString()}: not all of its new content could be written; the old version stays");
    }

    /// <summary>A file made with O_TMPFILE is about to get a name.</summary>
    internal int NoteNamed()
    {
        _lock.EnterWrite();
        try
        {
            int result = _working?.NoteNamed() ?? 0;
            IsUnnamed = result < 0;
            return result;
        }
        finally
        {
            _lock.ExitWrite();
        }
    }

    /// <summary>The last name is gone: nobody will look for what was written.</summary>
    internal void ForgetName()
    {
        _lock.EnterWrite();
        _working?.ForgetName();
        _early?.ForgetName();
        _lock.ExitWrite();
    }

    /// <summary>The name is another now. A hint for the next mount, so an error does not matter.</summary>
    internal void NotePath(ReadOnlySpan<byte> path)
    {
        _lock.EnterWrite();
        _working?.WritePath(path);
        _lock.ExitWrite();
    }

    /// <summary>
    /// Runs a commit: the committer makes the next base while readers go on; then it takes the place of the old one. Returns 0 or −errno; after an error
    /// the content stays dirty and as it was.
    /// </summary>
    /// <param name="committer">Makes the next base.</param>
    /// <param name="yields">Nobody waits: −EAGAIN as soon as somebody wants to write.</param>
    internal int Commit(Committer committer, bool yields)
    {
        _lock.EnterCommit();
        try
        {
            if (!IsDirty)
                return 0;
            CommittedAt = Stopwatch.GetTimestamp();
            int result = committer.Build(this, yields, out StoredBase? next);
            NoteCommit(result, isBackground: yields);
            if (result < 0 || next is null)
                return result;
            _lock.BecomeExclusive();
            StoredBase old = Base;
            Base = next;
            if (old.Stored != next.Stored)
                old.Dispose();
            _baseLimit = LogicalBytes;
            _working?.Discard();
            _working = null;
            _early?.Discard();
            _early = null;
            _earlyPace = default;
            IsDirty = _replacesBase = false;
            _refusal = 0;
            DirtySince = 0;
            return 0;
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            int result = ContentFault.Report(e, this, _services.Log);
            NoteCommit(result, isBackground: yields);
            return result;
        }
        finally
        {
            _lock.ExitCommit();
        }
    }

    private void NoteCommit(int result, bool isBackground)
    {
        if (result == -(int)Errno.EAGAIN)
            return;
        CommitError = Math.Min(result, 0);
        if (isBackground)
            _untold = CommitError;
    }

    /// <summary>A commit that nobody waited for failed: told once, to whoever closes or synchronises the file next. 0 or −errno.</summary>
    internal int TakeUntoldError() => Interlocked.Exchange(ref _untold, 0);

    /// <summary>
    /// The source has another version by now, which stays. What was written is kept as a plain file in <c>.zstdfs/lost</c>, completed from the base that it
    /// was written over.
    /// </summary>
    internal void MoveToLost()
    {
        _lock.EnterWrite();
        try
        {
            int result = _buffer.IsUsed ? MoveToWorkingCopy() : 0;
            if (result >= 0)
                result = _working!.Complete(Math.Min(_baseLimit, LogicalBytes), LogicalBytes, ReadBase);
            if (result >= 0)
                result = _working!.MoveToLost();
            if (result >= 0)
                _early?.ForgetName();
            string name = _working is null ? "?" : System.Text.Encoding.ASCII.GetString(_working.Name);
            if (result < 0)
                _services.Log.Error($"what was written could not be kept as .zstdfs/lost/{name} ({(Errno)(-result)})");
            else
                _services.Log.Error($"what was written is kept as .zstdfs/lost/{name}");
        }
        catch (Exception e) when (ContentFault.IsExpected(e))
        {
            ContentFault.Report(e, this, _services.Log);
        }
        finally
        {
            _lock.ExitWrite();
        }
    }

    /// <summary>The commit is about to change the base itself: readers wait until it is done.</summary>
    internal void LockOutReaders() => _lock.BecomeExclusive();

    /// <summary>The commit's new version has the name. The caller holds the node's gate.</summary>
    internal void NotePublished(in Statx stored)
    {
        StoredIdentity next = StoredIdentity.Of(stored);
        // The kernel's pages hold this content: the writes went through them.
        if (Node.CachedVersion == Published.Version)
            Node.CachedVersion = next.Version;
        Published = next;
        _services.NotePublication();
    }

    /// <summary>
    /// The stored file that the name leads to, as an open file. False where a commit is just replacing it, or somebody did in the source: then the name knows.
    /// </summary>
    internal bool TryRentStored(bool hasName, out DescriptorLease lease)
    {
        StoredBase current = Base;
        lease = default;
        try
        {
            lease = new DescriptorLease(current.Stored);
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
        if (!hasName || current.Identity.InodeNumber == Published.InodeNumber && SystemCallsAt.Stat(current.Stored, out Statx stat) >= 0 && stat.LinkCount > 0)
            return true;
        lease.Dispose();
        return false;
    }

    /// <summary>Attributes of the stored file without walking to its name, where this content has all the rest that stat(2) shows.</summary>
    internal bool TryStat(out Statx stat, out long logicalBytes)
    {
        (stat, logicalBytes) = (default, 0);
        if (!Volatile.Read(ref _isLoaded))
            return false;
        try
        {
            StoredBase current = Base;
            if (SystemCallsAt.Stat(current.Stored, out stat) < 0 || stat.LinkCount == 0)
                return false;
            logicalBytes = LogicalBytes;
            // What somebody wrote into the stored file itself is not this content.
            return IsDirty || StoredIdentity.Of(stat) == current.Identity;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>The length, finding it out where need be.</summary>
    internal long LoadedBytes()
    {
        _lock.EnterRead();
        try
        {
            Load();
            return LogicalBytes;
        }
        finally
        {
            _lock.ExitRead();
        }
    }

    /// <summary>Makes the length known. The caller holds the lock in any mode.</summary>
    private void Load()
    {
        if (Volatile.Read(ref _isLoaded))
            return;
        lock (_lock)
        {
            if (_isLoaded)
                return;
            LogicalBytes = _baseLimit = Base.LogicalBytes;
            Volatile.Write(ref _isLoaded, true);
        }
    }

    private void ReadBase(long offset, Span<byte> destination)
    {
        int count = (int)Math.Clamp(_baseLimit - offset, 0, destination.Length);
        if (count > 0)
            Lower.Read(offset, destination[..count]);
        destination[count..].Clear();
    }

    /// <summary>Makes a place for a file of this length to be written to: memory while it is small and the budget lasts, else a working copy.</summary>
    private int Prepare(long size)
    {
        if (_failure < 0)
            return _failure;
        if (_working is not null)
            return 0;
        long longest = Math.Max(size, LogicalBytes);
        if (longest <= _services.Options.FrameBytes && _buffer.TryGrow((int)longest, (int)LogicalBytes, _readBase))
            return 0;
        return MoveToWorkingCopy();
    }

    private int MoveToWorkingCopy()
    {
        var record = new WorkingCopyRecord
        {
            InodeNumber = Node.Id,
            Base = Base.Identity,
            BaseLimit = _buffer.IsUsed ? 0 : _baseLimit,
            ModifyTime = IsDirty ? ModifyTime : Base.Identity.ModifyTime,
            IsIncomplete = _replacesBase,
        };
        int result = WorkingCopy.Create(_services, record, IsUnnamed, out WorkingCopy working);
        if (result < 0)
            return result;
        result = working.Resize(0, LogicalBytes);
        if (result >= 0 && _buffer.IsUsed)
            result = working.Write(0, _buffer.Content[..(int)LogicalBytes], LogicalBytes, static (_, rest) => rest.Clear());
        if (result >= 0)
            result = working.Describe(Node.LogicalPath());
        if (result < 0)
        {
            working.Discard();
            return result;
        }
        _baseLimit = record.BaseLimit;
        _buffer.Release();
        _working = working;
        return 0;
    }

    private void Touch()
    {
        IsDirty = true;
        if (DirtySince == 0)
            DirtySince = Stopwatch.GetTimestamp();
        ModifyTime = ChangeTime = Timestamp.Now();
    }

    private int NoteRefusal(int result) => _refusal = result;

    /// <summary>A write that failed in part leaves a working copy nobody can vouch for: a full disk may be retried, anything else not.</summary>
    private int Fail(int result)
    {
        if (result is not (-(int)Errno.ENOSPC or -(int)Errno.EDQUOT))
            _failure = result;
        return NoteRefusal(result);
    }

    /// <summary>Nobody has it open. An uncommitted working copy of a file that still has a name stays for the next mount; of a deleted one it goes.</summary>
    public void Dispose()
    {
        if (_working is not null && (!IsDirty || Node.AnyLink is null))
        {
            _working.Discard();
            _early?.Discard();
        }
        else
        {
            _working?.Dispose();
            _early?.Dispose();
        }
        _buffer.Release();
        Base.Dispose();
    }
}

/// <summary>A block of zeros to write from.</summary>
internal static class ZeroBytes
{
    private static readonly byte[] Zeros = new byte[128 * 1024];

    internal static ReadOnlySpan<byte> Block => Zeros;
}
