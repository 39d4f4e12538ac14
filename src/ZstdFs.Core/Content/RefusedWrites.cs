using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>
/// The range of a content that could not be written, because the disk is full or fails. Its writer may try again.
/// Guarded by the content's lock; a commit and a close may read <see cref="Reason"/> as a hint.
/// </summary>
internal sealed class RefusedWrites
{
    private long _from, _end;

    /// <summary>Why, as −errno; 0 where the content is whole.</summary>
    internal int Reason { get; private set; }

    /// <summary>
    /// Notes that content was refused, so the file is not whole. A refused length, or a place behind the longest one
    /// (EFBIG), leaves it whole. Returns the result.
    /// </summary>
    internal int Note(int result, long from, long end)
    {
        if (result >= 0 || result == -(int)Errno.EFBIG)
            return result;
        (_from, _end) = Reason < 0 ? (Math.Min(_from, from), Math.Max(_end, end)) : (from, end);
        Reason = result;
        return result;
    }

    /// <summary>Notes that a writer has written a range: perhaps the refused one, from its beginning.</summary>
    internal void NoteWritten(long from, long end)
    {
        if (Reason == 0)
            return;
        if (from <= _from)
            _from = Math.Max(_from, end);
        if (_from >= _end)
            Reason = 0;
    }

    /// <summary>By truncating, the writer gives up what could not be written behind the new end.</summary>
    internal void NoteTruncated(long size)
    {
        _end = Math.Min(_end, size);
        if (_from >= _end)
            Reason = 0;
    }

    /// <summary>The content is another one.</summary>
    internal void Forget() => Reason = 0;
}
