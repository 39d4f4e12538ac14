using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>All inode numbers that users see, and which of them more than one file has. 16 bytes a file.</summary>
internal sealed class InodeNumbers
{
    private readonly List<(ulong Number, ulong Source)> _numbers = [];

    /// <summary>The largest number in use among those that the allocator gives next; 0 where there is none.</summary>
    internal ulong InWayOf(ulong next)
    {
        const ulong Soon = 1 << 24;
        ulong largest = 0;
        foreach ((ulong number, _) in _numbers)
            largest = number >= next && number - next < Soon ? Math.Max(largest, number) : largest;
        return largest;
    }

    internal void Add(SourceTree source, SourceFolder folder, NativeName name, in Statx stat, bool isStored)
    {
        _numbers.Add((NumberOf(source, folder, name, stat, isStored), source.Devices.IdentityOf(stat)));
    }

    internal static ulong NumberOf(
        SourceTree source, SourceFolder folder, NativeName name, in Statx stat, bool isStored) =>
        isStored && SourceTree.TryReadRecord(folder.Descriptor, name, out SizeRecord record)
            && source.Devices.IsOf(record, stat) ? record.InodeNumber : source.Devices.NumberOf(stat);

    /// <summary>Numbers that more than one file has. Several names of one file count as one file.</summary>
    internal HashSet<ulong> Duplicates()
    {
        _numbers.Sort();
        var duplicates = new HashSet<ulong>();
        for (int i = 1; i < _numbers.Count; i++)
        {
            if (_numbers[i].Number == _numbers[i - 1].Number && _numbers[i].Source != _numbers[i - 1].Source)
                duplicates.Add(_numbers[i].Number);
        }
        return duplicates;
    }
}
