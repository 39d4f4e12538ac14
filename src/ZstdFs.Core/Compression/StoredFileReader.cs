using ZstdFs.Core.Compression.Cache;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Reads anywhere in one stored file, which must not change while this exists. Thread-safe. The caller keeps the
/// descriptor, the cache and the codecs.
/// </summary>
internal sealed class StoredFileReader : IFrameSource, IDisposable
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
        if (frame == _map.FrameCount || IsGiant(_map[frame]))
            return false;
        return _cache.Prefetch(new FrameKey(_cacheId, frame), (int)_map[frame].LogicalBytes, this);
    }

    /// <summary>Frees what large frames hold. No thread may be reading.</summary>
    public void Dispose() => _giants.Dispose();

    void IFrameSource.DecodeFrame(int frame, Span<byte> content)
    {
        FrameExtent extent = _map[frame];
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

    private void ReadWithin(int frame, FrameExtent extent, long within, Span<byte> destination)
    {
        if (IsGiant(extent))
        {
            _giants.Read(frame, extent, within, destination);
            return;
        }
        var key = new FrameKey(_cacheId, frame);
        if (destination.Length < extent.LogicalBytes)
            _cache.Read(key, (int)extent.LogicalBytes, (int)within, destination, this);
        else if (!_cache.TryRead(key, 0, destination))
            ((IFrameSource)this).DecodeFrame(frame, destination);
    }

    /// <summary>
    /// Too large to be decoded in memory, by its content or by its stored length. A hostile frame may be long and hold
    /// little: blocks may be empty.
    /// </summary>
    private bool IsGiant(FrameExtent extent) =>
        extent.LogicalBytes > _cache.MaxFrameBytes || extent.StoredBytes > 2L * _cache.MaxFrameBytes;
}
