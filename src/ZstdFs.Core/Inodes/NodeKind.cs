namespace ZstdFs.Core.Inodes;

/// <summary>What a node is in the source.</summary>
internal enum NodeKind : byte
{
    /// <summary>A folder, stored as itself.</summary>
    Directory,
    /// <summary>A logical file, stored under its name with <c>.zst</c>.</summary>
    Stored,
    /// <summary>
    /// A plain file, stored as itself (--plain=show). May become <see cref="Stored"/> (--plain=convert).
    /// </summary>
    Plain,
    /// <summary>Symlink, fifo, socket or device node, stored as itself.</summary>
    Special,
}
