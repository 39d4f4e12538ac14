using System.Buffers;
using ZstdFs.Linux;

namespace ZstdFs.Core.Compression;

/// <summary>
/// Finds the frames of one stored file that hold zeros alone. It reads only frames short enough for that, so a file
/// without holes costs no read.
/// </summary>
internal ref struct StoredHoles(FileDescriptor file, FrameMap map, ZeroFrames zeros)
{
    private const int WindowBytes = 64 * 1024;

    private byte[]? _window;
    private long _windowStart;
    private int _windowBytes;

    /// <summary>
    /// Whether the frame that holds this offset is zeros. <paramref name="end"/> is where the run of frames like it
    /// ends, at most <paramref name="limit"/>. Behind the last frame there is no hole.
    /// </summary>
    internal bool Find(long offset, long limit, out long end)
    {
        end = limit;
        int first = map.FindFrame(offset);
        if (first == map.FrameCount)
            return false;
        bool isHole = IsZeros(map[first]);
        for (int i = first; i < map.FrameCount; i++)
        {
            FrameExtent frame = map[i];
            if (frame.LogicalOffset >= limit)
                break;
            if (i > first && IsZeros(frame) != isHole)
            {
                end = frame.LogicalOffset;
                break;
            }
            if (isHole)
                end = Math.Min(limit, frame.LogicalOffset + frame.LogicalBytes);
        }
        return isHole;
    }

    /// <summary>Whether any frame is zeros.</summary>
    internal bool Any() => map.MayHaveHoles && (Find(0, map.LogicalBytes, out long end) || end < map.LogicalBytes);

    private bool IsZeros(in FrameExtent frame)
    {
        if (!ZeroFrames.CanBeZeros(frame))
            return false;
        int length = (int)frame.StoredBytes;
        if (frame.StoredOffset < _windowStart || frame.StoredOffset + length > _windowStart + _windowBytes)
        {
            _window ??= ArrayPool<byte>.Shared.Rent(WindowBytes);
            _windowStart = frame.StoredOffset;
            _windowBytes = Math.Max(0, SystemCallsFile.Read(file, _windowStart, _window));
            if (length > _windowBytes)
                return false;
        }
        return zeros.IsZeros(_window.AsSpan((int)(frame.StoredOffset - _windowStart), length), (int)frame.LogicalBytes);
    }

    public readonly void Dispose()
    {
        if (_window is not null)
            ArrayPool<byte>.Shared.Return(_window);
    }
}
