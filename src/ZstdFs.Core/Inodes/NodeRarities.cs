using ZstdFs.Linux;

namespace ZstdFs.Core.Inodes;

/// <summary>
/// What a <see cref="Node"/> has besides where it is a folder, has several names, has lost its last one, or is or was a
/// plain file. It is apart because nearly all of a million nodes have none of it. The node's properties tell which gate
/// guards what.
/// </summary>
internal sealed class NodeRarities
{
    /// <summary>The known names besides the first.</summary>
    internal List<Link>? OtherLinks { get; set; }

    /// <inheritdoc cref="Node.Children"/>
    internal int Children { get; set; }

    /// <inheritdoc cref="Node.Descriptor"/>
    internal FileDescriptor? Descriptor { get; set; }

    /// <inheritdoc cref="Node.Newer"/>
    internal Node? Newer { get; set; }

    /// <inheritdoc cref="Node.Older"/>
    internal Node? Older { get; set; }

    /// <inheritdoc cref="Node.Listings"/>
    internal int Listings { get; set; }

    /// <inheritdoc cref="Node.ListingsBegun"/>
    internal long ListingsBegun { get; set; }

    /// <inheritdoc cref="Node.Nameless"/>
    internal FileDescriptor? Nameless { get; set; }

    /// <inheritdoc cref="Node.HasUnknownName"/>
    internal bool HasUnknownName { get; set; }

    /// <inheritdoc cref="Node.PlainHandles"/>
    internal int PlainHandles { get; set; }

    /// <inheritdoc cref="Node.StaysPlain"/>
    internal bool StaysPlain { get; set; }
}
