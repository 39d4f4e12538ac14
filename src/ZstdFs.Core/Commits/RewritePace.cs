using System.Diagnostics;
using ZstdFs.Core.Content;
using ZstdFs.Core.Overlays;

namespace ZstdFs.Core.Commits;

/// <summary>
/// How soon a file may be committed again. A commit writes the whole stored file, however little of it changed;
/// meanwhile the working copy keeps what was written. So a file that is changed a little at a time waits after each
/// commit for as long as that commit's bytes last at <see cref="BytesPerSecond"/>, and while programs go on writing to
/// it.
/// </summary>
internal sealed class RewritePace
{
    /// <summary>
    /// How much the commits of one file may write to the disk in a second, where little of it changed.
    /// </summary>
    internal const long BytesPerSecond = 1024 * 1024;

    /// <summary>A change of one part in so many of the stored file is worth a commit at once.</summary>
    private const int WorthwhilePart = 8;

    /// <summary>
    /// A commit writes at least this much in a second. If the pause between two writes is shorter than a commit takes,
    /// the commit has to give way.
    /// </summary>
    private const double CommitBytesPerSecond = 96 * 1024 * 1024;

    /// <summary>Smaller commits are over before a program can close the file again.</summary>
    private const long LeastBytes = 64 * 1024;

    private const long CheapBytes = 2 * 1024 * 1024;

    private const int LeastSweep = 1024;

    /// <summary>
    /// The stored form of a file lags behind by no more than this and the time that its last commit took.
    /// </summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    // Guards the two fields below: the last commits of files that must wait, by inode number, and how many there may be
    // before those that are over are removed.
    private readonly Lock _gate = new();
    private readonly Dictionary<ulong, (long EndedAt, long Bytes)> _commits = [];
    private int _sweepAt = LeastSweep;

    /// <summary>A commit ended that wrote this much. What it cloned cost nothing, and does not count.</summary>
    internal void Note(ulong inodeNumber, long writtenBytes)
    {
        lock (_gate)
        {
            if (writtenBytes < LeastBytes)
            {
                _commits.Remove(inodeNumber);
                return;
            }
            _commits[inodeNumber] = (Stopwatch.GetTimestamp(), writtenBytes);
            if (_commits.Count < _sweepAt)
                return;
            foreach ((ulong inode, (long endedAt, long bytes)) in _commits)
            {
                if (Stopwatch.GetElapsedTime(endedAt) > Wait(bytes))
                    _commits.Remove(inode);
            }
            _sweepAt = Math.Max(LeastSweep, _commits.Count * 2);
        }
    }

    /// <summary>What was written has waited long enough for a pause of its writers.</summary>
    internal static bool IsOverdue(FileContent content) => content.Changes.Since > Longest;

    /// <summary>
    /// A commit costs a close little: the content is in memory, or it and its base are small. The last commit must not
    /// be too recent, because each commit writes the whole file anew.
    /// </summary>
    internal bool IsCheap(FileContent content) => !content.IsLent
        && (content.IsBuffered
            || content.Base.Identity.Size <= CheapBytes && content.LogicalBytes <= CheapBytes)
        && Left(content) <= TimeSpan.Zero;

    /// <summary>How long a background commit is to be put off.</summary>
    internal TimeSpan Delay(FileContent content) => content.IsLent ? TimeSpan.Zero : Left(content);

    /// <summary>How long the next commit is to wait. Zero where it is due.</summary>
    /// <param name="content">What is to be committed.</param>
    private TimeSpan Left(FileContent content)
    {
        UncommittedChanges changes = content.Changes;
        if (content.Overlay.ReplacesBase || content.Base.IsFresh
            || changes.WrittenBytes * WorthwhilePart >= content.Base.Identity.Size)
            return TimeSpan.Zero;
        TimeSpan left = TimeSpan.Zero;
        lock (_gate)
        {
            if (_commits.TryGetValue(content.Node.Id, out (long EndedAt, long Bytes) last))
                left = Wait(last.Bytes) - Stopwatch.GetElapsedTime(last.EndedAt);
        }
        if (IsOverdue(content))
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        // Without a pause the commit would give way to the next writer, and have to begin anew.
        TimeSpan pause = TimeSpan.FromSeconds(
            Math.Min(content.Base.Identity.Size / CommitBytesPerSecond, LongestPause.TotalSeconds));
        TimeSpan quiet = pause.TotalMilliseconds < 100 ? TimeSpan.Zero : pause - changes.SinceLast;
        return left > quiet ? left : quiet > TimeSpan.Zero ? quiet : TimeSpan.Zero;
    }

    private static TimeSpan Wait(long bytes) =>
        TimeSpan.FromSeconds(Math.Min((double)bytes / BytesPerSecond, Longest.TotalSeconds));
}
