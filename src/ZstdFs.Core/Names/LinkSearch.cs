using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Names;

/// <summary>
/// Collects the names that a file of the source has, folder by folder. A folder may be looked at twice, as a walk does
/// beside which it is moved: a name in it counts once.
/// </summary>
internal sealed class LinkSearch(SourceTree source, Statx file) : ITreeVisitor
{
    private const int ListingBytes = 32 * 1024;

    private readonly HashSet<(ulong Device, ulong Folder, string Name)> _found = [];
    private readonly HashSet<string> _names = [];

    /// <summary>As many names as the file has links.</summary>
    internal bool IsComplete => _found.Count == file.LinkCount;

    /// <summary>Whether the file was found under this name in the source, in whatever folder.</summary>
    internal bool Contains(NativeName stored) => _names.Contains(Encoding.Latin1.GetString(stored.Bytes));

    /// <summary>Looks in one folder.</summary>
    internal void Look(FileDescriptor folder)
    {
        if (SystemCallsAt.Stat(folder, out Statx place) < 0
            || source.OpenListing(folder, new NativeName(".\0"u8), out FileDescriptor listing) < 0)
            return;
        using (listing)
        {
            var entries = new EntryReader(listing, new byte[ListingBytes]);
            while (entries.MoveNext())
            {
                var name = new NativeName(entries.Name);
                if (entries.InodeNumber == file.InodeNumber && SystemCallsAt.Stat(folder, name, out Statx stat) >= 0)
                    Note(place, name, stat);
            }
        }
    }

    /// <summary>Looks in the whole source, until all names are found.</summary>
    internal void Walk()
    {
        var root = new SourceFolder(source.Root, [], source.RootStat, ownsDescriptor: false);
        _ = new TreeWalk(source, this, oneFileSystem: false).Run(root);
    }

    private void Note(in Statx folder, NativeName name, in Statx stat)
    {
        if (stat.InodeNumber != file.InodeNumber || stat.Device != file.Device)
            return;
        string text = Encoding.Latin1.GetString(name.Bytes);
        _ = _names.Add(text);
        _ = _found.Add((folder.Device, folder.InodeNumber, text));
    }

    bool ITreeVisitor.Visit(in WalkedFile found)
    {
        Note(found.Folder.Stat, found.Name, found.Stat);
        return !IsComplete;
    }

    bool ITreeVisitor.Enters(SourceFolder parent, NativeName name, in Statx stat) => true;

    void ITreeVisitor.Unreadable(byte[] path, Errno error) { }
}
