using System.Diagnostics;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.FileSystem;

/// <summary>
/// Looks through the whole source for inode numbers. Whoever asks meanwhile is answered by one further walk, all together; and a number that was not there is not looked
/// for again for ten times as long as the walk took, so that a stale handle cannot keep the disk busy.
/// </summary>
internal sealed class NumberWalk(Volume volume)
{
    private const int Pause = 10, MostAbsent = 10_000;

    private readonly Lock _wantedGate = new(); // guards _wanted; taken inside _walking too
    private HashSet<ulong> _wanted = [];

    // Guards what follows; held for a whole walk, and only by those who wait for one.
    private readonly Lock _walking = new();
    private readonly Dictionary<ulong, long> _absentUntil = [];
    private Dictionary<ulong, byte[]> _found = [];

    private volatile bool _isStopped;

    private SourceDevices Devices => volume.Source.Devices;

    private UnrecordedNumbers Numbers => volume.Source.Numbers;

    /// <summary>The path of a file below the root, logical names with slashes between; null where there is none.</summary>
    internal byte[]? Find(ulong id)
    {
        lock (_wantedGate)
            _wanted.Add(id);
        lock (_walking)
        {
            bool waits;
            HashSet<ulong> wanted = [];
            lock (_wantedGate)
            {
                waits = _wanted.Contains(id);
                if (waits && IsKnownAbsent(id))
                {
                    _wanted.Remove(id);
                    return null;
                }
                if (waits)
                    (wanted, _wanted) = (_wanted, wanted);
            }
            if (waits)
                Walk(wanted);
            return _found.GetValueOrDefault(id);
        }
    }

    internal void Stop() => _isStopped = true;

    private bool IsKnownAbsent(ulong id) => _isStopped || _absentUntil.TryGetValue(id, out long until) && Stopwatch.GetTimestamp() < until;

    private void Walk(HashSet<ulong> wanted)
    {
        long begun = Stopwatch.GetTimestamp();
        var visitor = new Visitor(this, volume.Inodes, wanted);
        var root = new SourceFolder(volume.Source.Root, [], volume.Source.RootStat, ownsDescriptor: false);
        new TreeWalk(volume.Source, visitor, oneFileSystem: false).Run(root);
        _found = visitor.Found;
        long ended = Stopwatch.GetTimestamp();
        if (_absentUntil.Count > MostAbsent)
            _absentUntil.Clear();
        foreach (ulong id in wanted)
        {
            if (!_found.ContainsKey(id))
                _absentUntil[id] = ended + (ended - begun) * Pause;
        }
    }

    private sealed class Visitor(NumberWalk walk, IInodeStore store, HashSet<ulong> wanted) : ITreeVisitor
    {
        internal Dictionary<ulong, byte[]> Found { get; } = [];

        public bool Visit(in WalkedFile file)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            if (!SourceNames.TryToLogical(file.Folder.Descriptor, file.Name.Bytes, file.Stat.IsRegular, buffer,
                out ReadOnlySpan<byte> name))
                return !walk._isStopped;
            SizeRecord record = default;
            bool isNumbered = file.Stat.IsRegular && SourceTree.TryReadRecord(file.Folder.Descriptor, file.Name, out record) && walk.Devices.IsOf(record, file.Stat);
            ulong number = isNumbered ? record.InodeNumber : walk.Numbers.Of(file.Stat);
            Note(file.Folder, name, number);
            // Without a store that keeps the rest there is nothing to go on for.
            return !walk._isStopped && (store.KeepsAll || Found.Count < wanted.Count);
        }

        public bool Enters(SourceFolder parent, NativeName name, in Statx stat)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            Note(parent, StoredName.ToLogicalNode(name.Bytes, buffer), walk.Numbers.Of(stat));
            return true;
        }

        public void Unreadable(byte[] path, Errno error) { }

        private void Note(SourceFolder folder, ReadOnlySpan<byte> name, ulong number)
        {
            if (store.KeepsAll)
                store.Put(number, new InodePlace(folder.IsRoot ? NodeTable.RootId : walk.Numbers.Of(folder.Stat), [.. name, 0]));
            if (wanted.Contains(number))
                Found.TryAdd(number, folder.IsRoot ? name.ToArray()
                    : [.. SourceNames.ToLogicalPath(folder.Path), (byte)'/', .. name]);
        }
    }
}
