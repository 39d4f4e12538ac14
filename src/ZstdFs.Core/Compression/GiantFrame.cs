using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// One frame that is decoded as a stream into the spill file, as far as somebody has asked for. A read waits for its own bytes only.
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
                if (_decoded >= end)
                    return false;
                if (!_isDecoding)
                    return _isDecoding = true;
                Monitor.Wait(_gate);
            }
        }
    }

    private void DecodeStep(FileDescriptor file)
    {
        long start = _decoded;
        int count = (int)Math.Min(StepBytes, extent.LogicalBytes - start);
        DamagedFrameException? damage = null;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(StepBytes);
        try
        {
            Span<byte> content = buffer.AsSpan(0, count);
            _cursor.Read(start, content);
            Spill(file, start, content);
            start += count;
            if (start == extent.LogicalBytes)
                _cursor.Dispose();
        }
        catch (DamagedFrameException error)
        {
            damage = error;
            _cursor.Dispose();
            throw;
        }
        finally
        {
            // A full disk or a lack of memory is not the frame's fault: the next reader tries the same step again.
            ArrayPool<byte>.Shared.Return(buffer);
            EndStep(start, damage);
        }
    }

    private void EndStep(long decoded, DamagedFrameException? damage)
    {
        lock (_gate)
        {
            _decoded = decoded;
            _damage ??= damage;
            _isDecoding = false;
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
