using System.Buffers;
using System.Text;
using ZstdFs.Core.Compression;
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
    private const int LongestPathHint = 3000;

    private readonly StateFolder _state;
    private readonly FileDescriptor _file;
    private readonly DurableFile _durable;
    private readonly BlockMap _blocks = new();
    private readonly ZeroRanges _zeros = new();
    private WorkingCopyRecord _record;
    private WorkingName _name;
    private bool _nameIsDurable;
    private bool _hasName = true;
    private bool _isUnlinked;
    private bool _wasEmptied;
    // What the record and the zero ranges on disk do not say yet.
    private long _dueLimit = long.MaxValue;
    private bool _mustWriteZeros;

    private WorkingCopy(StateFolder state, WorkingName name, FileDescriptor file, in WorkingCopyRecord record)
    {
        (_state, _name, _file, _record) = (state, name, file, record);
        _durable = new DurableFile(file, _blocks);
    }

    internal BlockMap Blocks => _blocks;

    /// <summary>
    /// Ranges where the base does not show through although nothing was written. All of them lie below the base limit.
    /// </summary>
    internal ZeroRanges Zeros => _zeros;

    /// <summary>What the next mount is to know: which file the copy belongs to, and what it lies over.</summary>
    internal WorkingCopyRecord Record =>
        _dueLimit < _record.BaseLimit ? _record with { BaseLimit = _dueLimit } : _record;

    internal FileDescriptor File => _file;

    /// <summary>It is lent to the kernel, which writes to it without telling the daemon (passthrough).</summary>
    internal bool IsLent => _record.IsLent;

    internal WorkingName Id => _name;

    /// <summary>Its file's own modification time when it was found.</summary>
    private Timestamp LeftModifyTime { get; init; }

    /// <summary>
    /// When the content that an earlier mount left was changed last, as its users saw it. The file's own modification
    /// time tells of writes after the record. Where it is equal to the content's, the daemon has set it to lend the
    /// copy, and the record counts.
    /// </summary>
    internal Timestamp LeftChangeTime =>
        _record.ChangeTime > LeftModifyTime || _record.ChangeTime != default && LeftModifyTime == _record.ModifyTime
            ? _record.ChangeTime : LeftModifyTime;

    /// <summary>Name in the working folder, for the log.</summary>
    internal ReadOnlySpan<byte> Name => _name.Terminated().AsSpan()[..^1];

    private static string Text(WorkingName name) => Encoding.ASCII.GetString(name.Terminated().AsSpan()[..^1]);

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
    /// Records which file it belongs to, so that the next mount takes it up. Called when everything written so far is
    /// in it.
    /// </summary>
    internal int Describe(ReadOnlySpan<byte> path)
    {
        int result = WriteRecord(_record);
        if (result >= 0 && _state.WorkingCopiesSurvive)
            WritePath(path);
        return result;
    }

    /// <summary>
    /// Not an errno: the disk did not take all of it. What there is of it is in <c>.zstdfs/lost</c>, as the log says.
    /// </summary>
    internal const int IsLost = 1;

    /// <summary>
    /// Opens a copy that an earlier mount left. −ENODATA where it has no record, −EBADMSG where the record or the
    /// name makes no sense, <see cref="IsLost"/>, or another error.
    /// </summary>
    internal static int Open(
        StorageServices services,
        StateFolder state,
        ReadOnlySpan<byte> terminatedName,
        out WorkingCopy copy,
        out long logicalBytes)
    {
        copy = null!;
        logicalBytes = 0;
        if (!WorkingName.TryParse(terminatedName[..^1], out WorkingName name))
            return -(int)Errno.EBADMSG;
        int result = services.Source.OpenWrite(state.Working, new NativeName(terminatedName), out FileDescriptor file);
        if (result < 0)
            return result;
        Span<byte> bytes = stackalloc byte[WorkingCopyRecord.Bytes];
        int length = ExtendedAttributes.Get(file, WorkingCopyRecord.AttributeName, bytes);
        result = SystemCallsAt.Stat(file, out Statx stat);
        if (PassingFault.Is(length))
            result = length;
        if (result < 0 || length < 0 || !WorkingCopyRecord.TryRead(bytes[..length], out WorkingCopyRecord record))
        {
            file.Dispose();
            return result < 0 ? result : -(int)(length == -(int)Errno.ENODATA ? Errno.ENODATA : Errno.EBADMSG);
        }
        logicalBytes = stat.Size;
        copy = new WorkingCopy(state, name, file, record) { LeftModifyTime = stat.ModifyTime.ToTimestamp() };
        // Blocks that a failing disk did not take count as holes already.
        result = SystemCallsFile.SynchronizeData(file);
        if (result < 0 && copy.MoveAsItIsToLost() >= 0)
        {
            string beginning = !record.HasEarlyFrames ? ""
                : $", and the beginning, compressed, as .zstdfs/lost/{Text(name.OfEarlyFrames())}";
            services.Log.Error("the disk did not take all of what was written before the last mount ended: "
                + $"what there is of it is kept as .zstdfs/lost/{Text(name)}{beginning}");
            result = IsLost;
        }
        // After a crash the next mount discards copies of this mount only. This one is of an earlier mount, so it
        // stays.
        copy._nameIsDurable = result == 0;
        if (result == 0)
            result = copy.LoadZeros();
        if (result == 0)
            result = copy.LoadBlocks(logicalBytes);
        if (result != 0)
            copy.Dispose();
        return result;
    }

    /// <summary>
    /// Reads only the record of a copy that an earlier mount left. False where there is none, or it cannot be read.
    /// </summary>
    internal static bool TryReadRecord(
        StorageServices services,
        StateFolder state,
        ReadOnlySpan<byte> terminatedName,
        out WorkingCopyRecord record)
    {
        record = default;
        if (services.Source.OpenRead(state.Working, new NativeName(terminatedName), out FileDescriptor file) < 0)
            return false;
        using (file)
        {
            Span<byte> bytes = stackalloc byte[WorkingCopyRecord.Bytes];
            int length = ExtendedAttributes.Get(file, WorkingCopyRecord.AttributeName, bytes);
            return length >= 0 && WorkingCopyRecord.TryRead(bytes[..length], out record);
        }
    }

    /// <summary>The file's own hole map is the record of what was written.</summary>
    private int LoadBlocks(long size)
    {
        // When the machine stopped, space may have been allocated and not written. It counts as a hole only while it is
        // not in the page cache: if a backup has read this file since, the space looks like written zeros.
        FileAdvice.DontNeed(_file);
        return SetBlocks(size);
    }

    private int SetBlocks(long size)
    {
        for (long at = 0; at < size;)
        {
            long data = SystemCallsFile.Seek(_file, at, SeekWhence.Data);
            if (data == -(int)Errno.ENXIO)
                break;
            long hole = data < 0 ? data : SystemCallsFile.Seek(_file, data, SeekWhence.Hole);
            if (hole < 0)
                return (int)hole;
            _blocks.Set(data / BlockBytes, (hole + BlockBytes - 1) / BlockBytes);
            at = hole;
        }
        return 0;
    }

    /// <summary>The kernel has finished writing to it: what is no hole was written.</summary>
    internal void FindBlocks(long size)
    {
        _blocks.ClearFrom(0);
        // What the disk refused may look like a hole.
        if (_durable.Check() < 0 || SetBlocks(size) < 0)
            _blocks.Set(0, (size + BlockBytes - 1) / BlockBytes);
    }

    /// <summary>
    /// The copy is not lent any more. The record on disk says that it is until it is written next, with the current
    /// base: after a crash the next mount would check who has the copy open.
    /// </summary>
    internal void NoteReturned(in StoredIdentity @base, Timestamp modify, Timestamp change) =>
        _record = _record with
        {
            IsLent = false, Base = @base, CommittedInode = 0, ModifyTime = modify, ChangeTime = change
        };

    /// <summary>
    /// A redo holds all that was written so far, and is the base. The record in memory says so even where the disk
    /// refuses it. Until it is on disk, the next mount takes the copy for committed, so nothing written since counts as
    /// kept.
    /// </summary>
    internal void NoteRedo()
    {
        _record = Record with { HasEarlyFrames = false, CommittedInode = 0 };
        _ = WriteRecord(_record);
    }

    /// <summary>
    /// Whether a block between the base limit and the end was left out, or a range of the base punched out.
    /// </summary>
    internal bool HasHoles(long baseLimit, long size) =>
        !_zeros.IsEmpty
        || !_blocks.All((baseLimit + BlockBytes - 1) / BlockBytes, (size + BlockBytes - 1) / BlockBytes);

    /// <summary>
    /// Whether its file has a hole here. <paramref name="end"/> is where that hole ends, or else the data.
    /// </summary>
    internal bool IsHole(long offset, out long end)
    {
        long data = SystemCallsFile.Seek(_file, offset, SeekWhence.Data);
        bool isHole = data > offset || data == -(int)Errno.ENXIO;
        end = data > offset ? data
            : isHole ? long.MaxValue
            : Math.Max(SystemCallsFile.Seek(_file, offset, SeekWhence.Hole), offset + 1);
        return isHole;
    }

    /// <summary>
    /// Changes what the next mount would find. After an error that is as it was. Where working copies do not survive
    /// the mount, no next mount looks, and nothing is written.
    /// </summary>
    internal int WriteRecord(in WorkingCopyRecord record)
    {
        int result = 0;
        if (_state.WorkingCopiesSurvive)
        {
            Span<byte> bytes = stackalloc byte[WorkingCopyRecord.Bytes];
            record.Write(bytes);
            result = ExtendedAttributes.Set(_file, WorkingCopyRecord.AttributeName, bytes, 0);
        }
        if (result >= 0)
            _record = record;
        return result;
    }

    /// <summary>Where the next mount looks first. Without the hint it looks through the whole source.</summary>
    internal void WritePath(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty || path.Length > LongestPathHint)
            _ = ExtendedAttributes.Remove(_file, WorkingCopyRecord.PathAttributeName);
        // An old hint may say that the file has no name.
        else if (ExtendedAttributes.Set(_file, WorkingCopyRecord.PathAttributeName, path, 0) < 0)
            _ = ExtendedAttributes.Remove(_file, WorkingCopyRecord.PathAttributeName);
    }

    /// <summary>The hint, or nothing.</summary>
    internal byte[] ReadPath() => MayBeOfNone ? [] : ReadHint();

    private byte[] ReadHint()
    {
        Span<byte> path = stackalloc byte[LongestPathHint];
        int length = ExtendedAttributes.Get(_file, WorkingCopyRecord.PathAttributeName, path);
        return length <= 0 ? [] : path[..length].ToArray();
    }

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
            result = CompleteLimit();
        if (result < 0)
            return result;
        while (offset < end)
        {
            long block = offset / BlockBytes;
            int within = (int)(offset % BlockBytes);
            bool partial = within != 0 || end - offset < BlockBytes;
            int count = partial
                ? (int)Math.Min(BlockBytes - within, end - offset)
                : (int)((end - offset) / BlockBytes * BlockBytes);
            result = partial && !_blocks[block]
                ? WriteCompletedBlock(block, within, data[..count], newSize, readBelow)
                : SystemCallsFile.Write(_file, offset, data[..count]);
            if (result < 0)
            {
                // The file's length is the logical size: what this write left behind that must not count as content.
                if (end > size && SystemCallsFile.Truncate(_file, size) >= 0)
                    _blocks.ClearFrom((size + BlockBytes - 1) / BlockBytes);
                return TakeBack(block, Math.Min(offset + count, size)) < 0 ? -(int)Errno.EIO : result;
            }
            _blocks.Set(block, (offset + count + BlockBytes - 1) / BlockBytes);
            offset += count;
            data = data[count..];
        }
        return 0;
    }

    /// <summary>
    /// When the disk has no room for a write, the kernel may leave zeros in blocks that it got. The next mount would
    /// take them for content.
    /// </summary>
    private int TakeBack(long block, long end)
    {
        // No mount takes up this copy.
        if (!_state.WorkingCopiesSurvive)
            return 0;
        int result = 0;
        for (; block * BlockBytes < end && result >= 0; block++)
        {
            if (!_blocks[block]
                && SystemCallsFile.Seek(_file, block * BlockBytes, SeekWhence.Data) is var data and >= 0
                && data < (block + 1) * BlockBytes)
                result = SystemCallsFile.Allocate(
                    _file, AllocateFlags.PunchHole | AllocateFlags.KeepSize, block * BlockBytes, BlockBytes);
        }
        return result;
    }

    private int WriteCompletedBlock(long block, int within, ReadOnlySpan<byte> data, long newSize, ReadBelow readBelow)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            // Never past the logical end: the file's length is the logical size.
            Span<byte> content = rented.AsSpan(0, (int)Math.Min(BlockBytes, newSize - block * BlockBytes));
            readBelow(block * BlockBytes, content);
            data.CopyTo(content[within..]);
            return SystemCallsFile.Write(_file, block * BlockBytes, content);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Fills every unwritten block below <paramref name="limit"/> with what shows through there.</summary>
    internal int Complete(long limit, long size, ReadBelow readBelow)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            int result = 0;
            for (long block = 0; block * BlockBytes < limit && result >= 0; block++)
            {
                if (_blocks[block] || _zeros.Find(block * BlockBytes, out _))
                    continue;
                Span<byte> content = rented.AsSpan(0, (int)Math.Min(BlockBytes, size - block * BlockBytes));
                readBelow(block * BlockBytes, content);
                result = SystemCallsFile.Write(_file, block * BlockBytes, content);
            }
            return result;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

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
            result = CompleteLimit();
        if (result >= 0)
            result = WriteRecord(_record with { BaseLimit = limit, HasEarlyFrames = true });
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
        // The range is recorded before the content goes, so that the base never shows in its place.
        if (first < baseLimit && (!_zeros.TryAdd(first, Math.Min(end, baseLimit)) || WriteZeroRanges() < 0))
            return false;
        if (SystemCallsFile.Allocate(_file, AllocateFlags.PunchHole | AllocateFlags.KeepSize, first, end - first) < 0)
            return false;
        _blocks.Clear(first / BlockBytes, end / BlockBytes);
        return true;
    }

    /// <summary>
    /// The base counts up to here only. The copy was cut off there before, so its length says the same. Where there is
    /// no room for the record, it is written before the copy grows again.
    /// </summary>
    internal void Limit(long baseLimit)
    {
        // The copy on disk must forget the zero ranges behind the limit too: early frames may be put there later.
        _mustWriteZeros |= _zeros.Clip(baseLimit);
        _dueLimit = Math.Min(baseLimit, _dueLimit);
        _ = CompleteLimit();
    }

    /// <summary>
    /// Writes what <see cref="Limit"/> could not: before the copy grows, or the limit is raised. 0 or −errno.
    /// </summary>
    private int CompleteLimit()
    {
        int result = _dueLimit < _record.BaseLimit ? WriteRecord(_record with { BaseLimit = _dueLimit }) : 0;
        if (result >= 0 && _mustWriteZeros)
            result = WriteZeroRanges();
        if (result >= 0)
            (_dueLimit, _mustWriteZeros) = (long.MaxValue, false);
        return result;
    }

    private int WriteZeroRanges()
    {
        if (!_state.WorkingCopiesSurvive)
            return 0;
        Span<byte> bytes = stackalloc byte[ZeroRanges.LongestBytes];
        _zeros.Write(bytes);
        return ExtendedAttributes.Set(_file, WorkingCopyRecord.ZerosAttributeName, bytes[.._zeros.Bytes], 0);
    }

    private int LoadZeros()
    {
        Span<byte> bytes = stackalloc byte[ZeroRanges.LongestBytes];
        int length = ExtendedAttributes.Get(_file, WorkingCopyRecord.ZerosAttributeName, bytes);
        if (length == -(int)Errno.ENODATA)
            return 0;
        if (length < 0 || !_zeros.TryRead(bytes[..length]))
            return length < 0 && length != -(int)Errno.ERANGE ? length : -(int)Errno.EBADMSG;
        // A crash may have come after the record was written, and before the ranges were.
        _zeros.Clip(_record.BaseLimit);
        return 0;
    }

    /// <summary>Sets the logical size.</summary>
    internal int Resize(long oldSize, long newSize)
    {
        int result = _durable.Complete();
        if (result >= 0 && newSize > oldSize)
            result = CompleteLimit();
        if (result >= 0)
            result = SystemCallsFile.Truncate(_file, newSize);
        if (result >= 0 && newSize < oldSize)
            _blocks.ClearFrom((newSize + BlockBytes - 1) / BlockBytes);
        _wasEmptied |= newSize == 0;
        return result;
    }

    /// <summary>Content, size and record are on disk when it returns 0.</summary>
    internal int Synchronize()
    {
        int result = _durable.Synchronize();
        if (result < 0 || _nameIsDurable || !_hasName)
            return result;
        // The first name says that a power cut may have left any part of the copy. It gets this one when all of it is
        // on disk.
        result = Rename(_name with { IsSynchronized = true });
        if (result >= 0)
            result = SystemCallsFile.Synchronize(_state.Working);
        _nameIsDurable = result >= 0;
        return result;
    }

    /// <summary>What the disk refused of it.</summary>
    internal DurableFile Durable => _durable;

    // It stands in the place of a path. No path begins with a slash.
    private static ReadOnlySpan<byte> NoPathYet => "/"u8;

    /// <summary>
    /// Its file was about to get its first name when the mount ended. Where the source has no such file, it did not get
    /// the name, and nothing is lost with the copy.
    /// </summary>
    internal bool MayBeOfNone => ReadHint().AsSpan().SequenceEqual(NoPathYet);

    /// <summary>Its file is about to get a name: the next mount must look for it.</summary>
    internal int NoteNamed()
    {
        if (_state.WorkingCopiesSurvive)
            WritePath(NoPathYet);
        int result = Rename(_name with { Role = WorkingRole.Copy });
        return result >= 0 && _nameIsDurable ? SystemCallsFile.Synchronize(_state.Working) : result;
    }

    /// <summary>Its file did not get the name.</summary>
    internal int NoteUnnamed() => Rename(_name with { Role = WorkingRole.UnnamedCopy });

    private int Rename(WorkingName next)
    {
        int result = SystemCallsAt.Rename(_state.Working, new NativeName(_name.Terminated()),
            _state.Working, new NativeName(next.Terminated()), 0);
        if (result >= 0)
            _name = next;
        return result;
    }

    /// <summary>It was synchronised: a power cut does not take it.</summary>
    internal bool IsDurable => _nameIsDurable;

    /// <summary>No later mount looks for it: its file was deleted, or has its content.</summary>
    internal void ForgetName()
    {
        if (_hasName)
            _isUnlinked = _state.RemoveWorkingFile(_name.Terminated());
        _hasName = false;
    }

    /// <summary>Keeps it where no mount touches it: it cannot be committed, and a user may want it.</summary>
    internal int MoveToLost() => MoveToLost(WorkingRemains.Move);

    /// <summary>
    /// The same, with the early frames beside it. What the disk refused of the copy counts as a hole, so the mount
    /// cannot tell where to put them into it.
    /// </summary>
    private int MoveAsItIsToLost() => MoveToLost(WorkingRemains.MoveAsItIs);

    private int MoveToLost(Func<FileDescriptor, WorkingName, FileDescriptor, int> move)
    {
        int result = _state.OpenLost(out FileDescriptor lost);
        if (result < 0)
            return result;
        using (lost)
            result = move(_state.Working, _name, lost);
        _hasName = result < 0;
        return result;
    }

    /// <summary>
    /// The same, with what it was written over put into it, block by block up to the first that cannot be decoded: from
    /// there on unwritten blocks are holes.
    /// </summary>
    internal int CompleteAndMoveToLost(long baseLimit, long logicalBytes, ReadBelow below)
    {
        int result = 0;
        try
        {
            result = Complete(baseLimit, logicalBytes, below);
        }
        catch (UndecodableException)
        {
        }
        return result < 0 ? result : MoveToLost();
    }

    /// <summary>Removes the copy: its content is in the stored file, or was given up.</summary>
    internal void Discard()
    {
        ForgetName();
        // ext4 takes an emptied file for one that is being replaced in place, and writes all of it to the disk at close
        // (auto_da_alloc), even where it was removed. So a removed copy is emptied first. A copy that could not be
        // removed must not be: its length would say that the content is empty.
        if (_wasEmptied && _isUnlinked && !IsLent)
            _ = SystemCallsFile.Truncate(_file, 0);
        Dispose();
    }

    public void Dispose() => _file.Dispose();
}
