using System.Diagnostics;
using ZstdFs.Core.Source;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Linux;

namespace ZstdFs.Core.Overlays;

/// <summary>
/// Whether and when content was changed since its base. Changes are made under the content's lock; stat(2) reads the
/// attributes without it.
/// </summary>
internal sealed class UncommittedChanges(FileClock clock)
{
    private SharedTime _modifyTime;
    private SharedTime _changeTime;

    /// <summary>There is something to commit.</summary>
    internal bool Exist { get; private set; }

    /// <summary>Counts changes, and the commits and reverts that end them.</summary>
    internal long Count { get; private set; }

    /// <summary>Since when there is something that is not on disk, by Stopwatch; 0 where there is nothing.</summary>
    internal long UnsafeSince { get; private set; }

    /// <summary>Bytes that writers gave since the base, counted again where they overlap.</summary>
    internal long WrittenBytes { get; private set; }

    /// <summary>How long ago the first change after the base was made.</summary>
    internal TimeSpan Since => TimeSpan.FromMilliseconds(Environment.TickCount64 - _firstTicks);

    /// <summary>How long ago the last change was made.</summary>
    internal TimeSpan SinceLast => TimeSpan.FromMilliseconds(Environment.TickCount64 - _lastTicks);
    private long _firstTicks, _lastTicks;

    /// <summary>Modification time of what is not committed yet.</summary>
    internal Timestamp ModifyTime
    {
        get => _modifyTime.Value;
        set => _modifyTime.Value = value;
    }

    /// <summary>When what is not committed yet was changed last.</summary>
    internal Timestamp ChangeTime
    {
        get => _changeTime.Value;
        private set => _changeTime.Value = value;
    }

    /// <summary>A change was made, which wrote so many bytes.</summary>
    /// <param name="base">What was changed.</param>
    /// <param name="bytes">How many were written.</param>
    internal void Note(StoredBase @base, int bytes = 0)
    {
        _lastTicks = Environment.TickCount64;
        if (!Exist)
            _firstTicks = _lastTicks;
        Exist = true;
        Count++;
        WrittenBytes += bytes;
        if (UnsafeSince == 0)
            UnsafeSince = Stopwatch.GetTimestamp();
        ModifyTime = ChangeTime = clock.Now(@base.FoundChange);
    }

    /// <summary>An earlier mount left them, and they are on disk.</summary>
    internal void NoteLeft(Timestamp modify, Timestamp change) =>
        (Exist, ModifyTime, ChangeTime) = (true, modify, change);

    /// <summary>All of it is on disk.</summary>
    internal void NoteSynchronized() => UnsafeSince = 0;

    /// <summary>
    /// From here on the kernel writes without telling the daemon: at any time something may not be on disk.
    /// </summary>
    internal void NoteLent() => UnsafeSince = Stopwatch.GetTimestamp();

    /// <summary>The kernel has finished writing: the times of what it wrote are known.</summary>
    internal void NoteReturned(Timestamp modify, Timestamp change)
    {
        (ModifyTime, ChangeTime) = (modify, change);
        Count++;
    }

    /// <summary>There is nothing to commit any more.</summary>
    internal void NoteClean()
    {
        Exist = false;
        WrittenBytes = 0;
        Count++;
        UnsafeSince = 0;
    }
}
