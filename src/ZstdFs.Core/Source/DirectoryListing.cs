using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// All names of one folder, read at once: what is made or removed in the folder afterwards changes nothing here. A
/// million names take about 50 bytes each.
/// </summary>
internal sealed class DirectoryListing : IEntrySink
{
    private readonly List<(int Start, byte Type)> _entries = [];
    private byte[] _names = new byte[1024];
    private int _used;

    /// <summary>How many entries it has.</summary>
    internal int Count => _entries.Count;

    /// <summary>DT_* of an entry; DT_UNKNOWN where the file system does not say.</summary>
    internal byte TypeOf(int entry) => _entries[entry].Type;

    /// <summary>Valid as long as this object.</summary>
    internal NativeName Name(int entry)
    {
        int start = _entries[entry].Start;
        ReadOnlySpan<byte> rest = _names.AsSpan(start, _used - start);
        return new NativeName(rest[..(rest.IndexOf((byte)0) + 1)]);
    }

    /// <summary>
    /// Reads the folder from its beginning, without "." and "..", as <see cref="WholeFolder"/> does. Each name comes
    /// once. Returns 0 or −errno.
    /// </summary>
    /// <param name="folder">The folder, open for listing.</param>
    /// <param name="watches">Watches to use; null for a folder that nothing changes meanwhile.</param>
    /// <param name="listing">Its names.</param>
    internal static int Read(FileDescriptor folder, FolderWatches? watches, out DirectoryListing listing)
    {
        listing = new DirectoryListing();
        int result = WholeFolder.Read(folder, watches, listing, out bool isChanging);
        if (isChanging)
            listing.DropRepeated();
        return result;
    }

    private void DropRepeated()
    {
        SortByName();
        int kept = 0;
        for (int i = 0; i < _entries.Count; i++)
        {
            if (kept == 0 || !At(_entries[i].Start).SequenceEqual(At(_entries[kept - 1].Start)))
                _entries[kept++] = _entries[i];
        }
        _entries.RemoveRange(kept, _entries.Count - kept);
    }

    /// <summary>Orders the names by their bytes, so that two walks of an unchanged folder go the same way.</summary>
    internal void SortByName() => _entries.Sort((a, b) => At(a.Start).SequenceCompareTo(At(b.Start)));

    private ReadOnlySpan<byte> At(int start)
    {
        ReadOnlySpan<byte> rest = _names.AsSpan(start, _used - start);
        return rest[..rest.IndexOf((byte)0)];
    }

    void IEntrySink.Add(FileDescriptor folder, ReadOnlySpan<byte> name, byte type)
    {
        if (_used + name.Length > _names.Length)
            Array.Resize(ref _names, Math.Max(_names.Length * 2, _used + name.Length));
        name.CopyTo(_names.AsSpan(_used));
        _entries.Add((_used, type));
        _used += name.Length;
    }
}
