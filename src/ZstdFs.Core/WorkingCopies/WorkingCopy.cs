using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.WorkingCopies;

/// <summary>
/// The overlay of one file on disk: a sparse file in <c>.zstdfs/working</c> that holds the written blocks at their
/// logical offsets and is as long as the logical file. With its attribute (which file it belongs to, which base it lies
/// over, up to where the base counts) it is its own redo journal. Not synchronised: the caller holds the content's
/// lock.
/// </summary>
internal sealed class WorkingCopy : IDisposable
{
    private const int BlockBytes = BlockMap.BlockBytes;

    /// <summary>
    /// Not an errno: the disk did not take all of it. What there is of it is in <c>.zstdfs/lost</c>, as the log says.
    /// </summary>
    internal const int IsLost = 1;

    private readonly StateFolder _state;
    private readonly FileDescriptor _file;
    private readonly DurableFile _durable;
    private readonly BlockMap _blocks = new();

    // Blocks that may have been written since the last sync. Blocks without content may be among them.
    private readonly BlockMap _unsynced = new();
    private readonly WorkingCopyPlace _place;
    private readonly WorkingCopyAttributes _attributes;
    private bool _wasEmptied;

    internal WorkingCopy(StateFolder state, WorkingName name, FileDescriptor file, in WorkingCopyRecord record)
    {
        (_state, _file) = (state, file);
        _place = new WorkingCopyPlace(state, name);
        _attributes = new WorkingCopyAttributes(state, file, record);
        _durable = new DurableFile(file, _blocks, _unsynced);
    }

    internal BlockMap Blocks => _blocks;

    /// <inheritdoc cref="WorkingCopyAttributes.Zeros"/>
    internal ZeroRanges Zeros => _attributes.Zeros;

    /// <inheritdoc cref="WorkingCopyAttributes.Record"/>
    internal WorkingCopyRecord Record => _attributes.Record;

    internal FileDescriptor File => _file;

    /// <summary>What the disk refused of it.</summary>
    internal DurableFile Durable => _durable;

    /// <summary>It is lent to the kernel, which writes to it without telling the daemon (passthrough).</summary>
    internal bool IsLent => _attributes.IsLent;

    internal WorkingName Id => _place.Name;

    /// <summary>Name in the working folder, for the log.</summary>
    internal ReadOnlySpan<byte> Name => _place.Name.Terminated().AsSpan()[..^1];

    /// <summary>Its file's own modification time when it was found.</summary>
    internal Timestamp LeftModifyTime { private get; init; }

    /// <summary>
    /// When the content that an earlier mount left was changed last, as its users saw it. The file's own modification
    /// time tells of writes after the record. Where it is equal to the content's, the daemon has set it to lend the
    /// copy, and the record counts.
    /// </summary>
    internal Timestamp LeftChangeTime =>
        Record.ChangeTime > LeftModifyTime || Record.ChangeTime != default && LeftModifyTime == Record.ModifyTime
            ? Record.ChangeTime : LeftModifyTime;

    /// <summary>
    /// Makes an empty working copy. No mount takes it up before <see cref="Describe"/>. Returns 0 or −errno.
    /// </summary>
    internal static int Create(
        StorageServices services, in WorkingCopyRecord record, bool isUnnamed, out WorkingCopy copy)
    {
        copy = null!;
        if (services.State is not { } state)
            return -(int)Errno.EROFS;
        var name = new WorkingName(
            isUnnamed ? WorkingRole.UnnamedCopy : WorkingRole.Copy,
            record.InodeNumber,
            state.Epoch,
            services.NextTemporary());
        int result = state.CreateWorkingFile(name, out FileDescriptor file);
        if (result < 0)
            return result;
        copy = new WorkingCopy(state, name, file, record);
        return 0;
    }

    /// <summary>
    /// Opens a copy that an earlier mount left. −ENODATA where it has no record, −EBADMSG where the record or the
    /// name makes no sense, <see cref="IsLost"/>, or another error.
    /// </summary>
    internal static int Open(
        StorageServices services,
        StateFolder state,
        ReadOnlySpan<byte> terminatedName,
        out WorkingCopy copy,
        out long logicalBytes) =>
        LeftWorkingCopy.Open(services, state, terminatedName, out copy, out logicalBytes);

    /// <summary>Finds what an earlier mount wrote to it. 0 or −errno.</summary>
    internal int LoadLeft(long logicalBytes)
    {
        _place.NoteLeft();
        _unsynced.Set(0, BlockMap.CountOf(logicalBytes));
        int result = _attributes.LoadZeros();
        return result == 0 ? HoleMap.Load(_file, _blocks, logicalBytes) : result;
    }

    /// <summary>
    /// Records which file it belongs to, so that the next mount takes it up. Called when everything written so far is
    /// in it.
    /// </summary>
    internal int Describe(ReadOnlySpan<byte> path) => _attributes.Describe(path);

    /// <inheritdoc cref="WorkingCopyAttributes.WriteRecord"/>
    internal int WriteRecord(in WorkingCopyRecord record) => _attributes.WriteRecord(record);

    /// <inheritdoc cref="WorkingCopyAttributes.NoteReturned"/>
    internal void NoteReturned(in StoredIdentity @base, Timestamp modify, Timestamp change) =>
        _attributes.NoteReturned(@base, modify, change);

    /// <inheritdoc cref="WorkingCopyAttributes.NoteRedo"/>
    internal void NoteRedo() => _attributes.NoteRedo();

    /// <inheritdoc cref="WorkingCopyAttributes.WritePath"/>
    internal void WritePath(ReadOnlySpan<byte> path) => _attributes.WritePath(path);

    /// <inheritdoc cref="WorkingCopyAttributes.ReadPath"/>
    internal byte[] ReadPath() => _attributes.ReadPath();

    /// <inheritdoc cref="WorkingCopyAttributes.MayBeOfNone"/>
    internal bool MayBeOfNone => _attributes.MayBeOfNone;

    /// <inheritdoc cref="WorkingCopyAttributes.Limit"/>
    internal void Limit(long baseLimit) => _attributes.Limit(baseLimit);

    /// <summary>The kernel has finished writing to it: what is no hole was written.</summary>
    internal void FindBlocks(long size)
    {
        _blocks.ClearFrom(0);
        _unsynced.Set(0, BlockMap.CountOf(size));
        // What the disk refused may look like a hole.
        if (_durable.Check() < 0 || HoleMap.Read(_file, _blocks, size) < 0)
            _blocks.Set(0, BlockMap.CountOf(size));
    }

    /// <summary>
    /// Whether a block between the base limit and the end was left out, or a range of the base punched out.
    /// </summary>
    internal bool HasHoles(long baseLimit, long size) =>
        !Zeros.IsEmpty || !_blocks.All(BlockMap.CountOf(baseLimit), BlockMap.CountOf(size));

    /// <inheritdoc cref="HoleMap.IsHole"/>
    internal bool IsHole(long offset, out long end) => HoleMap.IsHole(_file, offset, out end);

    /// <summary>
    /// Writes content. A block that is written in part for the first time is completed from what was there before
    /// (<paramref name="readBelow"/>), so that the file's hole map says exactly what has been written.
    /// </summary>
    internal int Write(long offset, ReadOnlySpan<byte> data, long size, ReadBelow readBelow)
    {
        if (IsLent)
            return Math.Min(SystemCallsFile.Write(_file, offset, data), 0);
        int result = _durable.Complete();
        long end = offset + data.Length;
        long newSize = Math.Max(size, end);
        if (result >= 0 && newSize > size)
            result = _attributes.CompleteLimit();
        if (result < 0)
            return result;
        // Also what a write leaves in the page cache that fails half-way.
        _unsynced.Set(offset / BlockBytes, BlockMap.CountOf(end));
        while (offset < end)
        {
            long block = offset / BlockBytes;
            int within = (int)(offset % BlockBytes);
            bool partial = within != 0 || end - offset < BlockBytes;
            int count = partial
                ? (int)Math.Min(BlockBytes - within, end - offset)
                : (int)((end - offset) / BlockBytes * BlockBytes);
            result = partial && !_blocks[block]
                ? BlockCompletion.Write(_file, block, within, data[..count], newSize, readBelow)
                : SystemCallsFile.Write(_file, offset, data[..count]);
            if (result < 0)
            {
                // The file's length is the logical size: what this write left behind that must not count as content.
                if (end > size && SystemCallsFile.Truncate(_file, size) >= 0)
                    _blocks.ClearFrom(BlockMap.CountOf(size));
                // No mount takes up a copy that does not survive this one.
                return _state.WorkingCopiesSurvive
                    && HoleMap.TakeBack(_file, _blocks, block, Math.Min(offset + count, size)) < 0
                        ? -(int)Errno.EIO : result;
            }
            _blocks.Set(block, BlockMap.CountOf(offset + count));
            offset += count;
            data = data[count..];
        }
        return 0;
    }

    /// <inheritdoc cref="BlockCompletion.Complete"/>
    internal int Complete(long limit, long size, ReadBelow readBelow) =>
        BlockCompletion.Complete(this, limit, size, readBelow);

    /// <summary>Content of written blocks.</summary>
    internal int Read(long offset, Span<byte> destination)
    {
        int count = SystemCallsFile.Read(_file, offset, destination);
        if (count >= 0 && count < destination.Length)
            destination[count..].Clear();
        _durable.FillIn(offset, destination);
        return Math.Min(count, 0);
    }

    /// <summary>
    /// Records that early frames hold everything up to <paramref name="limit"/>, and gives up the space from
    /// <paramref name="from"/> to there.
    /// </summary>
    internal int GiveUp(long from, long limit)
    {
        int result = _durable.Complete();
        if (result >= 0)
            result = _attributes.CompleteLimit();
        if (result >= 0)
            result = WriteRecord(Record with { BaseLimit = limit, HasEarlyFrames = true });
        if (result < 0)
            return result;
        _blocks.Clear(from / BlockBytes, limit / BlockBytes);
        // Where the disk refuses that, the same content is in both.
        _ = SystemCallsFile.Allocate(_file, AllocateFlags.PunchHole | AllocateFlags.KeepSize, from, limit - from);
        return 0;
    }

    /// <summary>
    /// Makes whole blocks read as zeros without writing them. False where that fails: the caller must write zeros,
    /// because some of the range may read as zeros already.
    /// </summary>
    internal bool TryPunch(long first, long end, long baseLimit)
    {
        if (_durable.Complete() < 0)
            return false;
        ZeroRanges before = Zeros.Copy();
        // The range is recorded before the content goes, so that the base never shows in its place.
        if (first < baseLimit && !_attributes.TryAddZeros(first, Math.Min(end, baseLimit)))
            return false;
        if (SystemCallsFile.Allocate(_file, AllocateFlags.PunchHole | AllocateFlags.KeepSize, first, end - first) < 0)
        {
            // The base must show again. But where the range had written blocks, some of them may be gone, and the base
            // must not show in their place.
            if (first < baseLimit && !_blocks.Any(first / BlockBytes, end / BlockBytes))
                _attributes.TakeBackZeros(before);
            return false;
        }
        _blocks.Clear(first / BlockBytes, end / BlockBytes);
        return true;
    }

    /// <summary>Sets the logical size.</summary>
    internal int Resize(long oldSize, long newSize)
    {
        int result = _durable.Complete();
        if (result >= 0 && newSize > oldSize)
            result = _attributes.CompleteLimit();
        if (result < 0)
            return result;
        _unsynced.Set(newSize / BlockBytes, BlockMap.CountOf(newSize)); // the kernel clears the rest of this block
        result = SystemCallsFile.Truncate(_file, newSize);
        if (result >= 0 && newSize < oldSize)
            _blocks.ClearFrom(BlockMap.CountOf(newSize));
        _wasEmptied |= newSize == 0;
        return result;
    }

    /// <summary>Content, size and record are on disk when it returns 0.</summary>
    internal int Synchronize()
    {
        int result = _durable.Synchronize();
        if (result < 0)
            return result;
        // While it is lent, the kernel writes at the same time. FindBlocks takes all of it for unsynced afterwards.
        _unsynced.ClearFrom(0);
        return _place.Synchronize();
    }

    /// <inheritdoc cref="WorkingCopyPlace.IsDurable"/>
    internal bool IsDurable => _place.IsDurable;

    /// <inheritdoc cref="WorkingCopyPlace.NoteNamed"/>
    internal int NoteNamed()
    {
        _attributes.NoteNoPathYet();
        return _place.NoteNamed();
    }

    /// <inheritdoc cref="WorkingCopyPlace.NoteUnnamed"/>
    internal int NoteUnnamed() => _place.NoteUnnamed();

    /// <inheritdoc cref="WorkingCopyPlace.Forget"/>
    internal void ForgetName() => _place.Forget();

    /// <inheritdoc cref="WorkingCopyPlace.MoveToLost()"/>
    internal int MoveToLost() => _place.MoveToLost();

    /// <inheritdoc cref="WorkingCopyPlace.MoveAsItIsToLost"/>
    internal int MoveAsItIsToLost() => _place.MoveAsItIsToLost();

    /// <summary>
    /// Moves it to <c>lost</c> with what it was written over put into it, as far as that can be decoded. Unwritten
    /// blocks of a frame that cannot be decoded are holes.
    /// </summary>
    internal int CompleteAndMoveToLost(
        long baseLimit, long logicalBytes, ReadBelow below, Func<long, long> endOfFrame)
    {
        int result = BlockCompletion.CompleteReadable(this, baseLimit, logicalBytes, below, endOfFrame);
        return result < 0 ? result : MoveToLost();
    }

    /// <summary>Removes the copy: its content is in the stored file, or was given up.</summary>
    internal void Discard()
    {
        ForgetName();
        // ext4 takes an emptied file for one that is being replaced in place, and writes all of it to the disk at close
        // (auto_da_alloc), even where it was removed. So a removed copy is emptied first. A copy that could not be
        // removed must not be: its length would say that the content is empty.
        if (_wasEmptied && _place.IsUnlinked && !IsLent)
            _ = SystemCallsFile.Truncate(_file, 0);
        Dispose();
    }

    /// <summary>
    /// Removes a copy that holds a part of what was refused. Where its name stays, no next mount takes it up.
    /// </summary>
    internal void DiscardRefused()
    {
        ForgetName();
        if (!_place.IsUnlinked)
            _attributes.RemoveRecord();
        Discard();
    }

    public void Dispose() => _file.Dispose();
}
