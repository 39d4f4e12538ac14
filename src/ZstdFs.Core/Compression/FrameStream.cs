using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// One stored frame, decoded as a stream from its beginning on: the content comes in order and is not kept. One thread
/// at a time. The caller keeps the decoder.
/// </summary>
internal sealed class FrameStream : IDisposable
{
    private const int InputBytes = 128 * 1024;

    private readonly FileDescriptor _stored;
    private readonly long _frameStart;
    private readonly long _frameEnd;
    private readonly StreamDecoder _decoder;
    private readonly byte[] _input = ArrayPool<byte>.Shared.Rent(InputBytes);
    private long _inputEnd;
    private int _inputAt;
    private int _inputLength;

    internal FrameStream(FileDescriptor stored, long storedOffset, long storedBytes, StreamDecoder decoder)
    {
        _stored = stored;
        _frameStart = _inputEnd = storedOffset;
        _frameEnd = storedOffset + storedBytes;
        _decoder = decoder;
        decoder.Reset();
    }

    /// <summary>Decodes the whole frame, in the memory of its window, and returns its content's length.</summary>
    internal static long MeasureContent(FileDescriptor stored, long storedOffset, long storedBytes, WindowLimit windows)
    {
        long windowBytes = RequireWindow(stored, storedOffset, storedBytes, windows);
        using WindowLimit.Turn turn = windows.Take(windowBytes);
        using StreamDecoder decoder = windows.NewDecoder();
        using var source = new FrameStream(stored, storedOffset, storedBytes, decoder);
        byte[] content = ArrayPool<byte>.Shared.Rent(InputBytes);
        try
        {
            long size = 0;
            while (!source.IsAtEnd)
                size += source.Read(content);
            return size;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(content);
        }
    }

    /// <summary>
    /// The window that the frame's header asks for. Throws where the window is beyond the limit, and where the frame
    /// cannot be decoded whatever its window.
    /// </summary>
    internal static long RequireWindow(FileDescriptor stored, long storedOffset, long storedBytes, WindowLimit windows)
    {
        Span<byte> bytes = stackalloc byte[FrameHeader.MaxBytes];
        int count = SystemCallsFile.Read(stored, storedOffset, bytes[..(int)Math.Min(bytes.Length, storedBytes)]);
        if (count < 0)
            throw new StorageException("reading a stored file", -count);
        FrameHeader header = FrameHeader.Parse(bytes[..count]);
        if (header.Kind != FrameKind.Zstd)
            throw new DamagedFrameException("not a zstd frame", storedOffset);
        if (header.DictionaryId != 0)
            throw UnsupportedContentException.OfDictionary(header.DictionaryId);
        windows.Require(header.WindowBytes, storedOffset);
        return header.WindowBytes;
    }

    /// <summary>Everything is decoded, and the checksum is right where the frame has one.</summary>
    internal bool IsAtEnd { get; private set; }

    /// <summary>
    /// Decodes until <paramref name="content"/> is full or the frame ends. Throws <see cref="DamagedFrameException"/>
    /// with the frame's offset.
    /// </summary>
    internal int Read(Span<byte> content)
    {
        int done = 0;
        try
        {
            while (done < content.Length && !IsAtEnd)
            {
                if (_inputAt == _inputLength)
                    Fill();
                IsAtEnd = _decoder.Decompress(
                    _input.AsSpan(_inputAt, _inputLength - _inputAt),
                    content[done..], out int consumed, out int produced);
                if (consumed == 0 && produced == 0 && !IsAtEnd)
                    throw new DamagedFrameException(
                        _inputLength == 0 ? "the frame is cut short" : "the decoder makes no progress", _frameStart);
                _inputAt += consumed;
                done += produced;
            }
        }
        catch (DamagedFrameException error) when (error.StoredOffset < 0)
        {
            throw new DamagedFrameException(error, _frameStart);
        }
        if (IsAtEnd && (_inputAt < _inputLength || _inputEnd < _frameEnd))
            throw new DamagedFrameException("the frame ends before its extent does", _frameStart);
        return done;
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_input);

    private void Fill()
    {
        int wanted = (int)Math.Min(InputBytes, _frameEnd - _inputEnd);
        int count = SystemCallsFile.Read(_stored, _inputEnd, _input.AsSpan(0, wanted));
        if (count < 0)
            throw new StorageException("reading a stored file", -count);
        // The end of the input is no error yet: the decoder may hold content that had no room in the last output.
        (_inputAt, _inputLength) = (0, count);
        _inputEnd += count;
    }
}
