using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// What a <see cref="Node"/> has besides where it is a folder, has several names, has lost its last one, or is or was a
/// plain file. It is apart because nearly all of a million nodes have none of it. The node's properties tell which gate
/// guards what.
/// </summary>
internal sealed class NodeRarities
{
    internal List<Link>? OtherLinks { get; set; }
    internal int Children { get; set; }
    internal FileDescriptor? Descriptor { get; set; }
    internal Node? Newer { get; set; }
    internal Node? Older { get; set; }
    internal int Listings { get; set; }
    internal long ListingsBegun { get; set; }
    internal FileDescriptor? Nameless { get; set; }
    internal bool HasUnknownName { get; set; }
    internal int PlainHandles { get; set; }
    internal bool StaysPlain { get; set; }
}
