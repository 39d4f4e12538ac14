using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Looks into a stored file here and there with few reads. It reads a small file once and whole. In a larger one,
/// places close together share a read, and a look at a distant place fetches little. One thread.
/// </summary>
internal sealed class StoredWindow : IDisposable
{
    private const int BufferBytes = 16 * 1024;
    // Enough for any header. To read less saves the kernel no work.
    private const int SparseBytes = 64;

    private readonly FileDescriptor _stored;
    private readonly long _storedBytes;
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private long _start;
    private int _length;

    internal StoredWindow(FileDescriptor stored, long storedBytes)
    {
        _stored = stored;
        _storedBytes = storedBytes;
    }

    /// <summary>
    /// Up to <paramref name="count"/> bytes from there, fewer only where the file ends. Valid until the next call.
    /// <paramref name="dense"/>: the next look will be close by.
    /// </summary>
    internal ReadOnlySpan<byte> Look(long offset, int count, bool dense)
    {
        int wanted = (int)Math.Clamp(_storedBytes - offset, 0, count);
        if (offset < _start || offset + wanted > _start + _length)
            Fetch(offset, wanted, dense);
        int within = (int)(offset - _start);
        // Another process may have cut the file since its length was taken.
        return _buffer.AsSpan(within, Math.Clamp(_length - within, 0, wanted));
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    private void Fetch(long offset, int wanted, bool dense)
    {
        if (_storedBytes <= BufferBytes)
            (offset, wanted) = (0, (int)_storedBytes);
        else
            wanted = Math.Min(BufferBytes, Math.Max(wanted, dense ? BufferBytes : SparseBytes));
        _length = 0;
        int count = SystemCallsFile.Read(_stored, offset, _buffer.AsSpan(0, wanted));
        if (count < 0)
            throw new StorageException("reading a stored file", -count);
        (_start, _length) = (offset, count);
    }
}
