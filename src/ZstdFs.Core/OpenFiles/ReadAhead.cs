using ZstdFs.Core.Content;

namespace ZstdFs.Core.OpenFiles;

/// <summary>
/// Decodes what a reader will come to next while it is busy with what it has. This is for a handle that is read from
/// front to back in pieces smaller than a frame: the kernel asks so where its read-ahead could not be raised. Where it
/// asks for whole frames, several of them are on their way anyway.
/// </summary>
/// <param name="contents">Keeps the file open while it is read.</param>
/// <param name="content">The file.</param>
/// <param name="frameBytes">What is decoded in one go.</param>
/// <param name="release">Gives the file up again.</param>
internal sealed class ReadAhead(
    ContentTable contents, FileContent content, int frameBytes, Action<FileContent> release) : IThreadPoolWorkItem
{
    // The kernel has two of its windows of 128 KiB under way, which may come in any order.
    private const int Disorder = 256 * 1024;

    // A reader copies faster than one processor decodes.
    private const int FramesAhead = 2;

    // Guards all below.
    private readonly Lock _gate = new();
    private long _bytes;
    private long _end;
    private long _nextFrame;
    private long _lastFrame;
    private bool _isAtWork;

    /// <summary>A piece was read.</summary>
    internal void Note(long offset, int bytes)
    {
        if (bytes >= frameBytes)
            return;
        lock (_gate)
        {
            bool goesOn = Math.Abs(offset - _end) <= Disorder;
            if (!goesOn)
                (_bytes, _nextFrame, _lastFrame) = (0, 0, 0);
            _end = goesOn ? Math.Max(_end, offset + bytes) : offset + bytes;
            _bytes += bytes;
            // A program that reads a few kilobytes somewhere wants no more than those.
            if (_bytes < Disorder)
                return;
            long frame = _end / frameBytes;
            _nextFrame = Math.Max(_nextFrame, frame + 1);
            _lastFrame = frame + FramesAhead;
            if (_isAtWork || _nextFrame > _lastFrame)
                return;
            _isAtWork = true;
            contents.Hold(content);
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            while (TryTake(out long frame))
                content.Prefetch(frame * frameBytes);
        }
        catch (Exception e)
        {
            lock (_gate)
                _isAtWork = false;
            // The read that comes to this place reports the damage.
            if (!ContentFault.IsExpected(e))
                content.NoteUnexpected("reading ahead", e);
        }
        finally
        {
            release(content);
        }
    }

    /// <summary>
    /// False where nothing is left. Under the same lock, so that what is noted from then on has its own thread.
    /// </summary>
    private bool TryTake(out long frame)
    {
        lock (_gate)
        {
            frame = _nextFrame;
            _isAtWork = frame <= _lastFrame;
            if (_isAtWork)
                _nextFrame++;
            return _isAtWork;
        }
    }
}
