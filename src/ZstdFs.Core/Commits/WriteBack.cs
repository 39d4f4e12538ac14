using System.Diagnostics;
using ZstdFs.Core.Content;
using ZstdFs.Core.OpenFiles;

namespace ZstdFs.Core.Commits;

/// <summary>
/// Puts on disk what was written a while ago to files that stay open and that no program synchronises, such as logs.
/// The kernel does the same on its own file systems. A crash of the daemon or of the machine then takes the last half
/// minute from them, and not all since they were opened.
/// </summary>
internal sealed class WriteBack : IDisposable
{
    private readonly ContentTable _contents;
    private readonly Durability _durability;
    private readonly TimeSpan _age;
    private readonly Action<FileContent> _release;
    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _thread;

    /// <param name="contents">Open files.</param>
    /// <param name="durability">Puts them on disk.</param>
    /// <param name="age">How long written content may be in memory alone. The thread looks six times as often.</param>
    /// <param name="release">Gives a hold back.</param>
    internal WriteBack(ContentTable contents, Durability durability, TimeSpan age, Action<FileContent> release)
    {
        (_contents, _durability, _age, _release) = (contents, durability, age, release);
        _thread = new Thread(Run) { IsBackground = true, Name = "write-back" };
        _thread.Start();
    }

    private void Run()
    {
        while (!_end.Wait(_age / 6))
        {
            foreach (FileContent content in _contents.HoldUnsettled())
            {
                try
                {
                    PutOnDisk(content);
                }
                catch (Exception e)
                {
                    content.NoteUnexpected("write-back", e);
                }
                _release(content);
            }
        }
    }

    private void PutOnDisk(FileContent content)
    {
        _durability.KeepWholeIfIdle(content);
        // The next close or fsync of the file returns the error.
        if (!_end.IsSet && IsDue(content) && content.Persist() >= 0
            && _durability.Synchronize(content) is < 0 and var failed)
            content.Outcome.NoteUntold(failed);
    }

    // The next mount must not find half of a new content.
    private bool IsDue(FileContent content) =>
        content.CutShort == 0
        && content.DirtySince is var since && since != 0 && Stopwatch.GetElapsedTime(since) >= _age
        && (content.Node.HasName || content.IsUnnamed);

    public void Dispose()
    {
        _end.Set();
        _thread.Join();
        _end.Dispose();
    }
}
