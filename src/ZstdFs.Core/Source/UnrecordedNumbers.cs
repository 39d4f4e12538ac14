using System.Collections.Concurrent;
using ZstdFs.Linux;

namespace ZstdFs.Core.Source;

/// <summary>
/// Inode numbers and births of files that have no record to keep them: the source's own, as long as they tell files
/// apart. A commit moves a file to another stored file. The file keeps its number, and the source may then give that
/// number to another file. What is noted here lasts as long as the mount.
/// </summary>
internal sealed class UnrecordedNumbers(SourceDevices devices)
{
    /// <param name="Number">What users see.</param>
    /// <param name="Birth">When the logical file was made.</param>
    /// <param name="StoredBirth">
    /// When the file in the source was made: an inode that is used again has another birth.
    /// </param>
    private readonly record struct Noted(ulong Number, Timestamp Birth, Timestamp StoredBirth);

    // By SourceDevices.IdentityOf.
    private readonly ConcurrentDictionary<ulong, Noted> _noted = new();

    // Numbers of the source's own that files keep although commits have moved them to other stored files.
    private readonly ConcurrentDictionary<ulong, bool> _kept = new();

    /// <summary>The number that was noted, or 0.</summary>
    internal ulong Find(in Statx stat) => TryFind(stat, out Noted noted) ? noted.Number : 0;

    /// <summary>The number that was noted, or the source's own.</summary>
    internal ulong Of(in Statx stat) => Find(stat) is > 0 and var number ? number : devices.NumberOf(stat);

    /// <summary>
    /// The number that was noted, or the source's own. Where another file keeps that one, a number of
    /// <paramref name="allocate"/>.
    /// </summary>
    internal ulong Of(in Statx stat, Func<ulong>? allocate)
    {
        ulong number = Of(stat);
        if (allocate is null || !_kept.ContainsKey(number) || Find(stat) == number)
            return number;
        Timestamp birth = stat.Birth.ToTimestamp();
        return _noted.AddOrUpdate(devices.IdentityOf(stat),
            static (_, found) => new Noted(found.Allocate(), found.Birth, found.Birth),
            static (_, earlier, found) => earlier.StoredBirth == found.Birth
                ? earlier : new Noted(found.Allocate(), found.Birth, found.Birth),
            (Allocate: allocate, Birth: birth)).Number;
    }

    /// <summary>When the logical file of this stored file was made.</summary>
    internal Timestamp BirthOf(in Statx stat) =>
        TryFind(stat, out Noted noted) && noted.Birth != default ? noted.Birth : stat.Birth.ToTimestamp();

    /// <summary>What is in the source has this number from now on.</summary>
    internal void Note(in Statx stat, ulong number) =>
        _noted[devices.IdentityOf(stat)] = new Noted(number, stat.Birth.ToTimestamp(), stat.Birth.ToTimestamp());

    /// <summary>A commit has put <paramref name="next"/> in the place of <paramref name="old"/>.</summary>
    internal void NoteReplaced(in Statx old, in Statx next, ulong number)
    {
        Timestamp birth = BirthOf(old);
        Forget(old);
        _noted[devices.IdentityOf(next)] = new Noted(number, birth, next.Birth.ToTimestamp());
        if (!InodeNumber.IsAllocated(number))
            _kept[number] = true;
    }

    /// <summary>What it was noted for is gone, and the source may give the inode to another file.</summary>
    internal void Forget(in Statx stat) => _noted.TryRemove(devices.IdentityOf(stat), out _);

    private bool TryFind(in Statx stat, out Noted noted) =>
        _noted.TryGetValue(devices.IdentityOf(stat), out noted) && noted.StoredBirth == stat.Birth.ToTimestamp();
}
