using System.Buffers;
using ZstdFs.Core.Inodes;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// What one open logical file holds: a committed base under what was written since. Small content is edited in memory, larger in a working copy.
/// All handles on the file share it, so that each sees the others' writes at once.
/// </summary>
internal sealed class FileContent(ContentServices services, Node node, StoredBase @base) : IDisposable
{
    private readonly ContentLock _lock = new();
    private bool _isLoaded;
    private long _baseLimit;
    private byte[]? _buffer;
    private int _bufferReserved;
    private WorkingCopy? _working;
    private int _failure;

    internal Node Node { get; } = node;

    /// <summary>The committed version. Changes only while the lock is held exclusively.</summary>
    internal StoredBase Base { get; private set; } = @base;

    /// <summary>Length in bytes.</summary>
    internal long LogicalBytes { get; private set; }

    /// <summary>There is something to commit.</summary>
    internal bool IsDirty { get; private set; }

    /// <summary>Modification time of the content that is not committed yet.</summary>
    internal Timestamp ModifyTime { get; private set; }

    /// <summary>Content was written since the file was opened: set-id bits and capabilities went with the write.</summary>
    internal int Handles { get; set; }

    /// <summary>Handles that may write.</summary>
    internal int WritableHandles { get; set; }

    internal WorkingCopy? Working => _working;

    internal long BaseLimit => _baseLimit;

    internal ReadOnlySpan<byte> Buffer => _buffer is null ? default : _buffer.AsSpan(0, (int)LogicalBytes);

    internal bool IsBuffered => _buffer is not null;

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
        if (_buffer is not null)
        {
            _buffer.AsSpan((int)offset, destination.Length).CopyTo(destination);
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
            long newSize = Math.Max(LogicalBytes, offset + data.Length);
            int result = Prepare(newSize);
            if (result >= 0)
                result = _buffer is not null ? WriteBuffer(offset, data) : _working!.Write(offset, data, LogicalBytes, ReadBase);
            if (result < 0)
                return Fail(result);
            LogicalBytes = newSize;
            Touch();
            return data.Length;
        }
        finally
        {
            _lock.ExitWrite();
        }
    }

    internal int Truncate(long size)
    {
        _lock.EnterWrite();
        try
        {
            // Nothing of the base is needed for an empty file: it may even be damaged.
            if (size > 0)
                Load();
            _isLoaded = true;
            int result = Prepare(size);
            if (result < 0)
                return result;
            if (_buffer is not null)
            {
                if (size < LogicalBytes)
                    _buffer.AsSpan((int)size, (int)(LogicalBytes - size)).Clear();
            }
            else
                result = _working!.Resize(LogicalBytes, size);
            if (result < 0)
                return result;
            if (size < _baseLimit)
            {
                _baseLimit = size;
                _ = _working?.WriteRecord(Node.Id, Base.Identity, size);
            }
            LogicalBytes = size;
            Touch();
            return 0;
        }
        finally
        {
            _lock.ExitWrite();
        }
    }

    /// <summary>utimens on content that is not committed: the commit keeps it.</summary>
    internal void SetModifyTime(Timestamp time)
    {
        _lock.EnterWrite();
        ModifyTime = time;
        _lock.ExitWrite();
    }

    /// <summary>What was written is on disk when it returns 0, in the working copy at least. False in <paramref name="handled"/>: there is no working copy; commit instead.</summary>
    internal int SynchronizeWorkingCopy(out bool handled)
    {
        _lock.EnterCommit();
        try
        {
            handled = IsDirty && _working is not null;
            return handled ? _working!.Synchronize() : 0;
        }
        finally
        {
            _lock.ExitCommit();
        }
    }

    /// <summary>
    /// Runs a commit: <paramref name="build"/> makes the next base while readers go on; then it takes the place of the old one. Returns 0 or −errno; after
    /// an error the content stays dirty and as it was.
    /// </summary>
    internal int Commit(Func<FileContent, (int Result, StoredBase? Next)> build)
    {
        _lock.EnterCommit();
        try
        {
            if (!IsDirty)
                return 0;
            (int result, StoredBase? next) = build(this);
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
            IsDirty = false;
            return 0;
        }
        finally
        {
            _lock.ExitCommit();
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

    private void ReadBase(long offset, Span<byte> destination)
    {
        int count = (int)Math.Clamp(_baseLimit - offset, 0, destination.Length);
        if (count > 0)
            Base.Read(offset, destination[..count]);
        destination[count..].Clear();
    }

    /// <summary>Makes a place for a file of this length to be written to: memory while it is small and the budget lasts, else a working copy.</summary>
    private int Prepare(long size)
    {
        if (_failure < 0)
            return _failure;
        if (_working is not null)
            return 0;
        if (Math.Max(size, LogicalBytes) <= services.Options.FrameBytes && TryGrowBuffer((int)Math.Max(size, LogicalBytes)))
            return 0;
        int result = WorkingCopy.Create(services, Node.Id, Base.Identity, _buffer is null ? _baseLimit : 0, out WorkingCopy working);
        if (result < 0)
            return result;
        result = working.Resize(0, LogicalBytes);
        if (result >= 0 && _buffer is not null)
            result = working.Write(0, _buffer.AsSpan(0, (int)LogicalBytes), LogicalBytes, static (_, rest) => rest.Clear());
        if (result < 0)
        {
            working.Discard();
            return result;
        }
        if (_buffer is not null)
            _baseLimit = 0;
        ReleaseBuffer();
        _working = working;
        return 0;
    }

    private bool TryGrowBuffer(int size)
    {
        if (_buffer is not null && _buffer.Length >= size)
            return true;
        int capacity = Math.Max(4096, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)size));
        if (!services.TryReserveBuffer(capacity - _bufferReserved))
            return false;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(capacity);
        int length = (int)LogicalBytes;
        if (_buffer is not null)
            _buffer.AsSpan(0, length).CopyTo(buffer);
        else
        {
            try
            {
                ReadBase(0, buffer.AsSpan(0, length));
            }
            catch
            {
                ArrayPool<byte>.Shared.Return(buffer);
                services.ReleaseBuffer(capacity - _bufferReserved);
                throw;
            }
        }
        buffer.AsSpan(length).Clear();
        if (_buffer is not null)
            ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = buffer;
        _bufferReserved = capacity;
        return true;
    }

    private int WriteBuffer(long offset, ReadOnlySpan<byte> data)
    {
        data.CopyTo(_buffer.AsSpan((int)offset));
        return 0;
    }

    private void Touch()
    {
        IsDirty = true;
        ModifyTime = Timestamp.Now();
    }

    /// <summary>A write that failed in part leaves a working copy nobody can vouch for: a full disk may be retried, anything else not.</summary>
    private int Fail(int result)
    {
        if (result != -(int)Errno.ENOSPC && result != -(int)Errno.EDQUOT)
            _failure = result;
        return result;
    }

    private void ReleaseBuffer()
    {
        if (_buffer is null)
            return;
        ArrayPool<byte>.Shared.Return(_buffer);
        services.ReleaseBuffer(_bufferReserved);
        _buffer = null;
        _bufferReserved = 0;
    }

    /// <summary>Nobody has it open. An uncommitted working copy of a file that still has a name stays for the next mount; of a deleted one it goes.</summary>
    public void Dispose()
    {
        if (_working is not null && (!IsDirty || Node.AnyLink is null))
            _working.Discard();
        else
            _working?.Dispose();
        ReleaseBuffer();
        Base.Dispose();
    }
}
