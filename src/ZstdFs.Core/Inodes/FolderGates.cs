using System.Collections.Concurrent;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// Keeps a commit in a folder apart from changes of names there, and of the folder's times. The commit renames and then
/// puts the folder's time back: to its users nothing happened in it. An op holds a gate for a few system calls; a
/// rename in two steps also while it puts its journal on disk. Order: after any node's <see cref="Node.LinksGate"/>;
/// two folders by <see cref="Enter"/>.
/// </summary>
internal sealed class FolderGates(FolderChanges changes)
{
    private const int Count = 64; // folders share gates; a lock in every node would cost memory

    private readonly Lock[] _gates = [.. Enumerable.Range(0, Count).Select(static _ => new Lock())];

    // The times to show of folders in which something unnoticed happens at this moment, by node id. The sequence moves
    // when an entry comes or goes.
    private readonly ConcurrentDictionary<ulong, ShownTimes> _shown = new();
    private long _sequence;

    private FolderChanges Changes { get; } = changes;

    /// <summary>The gate of a folder.</summary>
    internal Lock this[Node folder] => _gates[folder.Id % Count];

    /// <summary>A caller asks for this before it asks for a folder's attributes, for <see cref="TryShow"/>.</summary>
    internal long Look() => Volatile.Read(ref _sequence);

    /// <summary>
    /// Puts the times that users know into the attributes of a folder, which the caller asked for after
    /// <see cref="Look"/>. The source shows other times between an unnoticed rename and the putting back of the time,
    /// and another change time from then on. False where the caller must ask for the attributes again.
    /// </summary>
    internal bool TryShow(long look, ulong folder, ref Statx stat)
    {
        if (_shown.TryGetValue(folder, out ShownTimes times))
        {
            (stat.ModifyTime, stat.ChangeTime) = (times.Modify, times.Change);
            return true;
        }
        StatxTimestamp change = StatxTimestamp.Of(Changes.Of(folder, stat));
        if (Volatile.Read(ref _sequence) != look)
            return false;
        stat.ChangeTime = change;
        return true;
    }

    private readonly record struct ShownTimes(StatxTimestamp Modify, StatxTimestamp Change);

    /// <summary>
    /// Holds the folder's gate and, until the end, its times: what we rename there meanwhile is no change to its users.
    /// </summary>
    internal Unnoticed EnterUnnoticed(Node folder, FileDescriptor descriptor) => new(this, folder, descriptor);

    /// <summary>Takes both folders' gates, in an order that all threads keep.</summary>
    internal Held Enter(Node one, Node other)
    {
        (ulong first, ulong second) =
            (Math.Min(one.Id % Count, other.Id % Count), Math.Max(one.Id % Count, other.Id % Count));
        _gates[first].Enter();
        _gates[second].Enter();
        return new Held(_gates[first], _gates[second]);
    }

    /// <summary>The gate of a folder whose attributes are about to change; of anything else, none.</summary>
    internal Held EnterIfFolder(Node node)
    {
        if (node.Kind != NodeKind.Directory)
            return default;
        this[node].Enter();
        return new Held(this[node], null);
    }

    /// <summary>Two gates held, or fewer.</summary>
    internal readonly ref struct Held(Lock? first, Lock? second)
    {
        public void Dispose()
        {
            second?.Exit();
            first?.Exit();
        }
    }

    /// <summary>A folder's gate held, and its times kept.</summary>
    internal readonly ref struct Unnoticed
    {
        private readonly FolderGates _gates;
        private readonly Node _folder;
        private readonly FileDescriptor _descriptor;
        private readonly ShownTimes _times;
        private readonly bool _hasTime;

        internal Unnoticed(FolderGates gates, Node folder, FileDescriptor descriptor)
        {
            (_gates, _folder, _descriptor) = (gates, folder, descriptor);
            gates[folder].Enter();
            _hasTime = SystemCallsAt.Stat(descriptor, out Statx before) >= 0;
            if (!_hasTime)
                return;
            _times = new ShownTimes(before.ModifyTime, StatxTimestamp.Of(gates.Changes.Of(folder.Id, before)));
            gates._shown[folder.Id] = _times;
            _ = Interlocked.Increment(ref gates._sequence);
        }

        public void Dispose()
        {
            if (_hasTime)
            {
                // The daemon may not be permitted to set the time of another user's folder: that time stays moved.
                _ = SystemCallsAt.SetTimes(
                    _descriptor, new NativeName(".\0"u8), Timestamp.Omit, _times.Modify.ToTimestamp());
                if (SystemCallsAt.Stat(_descriptor, out Statx after) >= 0)
                    _gates.Changes.Note(_folder.Id, after, _times.Change.ToTimestamp());
                // Bump the sequence before removing the entry: a reader that misses the entry must see the new
                // sequence.
                _ = Interlocked.Increment(ref _gates._sequence);
                _ = _gates._shown.TryRemove(_folder.Id, out _);
            }
            _gates[_folder].Exit();
        }
    }
}
