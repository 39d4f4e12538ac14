using System.Diagnostics;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Content;

/// <summary>Whether and when content was changed since its base. Changed under the content's lock; the times are packed, because attributes are read beside writers.</summary>
internal sealed class UncommittedChanges
{
    private long _modifyTime;
    private long _changeTime;

    /// <summary>There is something to commit.</summary>
    internal bool Exist { get; private set; }

    /// <summary>Counts changes, and what ends them.</summary>
    internal long Count { get; private set; }

    /// <summary>Since when there is something that is not on disk, by Stopwatch; 0 where there is nothing.</summary>
    internal long UnsafeSince { get; private set; }

    /// <summary>Modification time of what is not committed yet.</summary>
    internal Timestamp ModifyTime
    {
        get => PackedTime.Unpack(Volatile.Read(ref _modifyTime));
        set => Volatile.Write(ref _modifyTime, PackedTime.Pack(value));
    }

    /// <summary>When what is not committed yet was changed last.</summary>
    internal Timestamp ChangeTime
    {
        get => PackedTime.Unpack(Volatile.Read(ref _changeTime));
        private set => Volatile.Write(ref _changeTime, PackedTime.Pack(value));
    }

    /// <summary>Something was written.</summary>
    internal void Note()
    {
        Exist = true;
        Count++;
        if (UnsafeSince == 0)
            UnsafeSince = Stopwatch.GetTimestamp();
        ModifyTime = ChangeTime = Timestamp.Now();
    }

    /// <summary>An earlier mount left them, and they are on disk.</summary>
    internal void NoteLeft(Timestamp modify) => (Exist, ModifyTime, ChangeTime) = (true, modify, Timestamp.Now());

    /// <summary>All of it is on disk.</summary>
    internal void NoteSynchronized() => UnsafeSince = 0;

    /// <summary>From now on nobody hears of writes: at any time there may be something that is not on disk.</summary>
    internal void NoteLent() => UnsafeSince = Stopwatch.GetTimestamp();

    /// <summary>What was written meanwhile is known.</summary>
    internal void NoteReturned(Timestamp modify, Timestamp change)
    {
        (ModifyTime, ChangeTime) = (modify, change);
        Count++;
    }

    /// <summary>There is nothing to commit any more.</summary>
    internal void NoteClean()
    {
        Exist = false;
        Count++;
        UnsafeSince = 0;
    }
}
