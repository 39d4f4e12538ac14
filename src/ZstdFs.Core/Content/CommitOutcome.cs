using System.Diagnostics;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>How the newest commit of a content ended, and which error is still to be reported.</summary>
internal sealed class CommitOutcome
{
    private int _untold;

    /// <summary>When a commit was tried last, by Stopwatch; 0 before the first.</summary>
    internal long TriedAt { get; private set; }

    /// <summary>Why it failed, as −errno; 0 where it did not.</summary>
    internal int Error { get; private set; }

    /// <summary>How often in a row it gave way to writers.</summary>
    internal int GaveWay { get; private set; }

    /// <summary>A commit is tried now.</summary>
    internal void NoteBegin() => TriedAt = Stopwatch.GetTimestamp();

    /// <summary>A commit ended.</summary>
    /// <param name="result">0 or −errno. Giving way to a writer is no outcome.</param>
    /// <param name="isBackground">No caller waited for it.</param>
    /// <param name="isStored">
    /// All that was written is in the stored file: the next fsync of it tells what the disk refused.
    /// </param>
    internal void NoteEnd(int result, bool isBackground, bool isStored)
    {
        if (result == -(int)Errno.EAGAIN)
        {
            GaveWay++;
            return;
        }
        GaveWay = 0;
        Error = Math.Min(result, 0);
        // A full disk loses nothing: what was written is kept. A program that closes or synchronises the file next must
        // not believe that its own writes were lost.
        if (isBackground)
            _untold = isStored || RecordRoom.IsFull(Error) ? 0 : Error;
    }

    /// <summary>Work that no caller waited for failed.</summary>
    internal void NoteUntold(int error) => _untold = error;

    /// <summary>
    /// The error of work that no caller waited for, such as a background commit. It is reported once, to the next close
    /// or fsync of the file. 0 or −errno.
    /// </summary>
    internal int TakeUntoldError() => Interlocked.Exchange(ref _untold, 0);
}
