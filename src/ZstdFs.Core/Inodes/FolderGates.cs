using System.Collections.Concurrent;
using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// Keeps changes of names in a folder, and of the folder's times, apart from a commit there, which renames and then puts the folder's time back: to its users nothing
/// happened in it. Held for single system calls only. Order: after any node's <see cref="Node.LinksGate"/>; two folders by <see cref="Enter"/>.
/// </summary>
internal sealed class FolderGates
{
    private const int Count = 64; // folders share gates; a lock in every node would cost memory

    private readonly Lock[] _gates = [.. Enumerable.Range(0, Count).Select(static _ => new Lock())];

    // Modification times of the folders in which something unnoticed happens now, by node id; and a number that moves when one comes or goes.
    private readonly ConcurrentDictionary<ulong, StatxTimestamp> _shown = new();
    private long _sequence;

    internal Lock this[Node folder] => _gates[folder.Id % Count];

    /// <summary>To be asked for before a folder's attributes are, for <see cref="TryShow"/>.</summary>
    internal long Look() => Volatile.Read(ref _sequence);

    /// <summary>
    /// Makes the attributes of a folder, asked for after <see cref="Look"/>, those that its users know: between an unnoticed rename and the putting back of the time
    /// the source shows another. False where they have to be asked for again.
    /// </summary>
    internal bool TryShow(long look, ulong folder, ref Statx stat)
    {
        if (_shown.TryGetValue(folder, out StatxTimestamp time))
        {
            stat.ModifyTime = time;
            return true;
        }
        return Volatile.Read(ref _sequence) == look;
    }

    /// <summary>Holds the folder's gate and, until the end, its modification time: what is renamed there meanwhile is nothing that its users did.</summary>
    internal Unnoticed EnterUnnoticed(Node folder, FileDescriptor descriptor) => new(this, folder, descriptor);

    /// <summary>Both folders' gates, in an order that all agree on.</summary>
    internal Held Enter(Node one, Node other)
    {
        (ulong first, ulong second) = (Math.Min(one.Id % Count, other.Id % Count), Math.Max(one.Id % Count, other.Id % Count));
        _gates[first].Enter();
        _gates[second].Enter();
        return new Held(_gates[first], _gates[second]);
    }

    /// <summary>Two gates held.</summary>
    internal readonly ref struct Held(Lock first, Lock second)
    {
        public void Dispose()
        {
            second.Exit();
            first.Exit();
        }
    }

    /// <summary>A folder's gate held, and its time kept.</summary>
    internal readonly ref struct Unnoticed
    {
        private readonly FolderGates _gates;
        private readonly Node _folder;
        private readonly FileDescriptor _descriptor;
        private readonly StatxTimestamp _time;
        private readonly bool _hasTime;

        internal Unnoticed(FolderGates gates, Node folder, FileDescriptor descriptor)
        {
            (_gates, _folder, _descriptor) = (gates, folder, descriptor);
            gates[folder].Enter();
            _hasTime = SystemCallsAt.Stat(descriptor, out Statx before) >= 0;
            _time = before.ModifyTime;
            if (!_hasTime)
                return;
            gates._shown[folder.Id] = _time;
            _ = Interlocked.Increment(ref gates._sequence);
        }

        public void Dispose()
        {
            if (_hasTime)
            {
                // Who may not set the time of a folder that belongs to somebody else leaves it moved.
                _ = SystemCallsAt.SetTimes(_descriptor, new NativeName(".\0"u8), Timestamp.Omit, _time.ToTimestamp());
                // In this order: who finds no time any more finds that the number moved.
                _ = Interlocked.Increment(ref _gates._sequence);
                _ = _gates._shown.TryRemove(_folder.Id, out _);
            }
            _gates[_folder].Exit();
        }
    }
}
