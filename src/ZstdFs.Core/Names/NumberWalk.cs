using System.Diagnostics;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Names;

/// <summary>
/// Walks through the whole source to find inode numbers. All lookups that come during a walk share the next walk. A
/// number that a walk did not find is not looked for again for ten times as long as the walk took, so that a stale
/// handle cannot keep the disk busy.
/// </summary>
internal sealed class NumberWalk(SourceTree source, IInodeStore inodes)
{
    private const int Pause = 10, MostAbsent = 10_000;

    private readonly Lock _wantedGate = new(); // guards _next and its Wanted; taken inside _walking too
    private Batch _next = new();

    // Guards what follows. A lookup holds it for a whole walk; all others that take it wait for a walk as well.
    private readonly Lock _walking = new();
    private readonly Dictionary<ulong, long> _absentUntil = [];

    private volatile bool _isStopped;

    private SourceDevices Devices => source.Devices;

    private UnrecordedNumbers Numbers => source.Numbers;

    /// <summary>
    /// The path of a file below the root, logical names with slashes between; null where there is none.
    /// </summary>
    internal byte[]? Find(ulong id)
    {
        Batch batch;
        lock (_wantedGate)
        {
            batch = _next;
            batch.Wanted.Add(id);
        }
        lock (_walking)
        {
            if (!batch.IsDone)
            {
                lock (_wantedGate)
                {
                    if (IsKnownAbsent(id))
                    {
                        batch.Wanted.Remove(id);
                        return null;
                    }
                    // Another lookup of the same number may have removed it in the branch above.
                    batch.Wanted.Add(id);
                    _next = new Batch();
                }
                Walk(batch);
            }
            // This lookup's own batch has the answer; later walks may have served other batches since.
            return batch.Found.GetValueOrDefault(id);
        }
    }

    internal void Stop() => _isStopped = true;

    private bool IsKnownAbsent(ulong id) =>
        _isStopped || _absentUntil.TryGetValue(id, out long until) && Stopwatch.GetTimestamp() < until;

    private void Walk(Batch batch)
    {
        long begun = Stopwatch.GetTimestamp();
        var root = new SourceFolder(source.Root, [], source.RootStat, ownsDescriptor: false);
        new TreeWalk(source, new Visitor(this, inodes, batch), oneFileSystem: false).Run(root);
        long ended = Stopwatch.GetTimestamp();
        if (_absentUntil.Count > MostAbsent)
            _absentUntil.Clear();
        foreach (ulong id in batch.Wanted)
        {
            if (!batch.Found.ContainsKey(id))
                _absentUntil[id] = ended + (ended - begun) * Pause;
        }
        // An exception skips this: then the next lookup of the batch walks again.
        batch.IsDone = true;
    }

    /// <summary>The lookups that one walk answers.</summary>
    private sealed class Batch
    {
        /// <summary>The numbers to find. No lookup adds one while the batch's walk is under way.</summary>
        internal HashSet<ulong> Wanted { get; } = [];

        internal Dictionary<ulong, byte[]> Found { get; } = [];

        internal bool IsDone { get; set; }
    }

    private sealed class Visitor(NumberWalk walk, IInodeStore store, Batch batch) : ITreeVisitor
    {
        public bool Visit(in WalkedFile file)
        {
            Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
            if (!SourceNames.TryToLogical(file.Folder.Descriptor, file.Name.Bytes, file.Stat.IsRegular, buffer,
                out ReadOnlySpan<byte> name))
                return !walk._isStopped;
            SizeRecord record = default;
            bool isNumbered = file.Stat.IsRegular
                && SourceTree.TryReadRecord(file.Folder.Descriptor, file.Name, out record)
                && walk.Devices.IsOf(record, file.Stat);
            ulong number = isNumbered ? record.InodeNumber : walk.Numbers.Of(file.Stat);
            Note(file.Folder, name, number);
            // The walk goes on after the last wanted number only for a store that keeps the other places.
            return !walk._isStopped && (store.KeepsAll || batch.Found.Count < batch.Wanted.Count);
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
                store.Put(number, new InodePlace(
                    folder.IsRoot ? NodeTable.RootId : walk.Numbers.Of(folder.Stat), [.. name, 0]));
            if (batch.Wanted.Contains(number))
                batch.Found.TryAdd(number, folder.IsRoot ? name.ToArray()
                    : [.. SourceNames.ToLogicalPath(folder.Path), (byte)'/', .. name]);
        }
    }
}
