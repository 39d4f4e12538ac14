using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// One file that the kernel knows. Folders are reached through their parents, so a renamed folder takes everything
/// below with it.
/// </summary>
internal sealed class Node(ulong id, NodeKind kind) : IAged<Node>
{
    /// <summary>
    /// Guards the names below and, while it is held, the file under them: publishing a commit, unlinking, renaming,
    /// linking and changing attributes of one file exclude each other. Order: a content's lock, then this; two nodes in
    /// the order of their ids; then table and cache gates.
    /// </summary>
    // It is the node itself: a lock of its own would take 48 bytes more for every file that the kernel knows.
    internal object LinksGate => this;
    private Link? _first;
    private NodeRarities? _rarities = kind == NodeKind.Directory ? new NodeRarities() : null;

    /// <summary>What most nodes do without; made when something of it is set.</summary>
    private NodeRarities Rarities => LazyInitializer.EnsureInitialized(ref _rarities);

    private List<Link>? Others => _rarities?.OtherLinks;

    /// <summary>Node id, and the inode number that users see.</summary>
    internal ulong Id { get; } = id;

    /// <summary>
    /// Changes between <see cref="NodeKind.Plain"/> and <see cref="NodeKind.Stored"/> only, under
    /// <see cref="LinksGate"/>.
    /// </summary>
    internal NodeKind Kind { get; set; } = kind;

    /// <summary>
    /// The change time that a step of ours left on the stored file, in 16 bits. Any other change time comes from a
    /// change by another hand, even where the record's window covers it. 0 where no thread has looked since the step:
    /// the change time that is seen first is then the step's.
    /// </summary>
    internal ushort OwnChange
    {
        get => Volatile.Read(ref _ownChange);
        set => Volatile.Write(ref _ownChange, value);
    }
    private ushort _ownChange;

    /// <summary>No step of ours left the stored file's change time.</summary>
    internal const ushort ForeignChange = ushort.MaxValue;

    /// <summary>For <see cref="OwnChange"/>.</summary>
    internal static ushort MarkOf(long packedTime) =>
        (ushort)(1 + ((ulong)packedTime * 0x9E37_79B9_7F4A_7C15 >> 48) % (ForeignChange - 1));

    /// <summary>The kernel's references. Guarded by the table's gate.</summary>
    internal long Lookups { get; set; }

    /// <summary>
    /// Uses of the node that are not the kernel's: an open file, or a commit that waits. Guarded by the table's gate.
    /// </summary>
    internal int Pins { get; set; }

    /// <summary>Set by the <see cref="NodeMap"/>.</summary>
    internal ref Node? NextInMap => ref _nextInMap;
    private Node? _nextInMap;

    /// <summary>Links of other nodes that name this folder as parent. Guarded by the table's gate.</summary>
    internal int Children
    {
        get => _rarities?.Children ?? 0;
        set => Rarities.Children = value;
    }

    /// <summary>
    /// The folder's descriptor and place in the least-recently-used list. Guarded by the directory cache's gate.
    /// </summary>
    internal FileDescriptor? Descriptor
    {
        get => _rarities?.Descriptor;
        set => Rarities.Descriptor = value;
    }

    /// <summary>The next in that list; null for the newest. Guarded as the list is.</summary>
    public Node? Newer
    {
        get => _rarities?.Newer;
        set => Rarities.Newer = value;
    }

    /// <summary>The one before in that list; null for the oldest. Guarded as the list is.</summary>
    public Node? Older
    {
        get => _rarities?.Older;
        set => Rarities.Older = value;
    }

    /// <summary>A name under which the file is found, or null when none is known.</summary>
    internal Link? AnyLink => Volatile.Read(ref _first);

    /// <summary>Whether the file will be found again after its last close: what is written to it is kept.</summary>
    internal bool HasName => AnyLink is not null || HasUnknownName;

    /// <summary>
    /// The last known name went, and the file has others: hard links that the node does not know. Set under
    /// <see cref="LinksGate"/>.
    /// </summary>
    internal bool HasUnknownName
    {
        get => _rarities?.HasUnknownName ?? false;
        set
        {
            if (value || _rarities is not null)
                Rarities.HasUnknownName = value;
        }
    }

    /// <summary>
    /// The file or folder after its last name went, while the kernel still knows the node. Programs that have it open
    /// go on, and an open that raced with the unlink finds it, as on any file system. O_PATH for folders and special
    /// files. Set under <see cref="LinksGate"/>.
    /// </summary>
    internal FileDescriptor? Nameless
    {
        get => _rarities?.Nameless;
        set
        {
            if (value is not null || _rarities is not null)
                Rarities.Nameless = value;
        }
    }

    /// <summary>
    /// <see cref="Nameless"/>, kept open until the lease is disposed of. It takes no lock: the caller may hold another
    /// node's gate. False where there is none, or the kernel has just forgotten the node.
    /// </summary>
    internal bool TryRentNameless(out DescriptorLease lease)
    {
        lease = default;
        if (Nameless is not { } nameless)
            return false;
        try
        {
            lease = new DescriptorLease(nameless);
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Open handles on a plain file. Guarded by <see cref="LinksGate"/>.</summary>
    internal int PlainHandles
    {
        get => _rarities?.PlainHandles ?? 0;
        set => Rarities.PlainHandles = value;
    }

    /// <summary>A plain file that cannot be converted; the log has said why.</summary>
    internal bool StaysPlain
    {
        get => _rarities?.StaysPlain ?? false;
        set => Rarities.StaysPlain = value;
    }

    /// <summary>Open listings of a folder. Guarded by the folder's gate.</summary>
    internal int Listings
    {
        get => _rarities?.Listings ?? 0;
        set => Rarities.Listings = value;
    }

    /// <summary>How many listings of a folder were begun. Guarded by the gate of what keeps their names.</summary>
    internal long ListingsBegun
    {
        get => _rarities?.ListingsBegun ?? 0;
        set => Rarities.ListingsBegun = value;
    }

    /// <summary>
    /// When the folder's listing that the kernel may have kept was begun, by Stopwatch; 0 before the first. Guarded by
    /// the folder's gate.
    /// </summary>
    internal long ListedAt
    {
        get => (long)CachedVersion;
        set => CachedVersion = (ulong)value;
    }

    /// <summary>
    /// Version of the content whose pages the kernel may have kept; 0 where none, and see <see cref="HasStalePages"/>.
    /// Of a folder it is <see cref="ListedAt"/>.
    /// </summary>
    internal ulong CachedVersion
    {
        get => Volatile.Read(ref _cachedVersion);
        set => Volatile.Write(ref _cachedVersion, value);
    }
    private ulong _cachedVersion;

    // These are no versions of a file. Stale: the kernel must drop its pages. Dropped: the kernel was told to, and the
    // pages that it caches from then on may belong to any version.
    private const ulong StalePages = ulong.MaxValue, DroppedPages = ulong.MaxValue - 1;

    /// <summary>The kernel may have kept pages of an outdated version.</summary>
    internal void NoteStalePages() => CachedVersion = StalePages;

    /// <summary>
    /// The kernel is about to be told to drop them. The pages that the kernel caches from here on may belong to either
    /// version.
    /// </summary>
    internal void NoteDroppedPages() => CachedVersion = DroppedPages;

    /// <summary>
    /// The next open of the file must not keep its pages. Until then a caller need not report stale pages again.
    /// </summary>
    internal bool HasStalePages => CachedVersion >= DroppedPages;

    /// <summary>
    /// The kernel has dropped the pages as it was told, and has cached none of an outdated version since.
    /// </summary>
    internal void KeepPagesFromNowOn(ulong version) => KeepPages(DroppedPages, version);

    /// <summary>One version follows another, and the kernel's pages of the first hold all of the next, too.</summary>
    internal void KeepPages(ulong version, ulong next) =>
        Interlocked.CompareExchange(ref _cachedVersion, next, version);

    /// <summary>
    /// The path below the root, at this moment: logical names with slashes between. Empty where the node has no name,
    /// or the path is longer than 4096 bytes.
    /// </summary>
    internal byte[] LogicalPath() => NodePath.Of(this);

    /// <summary>Whether this is the only name that is known. The caller holds <see cref="LinksGate"/>.</summary>
    internal bool IsOnlyLink(Node parent, ReadOnlySpan<byte> name) =>
        Others is not { Count: > 0 } && AnyLink is { } link && link.Is(parent, name);

    /// <summary>Whether the name comes first and, where the file has only one name, no other is known.</summary>
    internal bool IsBestLink(Node parent, ReadOnlySpan<byte> name, bool only) =>
        AnyLink is { } first && first.Is(parent, name) && !(only && Others is { Count: > 0 });

    /// <summary>Whether the name is known. Takes the gate where it is not the first.</summary>
    internal bool HasLink(Node parent, ReadOnlySpan<byte> name)
    {
        Link? first = AnyLink;
        if (first is not null && first.Is(parent, name))
            return true;
        lock (LinksGate)
            return Others is { } others && others.FindIndexOf(parent, name) >= 0;
    }

    /// <summary>How many names are known.</summary>
    internal int KnownLinks => AnyLink is null ? 0 : 1 + (Others?.Count ?? 0);

    /// <summary>The known name at an index; null behind the last. The caller holds <see cref="LinksGate"/>.</summary>
    internal Link? LinkAt(int index) =>
        index == 0 ? _first : Others is { } others && index <= others.Count ? others[index - 1] : null;

    /// <summary>
    /// A name that is known comes first from now on. False where it is not known. The caller holds
    /// <see cref="LinksGate"/>.
    /// </summary>
    internal bool TryPrefer(Node parent, ReadOnlySpan<byte> name)
    {
        if (_first is { } first && first.Is(parent, name))
            return true;
        int known = Others?.FindIndexOf(parent, name) ?? -1;
        if (known < 0)
            return false;
        Link found = Others![known];
        Others[known] = _first!;
        Volatile.Write(ref _first, found);
        return true;
    }

    /// <summary>
    /// The file was not found under its first name, which another program may have taken from it in the source: another
    /// name comes first. False where no other is known.
    /// </summary>
    internal bool TryPreferNext(Link first)
    {
        lock (LinksGate)
        {
            if (_first != first)
                return _first is not null;
            if (Others.TakeLast() is not { } next)
                return false;
            Volatile.Write(ref _first, next);
            Others!.Insert(0, first);
            return true;
        }
    }

    /// <summary>
    /// Remembers a name that is not known yet, as the first. Returns the one that was dropped for it, if any. The
    /// caller holds <see cref="LinksGate"/>.
    /// </summary>
    internal Link? AddLink(Link link)
    {
        Link? first = _first;
        Volatile.Write(ref _first, link);
        return first is null ? null : (Rarities.OtherLinks ??= []).Remember(first);
    }

    /// <summary>
    /// Takes one name after the other, but the first, to be forgotten; null after the last. The caller holds
    /// <see cref="LinksGate"/>.
    /// </summary>
    internal Link? TakeOtherLink() => Others.TakeLast();

    /// <summary>
    /// Forgets a name. Returns it, or null if it was not known. Caller holds <see cref="LinksGate"/>.
    /// </summary>
    internal Link? RemoveLink(Node parent, ReadOnlySpan<byte> name)
    {
        Link? first = _first;
        if (first is not null && first.Is(parent, name))
        {
            Volatile.Write(ref _first, Others.TakeLast());
            return first;
        }
        int index = Others?.FindIndexOf(parent, name) ?? -1;
        if (index < 0)
            return null;
        Link removed = Others![index];
        Others!.RemoveAt(index);
        return removed;
    }

    /// <summary>
    /// Takes one known name after the other, for giving up their parents; null after the last. Caller holds
    /// <see cref="LinksGate"/>.
    /// </summary>
    internal Link? TakeLink()
    {
        if (TakeOtherLink() is { } other)
            return other;
        Link? first = _first;
        _first = null;
        return first;
    }
}
