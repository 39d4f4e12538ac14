using System.Text;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.KernelCache;
using ZstdFs.Core.LiveConversion;
using ZstdFs.Core.Names;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Fuse.Wire;
using ZstdFs.Linux;

namespace ZstdFs.Core.Attributes;

/// <summary>Looks names up for the kernel, and makes the entries that answer it.</summary>
/// <param name="services">Counts the versions that commits publish, and has the log.</param>
/// <param name="names">Finds what has a name.</param>
/// <param name="nodes">Tells a folder's path to the log.</param>
/// <param name="attributes">Makes the attributes in an entry.</param>
/// <param name="pages">Told what the kernel learns of a file.</param>
/// <param name="conversion">Told of plain files that a program looked up; null where none is converted.</param>
/// <param name="valid">How long an entry holds.</param>
internal sealed class EntryLookup(
    StorageServices services, NameLookup names, NodeResolver nodes, ShownAttributes attributes, KernelPages pages,
    BackgroundConversion? conversion, ValidTime valid)
{
    // A commit of a file takes many times as long as one look at it, so few looks meet a commit.
    private const int Attempts = 16;

    /// <summary>Looks a name up and gives the kernel a reference to what it finds.</summary>
    internal int LookUp(Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, out FuseEntryOut entry)
    {
        entry = default;
        long before = services.Publications.OfAll;
        int result = names.Acquire(parent, directory, name, out Resolved resolved, out Node node);
        if (result < 0)
            return result;
        entry = Entry(node, resolved);
        conversion?.Consider(node);
        bool mayBeMixed = before != services.Publications.OfAll;
        for (int attempt = 0; attempt < Attempts && mayBeMixed; attempt++)
        {
            before = services.Publications.Of(node.Id);
            if (names.Look(parent, directory, name, out resolved) < 0 || resolved.Id != node.Id)
                break;
            entry = Entry(node, resolved);
            mayBeMixed = before != services.Publications.Of(node.Id);
        }
        pages.NoteShown(node, resolved.Stat);
        return 0;
    }

    /// <summary>
    /// Looks an entry of a listing up. One entry must not end the whole listing: every failure is returned as an errno.
    /// </summary>
    /// <param name="parent">The folder.</param>
    /// <param name="directory">The same, open.</param>
    /// <param name="name">Logical name.</param>
    /// <param name="withNode">
    /// Gives the kernel a reference and sets only <paramref name="entry"/>; otherwise only <paramref name="resolved"/>
    /// is set.
    /// </param>
    /// <param name="entry">The answer for the kernel.</param>
    /// <param name="resolved">What the name leads to.</param>
    internal int LookUpListed(
        Node parent, FileDescriptor directory, ReadOnlySpan<byte> name, bool withNode,
        out FuseEntryOut entry, out Resolved resolved)
    {
        (entry, resolved) = (default, default);
        try
        {
            return withNode
                ? LookUp(parent, directory, name, out entry) : names.Find(parent, directory, name, out resolved);
        }
        catch (Exception e)
        {
            entry = default;
            services.Log.Unexpected(
                $"'{nodes.PathOf(parent.Id)}/{Encoding.UTF8.GetString(name)}': it is listed without its attributes", e);
            return -(int)Errno.EIO;
        }
    }

    /// <summary>The answer that a name leads to a node.</summary>
    internal FuseEntryOut Entry(Node node, in Resolved resolved) => new()
    {
        NodeId = node.Id,
        Generation = NodeGeneration.Of(node.Id, resolved),
        EntryValid = valid.Seconds,
        EntryValidNsec = valid.Nanoseconds,
        AttrValid = valid.Seconds,
        AttrValidNsec = valid.Nanoseconds,
        Attr = attributes.Of(node, resolved),
    };

    /// <summary>The answer that a name does not exist; the kernel may remember it.</summary>
    internal FuseEntryOut NegativeEntry() =>
        new() { EntryValid = valid.Seconds, EntryValidNsec = valid.Nanoseconds };
}
