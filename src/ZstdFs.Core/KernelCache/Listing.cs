using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.KernelCache;

/// <summary>A folder that is open to be listed.</summary>
/// <param name="descriptor">The folder.</param>
/// <param name="folder">Its node.</param>
/// <param name="isRoot">It is the source's root.</param>
/// <param name="order">Where names stand.</param>
/// <param name="share">Of its user's open files.</param>
internal sealed class Listing(
    FileDescriptor descriptor, Node folder, bool isRoot, ListingOrder order, HandleShare share)
    : IEntrySink, IAged<Listing>, IDisposable
{
    /// <summary>
    /// Guards what is below. Held while the folder is read, and while names are looked up. Order: before the gates of
    /// folders, nodes and <see cref="ListingMemory"/>.
    /// </summary>
    internal readonly Lock Gate = new();
    internal readonly FileDescriptor Descriptor = descriptor;
    internal readonly Node Folder = folder;
    internal readonly bool IsRoot = isRoot;
    internal readonly HandleShare Share = share;

    /// <summary>How many entries came with their attributes since it was begun.</summary>
    internal int WithAttributes;

    /// <summary>
    /// The names that are still to be given, and some that were; null where the folder is to be read again.
    /// <see cref="ListingMemory"/> sets it.
    /// </summary>
    internal ListedNames? Names;

    /// <summary>The value of <see cref="Node.ListingsBegun"/> that the names belong to.</summary>
    internal long Begun;

    /// <summary>Nothing stands behind this position; 0 where that is not known.</summary>
    internal ulong EndsAt;

    /// <summary>
    /// Why not all of the folder could be read: the answer behind the last name. 0 where all was read.
    /// </summary>
    internal int Error;

    /// <summary>
    /// Bytes that <see cref="ListingMemory"/> counts for this. Its gate guards this and the two below.
    /// </summary>
    internal int HeldBytes;
    public Listing? Newer { get; set; }
    public Listing? Older { get; set; }

    /// <summary>An entry of the folder while it is read.</summary>
    void IEntrySink.Add(FileDescriptor folder, ReadOnlySpan<byte> name, byte type)
    {
        ReadOnlySpan<byte> bytes = name[..^1];
        if (StoredName.IsReserved(bytes, IsRoot))
            return;
        if (type == FileType.EntryUnknown)
        {
            if (SystemCallsAt.Stat(folder, new NativeName(name), out Statx stat) < 0)
                return;
            type = FileType.ToEntryType(stat.Mode);
        }
        bool isRegular = type == FileType.EntryRegular, isPlain = isRegular && !StoredName.TryToLogical(bytes, out _);
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        if (SourceNames.TryToLogical(folder, bytes, isRegular, buffer, out ReadOnlySpan<byte> logical)
            && !StoredName.IsReserved(logical, IsRoot))
            Names!.Add(order.PositionOf(logical), logical, isPlain ? ListedForm.Plain : ListedForm.Shown, type);
    }

    public void Dispose() => Descriptor.Dispose();
}
