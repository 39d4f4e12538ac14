using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// One frame that is decoded as a stream into the spill file, as far as somebody has asked for. A read waits for its own bytes only; while one thread writes what it has decoded, the
/// next one goes on decoding.
/// Its content is handed out before the frame's checksum, at its end, is known; from a failure on, the whole frame is damaged. Thread-safe.
/// </summary>
internal sealed class GiantFrame(FileDescriptor stored, FrameExtent extent, StreamBudget budget, FileDescriptor? spill) : IDisposable
{
    // Short enough for the first bytes to come at once, long enough for the hand-over between steps not to be felt.
    private const int StepBytes = 256 * 1024;

    // A monitor, not a Lock, because those wait on it who want bytes that somebody else decodes now. Guards the fields below it; the
    // cursor is used, without the lock, by whoever has set _isDecoding.
    private readonly object _gate = new();
    private readonly FrameCursor _cursor = new(stored, extent, budget);
    // INVARIANT: the spill file holds the frame's content up to here, zeros as holes. Grows only.
    private long _spilled;
    // Steps that are in the spill file before their turn: where they begin, and how long they are.
    private readonly Dictionary<long, int> _early = [];
    // Up to here somebody has decoded, and spills. Goes back where that fails.
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
    /// False once the content is there up to <paramref name="end"/>. True where the caller has become the one who decodes the next step.
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

    /// <summary>Decodes the next step and lets somebody else begin with the one after it. Returns where it begins.</summary>
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
                // A step before this one may have failed to be spilled meanwhile: then it is the next again.
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
