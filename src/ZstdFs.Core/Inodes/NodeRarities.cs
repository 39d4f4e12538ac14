using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>What a <see cref="Node"/> has besides where it is a folder, has several names, or is being converted: apart, because of a million nodes nearly all have none of it. Who guards what is said there.</summary>
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
