using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>All inode numbers that users see, and which of them more than one file has. 16 bytes a file.</summary>
internal sealed class InodeNumbers
{
    // Of stored files, and of folders, symlinks and special files.
    private readonly List<(ulong Number, ulong Source)> _stored = [], _native = [];

    /// <summary>The largest number in use among those that the allocator gives next; 0 where there is none.</summary>
    internal ulong InWayOf(ulong next)
    {
        const ulong Soon = 1 << 24;
        ulong largest = 0;
        foreach ((ulong number, _) in _stored.Concat(_native))
            largest = number >= next && number - next < Soon ? Math.Max(largest, number) : largest;
        return largest;
    }

    internal void Add(SourceTree source, SourceFolder folder, NativeName name, in Statx stat, bool isStored)
    {
        (isStored ? _stored : _native).Add(
            (NumberOf(source, folder, name, stat, isStored), source.Devices.IdentityOf(stat)));
    }

    internal static ulong NumberOf(
        SourceTree source, SourceFolder folder, NativeName name, in Statx stat, bool isStored) =>
        isStored && SourceTree.TryReadRecord(folder.Descriptor, name, out SizeRecord record)
            && source.Devices.IsOf(record, stat) ? record.InodeNumber : source.Devices.NumberOf(stat);

    /// <summary>
    /// Numbers that a stored file and another file have. Several names of one file count as one file. True for a number
    /// that a folder, a symlink or a special file has, too: that one cannot get another number.
    /// </summary>
    internal Dictionary<ulong, bool> Duplicates()
    {
        _stored.Sort();
        _native.Sort();
        var duplicates = new Dictionary<ulong, bool>();
        int native = 0;
        for (int i = 0; i < _stored.Count; i++)
        {
            ulong number = _stored[i].Number;
            if (i > 0 && number == _stored[i - 1].Number && _stored[i].Source != _stored[i - 1].Source)
                duplicates.TryAdd(number, false);
            while (native < _native.Count && _native[native].Number < number)
                native++;
            if (native < _native.Count && _native[native].Number == number)
                duplicates[number] = true;
        }
        return duplicates;
    }
}
