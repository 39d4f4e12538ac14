using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// One frame that is decoded as a stream into the spill file, as far as a reader has asked for. A reader waits for its
/// own bytes only. While one thread writes what it has decoded, the next one goes on decoding. The frame's checksum
/// comes last: readers get content before it is verified. Once damage is found, every read of the frame fails.
/// Thread-safe.
/// </summary>
internal sealed class GiantFrame(
    FileDescriptor stored, FrameExtent extent, StreamBudget budget, FileDescriptor? spill) : IDisposable
{
    // Short, so that the first bytes come at once; long, so that the hand-over between steps costs nothing noticeable.
    private const int StepBytes = 256 * 1024;

    // A monitor, not a Lock: readers wait on it for bytes that another thread is decoding. Guards the fields below it.
    // The thread that has set _isDecoding uses the cursor without the lock.
    private readonly object _gate = new();
    private readonly FrameCursor _cursor = new(stored, extent, budget);
    // INVARIANT: the spill file holds the frame's content up to here, zeros as holes. Grows only.
    private long _spilled;
    // Steps in the spill file beyond _spilled, because a step before them is not there yet: offset and length.
    private readonly Dictionary<long, int> _early = [];
    // Threads have decoded up to here, and spill it. Goes back where spilling fails.
    private long _decoded;
    private bool _isDecoding;
    private DamagedFrameException? _damage;

    /// <summary>Fills the destination, which must not reach beyond the frame.</summary>
    internal void Read(long within, Span<byte> destination)
    {
        if (spill is null)
        {
            ReadWithoutSpilling(within, destination);
            return;
        }
        while (MustDecode(within + destination.Length))
            DecodeStep(spill);
        int count = SystemCallsFile.Read(spill, extent.LogicalOffset + within, destination);
        if (count < 0)
            throw new StorageException("reading a spill file", -count);
        destination[count..].Clear();
    }

    public void Dispose() => _cursor.Dispose();

    /// <summary>
    /// False once the content is there up to <paramref name="end"/>. True where the caller must decode the next step;
    /// no other thread decodes meanwhile.
    /// </summary>
    private bool MustDecode(long end)
    {
        lock (_gate)
        {
            while (true)
            {
                ThrowIfDamaged();
                if (_spilled >= end)
                    return false;
                if (!_isDecoding && _decoded < end)
                    return _isDecoding = true;
                Monitor.Wait(_gate);
            }
        }
    }

    private void DecodeStep(FileDescriptor file)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(StepBytes);
        try
        {
            long start = Decode(buffer, out int count);
            // A full disk is not the frame's fault: the next reader tries the same step again.
            bool isSpilled = false;
            try
            {
                Spill(file, start, buffer.AsSpan(0, count));
                isSpilled = true;
            }
            finally
            {
                EndSpill(start, count, isSpilled);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Decodes the next step, lets another thread begin the one after it, and returns its offset.</summary>
    private long Decode(byte[] buffer, out int count)
    {
        long start = Volatile.Read(ref _decoded);
        count = (int)Math.Min(StepBytes, extent.LogicalBytes - start);
        DamagedFrameException? damage = null;
        bool isDecoded = false;
        try
        {
            _cursor.Read(start, buffer.AsSpan(0, count));
            isDecoded = true;
            return start;
        }
        catch (DamagedFrameException error)
        {
            damage = error;
            _cursor.Dispose();
            throw;
        }
        finally
        {
            lock (_gate)
            {
                // Meanwhile another thread may have failed to spill an earlier step: that step comes next then.
                if (isDecoded && _decoded == start)
                    _decoded = start + count;
                _damage ??= damage;
                _isDecoding = false;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private void EndSpill(long start, int count, bool isSpilled)
    {
        lock (_gate)
        {
            if (!isSpilled)
                _decoded = Math.Min(_decoded, start);
            else if (start >= _spilled)
                _early[start] = count;
            while (_early.Remove(_spilled, out int next))
                _spilled += next;
            if (_spilled == extent.LogicalBytes && !_isDecoding)
                _cursor.Dispose();
            Monitor.PulseAll(_gate);
        }
    }

    private void Spill(FileDescriptor file, long within, ReadOnlySpan<byte> content)
    {
        // A run of zeros costs no space: a few stored kilobytes may stand for a terabyte of them.
        if (!content.ContainsAnyExcept((byte)0))
            return;
        int result = SystemCallsFile.Write(file, extent.LogicalOffset + within, content);
        if (result < 0)
            throw new StorageException("writing a spill file", -result);
    }

    private void ReadWithoutSpilling(long within, Span<byte> destination)
    {
        lock (_gate)
        {
            ThrowIfDamaged();
            try
            {
                _cursor.Read(within, destination);
            }
            catch (DamagedFrameException error)
            {
                _damage = error;
                _cursor.Dispose();
                throw;
            }
        }
    }

    private void ThrowIfDamaged()
    {
        if (_damage is not null)
            throw new DamagedFrameException(_damage.Reason, _damage.StoredOffset);
    }
}
