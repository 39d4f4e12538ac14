using ZstdFs.Core.Source;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// The files that the kernel holds references to, by node id. INVARIANT: a node is in the table while it has lookups,
/// pins or children, so that the way from any known file up to the root is always known. When a node leaves the table,
/// the table tells the store where it was.
/// </summary>
internal sealed class NodeTable
{
    /// <summary>Node id of the root, which the FUSE protocol sets.</summary>
    internal const ulong RootId = 1;

    /// <summary>From so many nodes on, their memory is worth giving back.</summary>
    private const int Many = 16 * 1024;

    // Guards the map, the most that were in it, and every node's Lookups, Pins and Children.
    private readonly Lock _gate = new();
    private readonly NodeMap _nodes = new();

    private readonly IInodeStore _store;
    private readonly Action _onShrunk;
    private int _most;
    private long _takenNames;

    /// <param name="store">Told where nodes were.</param>
    /// <param name="onShrunk">Called after most of many nodes were forgotten, with the gate held.</param>
    internal NodeTable(IInodeStore store, Action onShrunk)
    {
        (_store, _onShrunk) = (store, onShrunk);
        Root = new Node(RootId, NodeKind.Directory) { Lookups = 1 };
        _nodes.Add(Root);
    }

    /// <summary>The root.</summary>
    internal Node Root { get; }

    /// <summary>How many nodes it has.</summary>
    internal int Count { get { lock (_gate) return _nodes.Count; } }

    /// <summary>
    /// Closes the files that lost their names while the kernel knew them: no request asks for them any more.
    /// </summary>
    internal void CloseNameless()
    {
        lock (_gate)
        {
            foreach (Node node in _nodes.All)
                node.Nameless?.Dispose();
        }
    }

    /// <summary>
    /// The node, or null where the kernel should not know the id (a lost race with FORGET, or an id made up).
    /// </summary>
    internal Node? Find(ulong id)
    {
        lock (_gate)
            return _nodes.Find(id);
    }

    /// <summary>
    /// How many times files lost a name. A name that was looked up before the number grew may be another file's by now.
    /// </summary>
    internal long TakenNames => Volatile.Read(ref _takenNames);

    /// <summary>
    /// A rename or removal has just changed the source. A lookup that saw the name before finds that the number has
    /// grown; or its node is in the table already, and the caller corrects that node's names.
    /// </summary>
    internal void NoteTakenName() => Interlocked.Increment(ref _takenNames);

    /// <summary>
    /// As <see cref="Acquire"/>, for a name that was looked up after <see cref="TakenNames"/> was asked for. False
    /// where the file may have lost the name since, or a plain file was converted, or a stored one was taken back: the
    /// caller looks again, under the node's gate, or gives the reference back.
    /// </summary>
    internal bool TryAcquire(
        ulong id, NodeKind kind, Node parent, ReadOnlySpan<byte> name, bool onlyName, long takenNames, out Node node)
    {
        node = Refer(id, kind);
        bool isOnly = onlyName || kind == NodeKind.Directory;
        if (node.Kind != kind)
            return false;
        if (node.IsBestLink(parent, name, isOnly))
            return true;
        lock (node.LinksGate)
        {
            if (takenNames != TakenNames)
                return node.HasLink(parent, name);
            AddLink(node, parent, name, isOnly);
            return true;
        }
    }

    /// <summary>
    /// One more kernel reference to the file <paramref name="id"/>, which was just seen under this name; a node is made
    /// where there is none.
    /// </summary>
    /// <param name="id">Node id.</param>
    /// <param name="kind">
    /// What it is. A node of another kind under the id is a predecessor whose number was reused, and is replaced. A
    /// number from the allocator is not used again: there the node is a plain file that was converted, and stays.
    /// </param>
    /// <param name="parent">The folder.</param>
    /// <param name="name">Logical name; empty for a file without one.</param>
    /// <param name="onlyName">The file has one link in the source, so that this name is its only one.</param>
    internal Node Acquire(ulong id, NodeKind kind, Node parent, ReadOnlySpan<byte> name, bool onlyName)
    {
        Node node = Refer(id, kind);
        lock (node.LinksGate)
        {
            node.Kind = kind;
            if (!name.IsEmpty)
                AddLink(node, parent, name, onlyName || kind == NodeKind.Directory);
        }
        return node;
    }

    /// <summary>
    /// The node of this number, with one more reference. A node of an allocated number may be of another kind than what
    /// was seen: a conversion changes the kind under the node's gate, so the caller knows it only when it has looked
    /// under that gate.
    /// </summary>
    private Node Refer(ulong id, NodeKind kind)
    {
        Node? node, replaced = null;
        lock (_gate)
        {
            node = _nodes.Find(id);
            if (node is null || node.Kind != kind && !InodeNumber.IsAllocated(id))
            {
                replaced = node;
                node = new Node(id, kind);
                if (replaced is not null)
                {
                    _nodes.Remove(replaced);
                    (node.Lookups, replaced.Lookups) = (replaced.Lookups, 0);
                }
                _nodes.Add(node);
                _most = Math.Max(_most, _nodes.Count);
            }
            node.Lookups++;
        }
        if (replaced is not null)
            LetGo(replaced);
        return node;
    }

    /// <summary>
    /// A node was replaced: the folders above it need not be kept for it. Where an open file or a child still uses the
    /// node, the last use lets them go.
    /// </summary>
    private void LetGo(Node replaced)
    {
        // An op that found the node before may be changing its names.
        lock (replaced.LinksGate)
        {
            lock (_gate)
                RemoveIfUnused(replaced);
        }
    }

    /// <summary>One more kernel reference to a node that is in the table; null where it is not.</summary>
    internal Node? TryAcquire(ulong id)
    {
        lock (_gate)
        {
            Node? node = _nodes.Find(id);
            if (node is not null)
                node.Lookups++;
            return node;
        }
    }

    /// <summary>
    /// Tells the store about every node, as if the kernel had forgotten all. No request comes any more.
    /// </summary>
    internal void StoreAll()
    {
        lock (_gate)
        {
            foreach (Node node in _nodes.All)
            {
                if (node.AnyLink is { } link)
                    _store.Put(node.Id, new InodePlace(link.Parent.Id, link.Name));
            }
        }
    }

    /// <summary>Remembers a name of the node, under which it was just found, and prefers it to the others.</summary>
    /// <param name="node">The file.</param>
    /// <param name="parent">The folder.</param>
    /// <param name="name">Logical name.</param>
    /// <param name="only">It is the only name that the file has: any other that was known is gone.</param>
    internal void AddLink(Node node, Node parent, ReadOnlySpan<byte> name, bool only)
    {
        lock (node.LinksGate)
        {
            if (!node.TryPrefer(parent, name))
            {
                byte[] terminated = new byte[name.Length + 1];
                name.CopyTo(terminated);
                Link? dropped = node.AddLink(new Link(parent, terminated));
                lock (_gate)
                    parent.Children++;
                DropChild(dropped);
            }
            while (only && node.TakeOtherLink() is { } other)
                DropChild(other);
        }
    }

    /// <summary>Forgets a name of the node.</summary>
    internal void RemoveLink(Node node, Node parent, ReadOnlySpan<byte> name)
    {
        Link? removed;
        lock (node.LinksGate)
            removed = node.RemoveLink(parent, name);
        DropChild(removed);
    }

    /// <summary>
    /// Takes kernel references back. A file without any, without pins and without children, is forgotten and returned.
    /// </summary>
    internal Node? Forget(ulong id, ulong lookups)
    {
        lock (_gate)
        {
            if (id == RootId || _nodes.Find(id) is not { } node)
                return null;
            node.Lookups = Math.Max(0, node.Lookups - (long)lookups);
            return RemoveIfUnused(node) ? node : null;
        }
    }

    /// <summary>Keeps the node, and so its names, although the kernel may forget it.</summary>
    internal void Pin(Node node)
    {
        lock (_gate)
        {
            node.Pins++;
            if (_nodes.Find(node.Id) is null)
                _nodes.Add(node);
        }
    }

    /// <summary>Takes a <see cref="Pin"/> back. Returns the node where that makes the table forget it.</summary>
    internal Node? Unpin(Node node)
    {
        lock (_gate)
        {
            node.Pins--;
            return RemoveIfUnused(node) ? node : null;
        }
    }

    private void DropChild(Link? link)
    {
        if (link is null)
            return;
        lock (_gate)
        {
            link.Parent.Children--;
            RemoveIfUnused(link.Parent);
        }
    }

    /// <summary>
    /// Forgets a node that has no use any more, and the folders above it that were kept for it alone. False where the
    /// node is in use, and where another one has its number by now. Caller holds the gate.
    /// </summary>
    private bool RemoveIfUnused(Node node)
    {
        if (IsUsed(node))
            return false;
        bool isRemoved = RemoveAlone(node);
        // Not by recursion: there may be more folders above one another than the stack has room for. Nearly always a
        // node has one name, and no stack is made.
        Stack<Node>? others = null;
        for (Node? unused = node; unused is not null;)
        {
            Node? next = null;
            while (unused.TakeLink() is { } link)
            {
                Node parent = link.Parent;
                parent.Children--;
                if (IsUsed(parent))
                    continue;
                RemoveAlone(parent);
                if (next is not null)
                    (others ??= new Stack<Node>()).Push(next);
                next = parent;
            }
            unused = next ?? (others is { Count: > 0 } ? others.Pop() : null);
        }
        if (_most >= Many && _nodes.Count < _most / 4)
        {
            _nodes.TrimExcess();
            _most = _nodes.Count;
            _onShrunk();
        }
        return isRemoved;
    }

    private bool IsUsed(Node node) => node.Lookups > 0 || node.Pins > 0 || node.Children > 0 || node == Root;

    /// <summary>
    /// Takes a node out of the table, and tells the store where it was. False where another node has replaced it: the
    /// number's place is that one's. Only an op that is just ending still reaches the node; its names need no gate.
    /// </summary>
    private bool RemoveAlone(Node node)
    {
        if (!_nodes.Remove(node))
            return false;
        if (node.AnyLink is { } place)
            _store.Put(node.Id, new InodePlace(place.Parent.Id, place.Name));
        else
            _store.Remove(node.Id);
        return true;
    }
}
