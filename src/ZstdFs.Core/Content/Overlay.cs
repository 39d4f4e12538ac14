using System.Diagnostics;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// A committed base under what was written since. Small content is edited in memory, larger in a working copy; the beginning of a long new file moves on
/// to early frames. Not synchronised: the content's lock is.
/// </summary>
internal sealed class Overlay : IDisposable
{
    private readonly ContentServices _services;
    private readonly Node _node;
    private readonly ContentBuffer _buffer;
    private readonly ReadBelow _readBelow;
    private bool _isLoaded;
    private EarlyFrames? _early;
    private EarlyPace _earlyPace;
    private int _failure;

    // Packed, because attributes are read beside writers.
    private long _modifyTime;
    private long _changeTime;

    internal Overlay(ContentServices services, Node node, StoredBase @base)
    {
        (_services, _node, Base) = (services, node, @base);
        _buffer = new ContentBuffer(services);
        _readBelow = ReadBelow;
    }

    /// <summary>What an earlier mount left uncommitted.</summary>
    internal Overlay(ContentServices services, Node node, StoredBase @base, WorkingCopy left, EarlyFrames? early, long logicalBytes)
        : this(services, node, @base)
    {
        (Working, _early, BaseLimit, LogicalBytes, IsDirty, _isLoaded) = (left, early, left.Record.BaseLimit, logicalBytes, true, true);
        ModifyTime = left.Record.ModifyTime;
        ChangeTime = Timestamp.Now();
    }

    /// <summary>The committed version.</summary>
    internal StoredBase Base { get; private set; }

    /// <summary>Up to where the base, or what early frames hold, shows through where nothing was written.</summary>
    internal long BaseLimit { get; private set; }

    /// <summary>Length in bytes.</summary>
    internal long LogicalBytes { get; private set; }

    /// <summary>The length is known.</summary>
    internal bool IsLoaded => Volatile.Read(ref _isLoaded);

    /// <summary>There is something to commit.</summary>
    internal bool IsDirty { get; private set; }

    /// <summary>Since when there is something that is not on disk, by Stopwatch; 0 where there is nothing.</summary>
    internal long DirtySince { get; private set; }

    /// <summary>Emptied to be written anew, and neither closed nor synchronised since: until then the old version is the one that counts.</summary>
    internal bool ReplacesBase { get; private set; }

    /// <summary>Opened with O_TMPFILE, and not linked yet: it has no name, and may get one.</summary>
    internal bool IsUnnamed { get; set; }

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

    internal WorkingCopy? Working { get; private set; }

    /// <summary>What shows through where nothing was written, up to <see cref="BaseLimit"/>.</summary>
    internal StoredBase Lower => _early?.Content ?? Base;

    /// <summary>Early frames that can become the next version as they are, with the rest behind them; null where there are none.</summary>
    internal EarlyFrames? CompleteEarlyFrames =>
        _early is { Name.Role: WorkingRole.Early } early && early.LogicalBytes == BaseLimit && !Working!.Blocks.Any(0, BaseLimit / BlockMap.BlockBytes) ? early : null;

    internal bool IsBuffered => _buffer.IsUsed;

    /// <summary>The whole content of a buffered file, for the commit.</summary>
    internal ReadOnlySpan<byte> BufferedContent => _buffer.Content[..(int)LogicalBytes];

    /// <summary>Makes the length known. Beside other readers too.</summary>
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

    /// <summary>Fills a destination that lies within the file. 0 or −errno.</summary>
    internal int Read(long offset, Span<byte> destination)
    {
        if (_buffer.IsUsed)
        {
            _buffer.Content.Slice((int)offset, destination.Length).CopyTo(destination);
            return 0;
        }
        if (Working is null)
        {
            ReadBelow(offset, destination);
            return 0;
        }
        while (!destination.IsEmpty)
        {
            long block = offset / BlockMap.BlockBytes;
            long lastBlock = (offset + destination.Length - 1) / BlockMap.BlockBytes;
            long runEnd = Working.Blocks.RunEnd(block, lastBlock + 1) * BlockMap.BlockBytes;
            Span<byte> part = destination[..(int)Math.Min(destination.Length, runEnd - offset)];
            int result = 0;
            if (Working.Blocks[block])
                result = Working.Read(offset, part);
            else
                ReadBelow(offset, part);
            if (result < 0)
                return result;
            offset += part.Length;
            destination = destination[part.Length..];
        }
        return 0;
    }

    private void ReadBelow(long offset, Span<byte> destination)
    {
        int count = (int)Math.Clamp(BaseLimit - offset, 0, destination.Length);
        if (count > 0)
            Lower.Read(offset, destination[..count]);
        destination[count..].Clear();
    }

    /// <summary>Writes, and grows where need be. 0 or −errno; nothing is changed after an error.</summary>
    internal int Write(long offset, ReadOnlySpan<byte> data)
    {
        Load();
        long newSize = Math.Max(LogicalBytes, offset + data.Length);
        int result = Prepare(newSize);
        if (result < 0)
            return result;
        if (_buffer.IsUsed)
            data.CopyTo(_buffer.Content[(int)offset..]);
        else
        {
            result = Working!.Write(offset, data, LogicalBytes, _readBelow);
            if (result == -(int)Errno.ENOSPC && CompressEarly(EarlyPace.StepBytes) > 0)
                result = Working.Write(offset, data, LogicalBytes, _readBelow);
        }
        if (result < 0)
            return Fail(result);
        LogicalBytes = newSize;
        Touch();
        // In the writer's own time, which so is slowed to what the disk has room for.
        if (Working is not null && _earlyPace.IsDue(Working, newSize, _services.Options.BacklogBytes))
            _ = CompressEarly(EarlyPace.StepBytes);
        return 0;
    }

    /// <summary>Sets the length. 0 or −errno.</summary>
    internal int Resize(long size)
    {
        // Nothing of the base is needed for an empty file: it may even be damaged.
        if (size > 0)
            Load();
        else if (!_isLoaded)
            (LogicalBytes, BaseLimit, _isLoaded) = (0, 0, true);
        int result = Prepare(size);
        if (result < 0)
            return result;
        // Where a close came before, and its commit still waits, the base is not the old version.
        bool replaces = ReplacesBase || size == 0 && !Base.IsFresh && !IsDirty;
        if (_buffer.IsUsed)
            _buffer.Resize((int)LogicalBytes, (int)size);
        else
        {
            // A next mount must not take a file that was only emptied yet for what its writer wanted.
            if (replaces != Working!.Record.IsIncomplete)
                result = Working.WriteRecord(Working.Record with { IsIncomplete = replaces });
            if (result >= 0)
                result = Working.Resize(LogicalBytes, size);
            // In between, the working copy's length hides what the limit will.
            if (result >= 0 && size < BaseLimit)
                result = Working.WriteRecord(Working.Record with { BaseLimit = size });
            if (result < 0)
                return Fail(result);
        }
        BaseLimit = Math.Min(BaseLimit, size);
        ReplacesBase = replaces;
        LogicalBytes = size;
        Touch();
        return 0;
    }

    /// <summary>Makes a place for a file of this length to be written to: memory while it is small and the budget lasts, else a working copy.</summary>
    private int Prepare(long size)
    {
        if (_failure < 0)
            return _failure;
        if (Working is not null)
            return 0;
        long longest = Math.Max(size, LogicalBytes);
        if (longest <= _services.Options.FrameBytes && _buffer.TryGrow((int)longest, (int)LogicalBytes, _readBelow))
            return 0;
        return MoveToWorkingCopy();
    }

    private int MoveToWorkingCopy()
    {
        var record = new WorkingCopyRecord
        {
            InodeNumber = _node.Id,
            Base = Base.Identity,
            BaseLimit = _buffer.IsUsed ? 0 : BaseLimit,
            ModifyTime = IsDirty ? ModifyTime : Base.Identity.ModifyTime,
            IsIncomplete = ReplacesBase,
        };
        int result = WorkingCopy.Create(_services, record, IsUnnamed, out WorkingCopy working);
        if (result < 0)
            return result;
        result = working.Resize(0, LogicalBytes);
        if (result >= 0 && _buffer.IsUsed)
            result = working.Write(0, _buffer.Content[..(int)LogicalBytes], LogicalBytes, static (_, rest) => rest.Clear());
        if (result >= 0)
            result = working.Describe(_node.LogicalPath());
        if (result < 0)
        {
            working.Discard();
            return result;
        }
        BaseLimit = record.BaseLimit;
        _buffer.Release();
        Working = working;
        return 0;
    }

    /// <summary>
    /// Moves the beginning of a new file that is written in order from the working copy to early frames. Returns how much, or −errno; what is not moved stays
    /// where it is.
    /// </summary>
    private long CompressEarly(long bytes)
    {
        int frameBytes = _services.Options.FrameBytes;
        if (_early is null ? BaseLimit != 0 || IsUnnamed : _early.LogicalBytes != BaseLimit)
            return 0;
        long end = BaseLimit;
        while (end - BaseLimit < bytes && end + frameBytes <= LogicalBytes && Working!.Blocks.All(end / BlockMap.BlockBytes, (end + frameBytes) / BlockMap.BlockBytes))
            end += frameBytes;
        if (end == BaseLimit)
            return 0;
        int result = _early is null ? EarlyFrames.Create(_services, _services.State!, Working!.Id, out _early) : 0;
        if (result >= 0)
            result = _early!.Append(this, end);
        // What fsync put on disk must be there in its new place before it leaves the old one.
        if (result >= 0 && Working!.IsDurable)
            result = _early!.Synchronize();
        if (result >= 0)
            result = Working!.GiveUp(BaseLimit, end);
        if (result < 0)
            return result;
        long moved = end - BaseLimit;
        BaseLimit = end;
        return moved;
    }

    private void Touch()
    {
        IsDirty = true;
        if (DirtySince == 0)
            DirtySince = Stopwatch.GetTimestamp();
        ModifyTime = ChangeTime = Timestamp.Now();
    }

    /// <summary>A write that failed in part leaves a working copy nobody can vouch for: a full disk may be retried, anything else not.</summary>
    private int Fail(int result)
    {
        if (result is not (-(int)Errno.ENOSPC or -(int)Errno.EDQUOT))
            _failure = result;
        return result;
    }

    /// <summary>Somebody set the modification time: the base with another time is the same base.</summary>
    internal void NoteTimes(in StoredIdentity same, Timestamp modify)
    {
        ModifyTime = modify;
        Base.NoteTimes(same);
        if (Working is not null)
            _ = Working.WriteRecord(Working.Record with { Base = same, ModifyTime = modify });
    }

    /// <summary>When it returns 0, what was written survives this process.</summary>
    internal int Persist()
    {
        int result = _buffer.IsUsed ? MoveToWorkingCopy() : 0;
        if (result >= 0)
            result = Working!.WriteRecord(Working.Record with { ModifyTime = ModifyTime, IsIncomplete = false });
        ReplacesBase &= result < 0;
        return result;
    }

    /// <summary>What is in the working copy and in early frames is on disk when it returns 0.</summary>
    internal int Synchronize()
    {
        int result = _early?.Synchronize() ?? 0;
        return result >= 0 && Working is not null ? Working.Synchronize() : result;
    }

    /// <summary>All of it is on disk.</summary>
    internal void NoteSynchronized() => DirtySince = 0;

    /// <summary>A file made with O_TMPFILE is about to get a name.</summary>
    internal int NoteNamed()
    {
        int result = Working?.NoteNamed() ?? 0;
        IsUnnamed = result < 0;
        return result;
    }

    /// <summary>The last name is gone: nobody will look for what was written.</summary>
    internal void ForgetName()
    {
        Working?.ForgetName();
        _early?.ForgetName();
    }

    /// <summary>Keeps all of the content as a plain file in <c>.zstdfs/lost</c>, completed from what it was written over.</summary>
    internal int MoveToLost()
    {
        int result = _buffer.IsUsed ? MoveToWorkingCopy() : 0;
        if (result >= 0)
            result = Working!.CompleteAndMoveToLost(Math.Min(BaseLimit, LogicalBytes), LogicalBytes, _readBelow);
        if (result < 0)
            return result;
        _early?.ForgetName();
        // It is nobody's content any more that could be committed.
        (IsDirty, ReplacesBase, DirtySince, _failure) = (false, false, 0, -(int)Errno.ESTALE);
        return 0;
    }

    /// <summary>What was written became the next version.</summary>
    internal void Rebase(StoredBase next)
    {
        StoredBase old = Base;
        Base = next;
        if (old.Stored != next.Stored)
            old.Dispose();
        BaseLimit = LogicalBytes;
        Clear();
    }

    /// <summary>Forgets what was written: the base is the file again.</summary>
    internal void Revert()
    {
        Clear();
        _buffer.Release();
        _isLoaded = false;
        _failure = 0;
    }

    private void Clear()
    {
        Working?.Discard();
        Working = null;
        _early?.Discard();
        _early = null;
        _earlyPace = default;
        IsDirty = ReplacesBase = false;
        DirtySince = 0;
    }

    /// <summary>An uncommitted working copy of a file that still has a name stays for the next mount; of a deleted one it goes.</summary>
    public void Dispose()
    {
        if (!IsDirty || _node.AnyLink is null)
            Clear();
        Working?.Dispose();
        _early?.Dispose();
        _buffer.Release();
        Base.Dispose();
    }
}
