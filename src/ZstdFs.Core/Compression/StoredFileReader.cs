using System.Buffers;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Reads anywhere in one stored file, which must not change while this exists. Thread-safe. The caller keeps the
/// descriptor, the cache and the codecs.
/// </summary>
internal sealed class StoredFileReader : IDisposable
{
    private readonly FileDescriptor _stored;
    private readonly FrameMap _map;
    private readonly ulong _cacheId;
    private readonly FrameCache _cache;
    private readonly CodecPool _codecs;
    private readonly GiantFrames _giants;

    /// <summary>
    /// <paramref name="cacheId"/> names this version of the file's content in the cache: another version needs another
    /// one. <paramref name="spillFile"/> makes an empty, unnamed file, into which frames too large for the cache are
    /// decoded. The reader calls it at most once and owns the descriptor. Without it, a read further back in such a
    /// frame decodes it again from its beginning.
    /// </summary>
    internal StoredFileReader(
        FileDescriptor stored, FrameMap map, ulong cacheId, FrameCache cache, CodecPool codecs,
        Func<FileDescriptor>? spillFile)
    {
        _stored = stored;
        _map = map;
        _cacheId = cacheId;
        _cache = cache;
        _codecs = codecs;
        _giants = new GiantFrames(stored, codecs.Streams, spillFile);
    }

    internal FrameMap Map => _map;

    /// <summary>
    /// Fills the destination as far as the logical file reaches and returns the bytes filled. Throws an
    /// <see cref="UndecodableException"/> where the read touches a frame that cannot be decoded, or goes beyond the end
    /// of a map that ends early.
    /// </summary>
    internal int Read(long logicalOffset, Span<byte> destination)
    {
        int frame = _map.FindFrame(logicalOffset);
        long available = Math.Max(0, _map.LogicalBytes - logicalOffset);
        if (_map.Damage is not null && destination.Length > available)
            throw _map.Damage.ToException();
        int wanted = (int)Math.Min(available, destination.Length);
        for (int done = 0; done < wanted; frame++)
        {
            FrameExtent extent = _map[frame];
            long within = logicalOffset + done - extent.LogicalOffset;
            int count = (int)Math.Min(wanted - done, extent.LogicalBytes - within);
            ReadWithin(frame, extent, within, destination.Slice(done, count));
            done += count;
        }
        return wanted;
    }

    /// <summary>
    /// Decodes the frame at this offset into the cache, for a read that is expected there. False where there is nothing
    /// to do, no room, or the frame is too large for the cache.
    /// </summary>
    internal bool Prefetch(long logicalOffset)
    {
        int frame = _map.FindFrame(logicalOffset);
        if (frame == _map.FrameCount)
            return false;
        FrameExtent extent = _map[frame];
        if (IsGiant(extent))
            return false;
        using FrameCache.Lease lease = _cache.Pin(new FrameKey(_cacheId, frame), (int)extent.LogicalBytes);
        if (!lease.IsLoader)
            return false;
        Load(extent, lease);
        return true;
    }

    /// <summary>Frees what large frames hold. No thread may be reading.</summary>
    public void Dispose() => _giants.Dispose();

    private void ReadWithin(int frame, FrameExtent extent, long within, Span<byte> destination)
    {
        var key = new FrameKey(_cacheId, frame);
        if (IsGiant(extent))
            _giants.Read(frame, extent, within, destination);
        else if (destination.Length < extent.LogicalBytes)
            ReadPart(key, extent, (int)within, destination);
        else if (!_cache.TryRead(key, 0, destination))
            DecodeFrame(extent, destination);
    }

    private void ReadPart(FrameKey key, FrameExtent extent, int within, Span<byte> destination)
    {
        using FrameCache.Lease lease = _cache.Pin(key, (int)extent.LogicalBytes);
        if (!lease.HasSlot)
        {
            ReadUncached(extent, within, destination);
            return;
        }
        if (lease.IsLoader)
            Load(extent, lease);
        lease.Read(within, destination);
    }

    /// <summary>
    /// Decodes into the slot of the lease, whose loader this thread is. An exception reaches this caller and every
    /// reader that waits for the frame.
    /// </summary>
    private void Load(FrameExtent extent, FrameCache.Lease lease)
    {
        try
        {
            DecodeFrame(extent, lease.Content);
            lease.Publish();
        }
        catch (Exception error)
        {
            lease.Fail(error);
            throw;
        }
    }

    private void ReadUncached(FrameExtent extent, int within, Span<byte> destination)
    {
        int frameBytes = (int)extent.LogicalBytes;
        byte[] scratch = ArrayPool<byte>.Shared.Rent(Math.Max(frameBytes, 1));
        try
        {
            Span<byte> content = scratch.AsSpan(0, frameBytes);
            DecodeFrame(extent, content);
            content.Slice(within, destination.Length).CopyTo(destination);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    /// <summary>Fills the content, which is as long as the frame's logical length, or throws.</summary>
    private void DecodeFrame(FrameExtent extent, Span<byte> content)
    {
        using FrameBuffer bytes = _codecs.Buffers.Rent((int)extent.StoredBytes);
        FrameDecoder decoder = _codecs.RentDecoder();
        try
        {
            Span<byte> stored = bytes.AsSpan((int)extent.StoredBytes);
            int count = SystemCallsFile.Read(_stored, extent.StoredOffset, stored);
            if (count < 0)
                throw new StorageException("reading a stored file", -count);
            if (decoder.Decompress(stored[..count], content) != content.Length)
                throw new DamagedFrameException("the frame's content is shorter than it should be");
        }
        catch (DamagedFrameException error) when (error.StoredOffset < 0)
        {
            throw new DamagedFrameException(error, extent.StoredOffset);
        }
        finally
        {
            _codecs.ReturnDecoder(decoder);
        }
    }

    /// <summary>
    /// Too large to be decoded in memory, by its content or by its stored length. A hostile frame may be long and hold
    /// little: blocks may be empty.
    /// </summary>
    private bool IsGiant(FrameExtent extent) =>
        extent.LogicalBytes > _cache.MaxFrameBytes || extent.StoredBytes > 2L * _cache.MaxFrameBytes;
}
