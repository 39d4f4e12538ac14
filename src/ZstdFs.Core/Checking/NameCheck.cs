using System.Diagnostics;
using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.Checking;

/// <summary>Finds names of one folder that collide in a mount.</summary>
internal static class NameCheck
{
    private const int LookAgainMs = 100;

    // A mount that converts a file leaves both forms there until the disk has taken the new name.
    private static readonly TimeSpan LongestSwap = TimeSpan.FromMinutes(1);

    internal static void Look(SourceFolder folder, DirectoryListing listing, bool isServed, FaultReport report)
    {
        HashSet<string>? others = null;
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        for (int i = 0; i < listing.Count; i++)
        {
            ReadOnlySpan<byte> name = listing.Name(i).Bytes;
            if (!StoredName.TryToLogical(name, out ReadOnlySpan<byte> logical))
                continue;
            bool isRegular = IsRegular(folder, listing, i);
            if (!SourceNames.TryToLogical(folder.Descriptor, name, isRegular, buffer, out ReadOnlySpan<byte> shown))
                report.Add(folder.PathOf(name), FaultKind.HiddenName,
                    $"something else is shown as '{Encoding.UTF8.GetString(shown)}' in a mount: rename it");
            if (!isRegular)
                continue;
            if (StoredName.IsAsLongAsShortened(logical) && shown.SequenceEqual(logical))
                report.Add(folder.PathOf(name), FaultKind.NameLost,
                    "it was copied without its attributes, and with them its whole name went: a mount lists it as "
                    + "it is called here");
            if (logical.SequenceEqual("."u8) || logical.SequenceEqual(".."u8)
                || folder.IsRoot && logical.SequenceEqual(StoredName.ReservedFolder))
            {
                report.Add(folder.PathOf(name), FaultKind.NoLogicalName,
                    $"no file may be called '{Encoding.UTF8.GetString(logical)}' here: rename it");
                continue;
            }
            others ??= Others(listing);
            if (others.Contains(Encoding.Latin1.GetString(shown))
                && SystemCallsAt.Stat(folder.Descriptor, new NativeName([.. shown, 0]), out Statx other) >= 0
                && other.IsRegular && !StoredName.TryToLogical(shown, out _)
                && (!isServed || !IsSwapped(folder, listing.Name(i), shown, other)))
                report.Add(folder.PathOf(shown), FaultKind.BothForms,
                    "it is there plain and stored; the mount shows the stored one. "
                    + "'zstdfs convert --on-conflict' settles it");
            if (HiddenNode(folder, others, shown) is { } hidden)
                report.Add(folder.PathOf(hidden), FaultKind.HiddenName,
                    $"the stored file '{Encoding.UTF8.GetString(name)}' hides it in a mount: rename one of them");
        }
    }

    /// <summary>
    /// The folder, symlink or special file that has a stored file's logical name, where there is one.
    /// </summary>
    private static byte[]? HiddenNode(SourceFolder folder, HashSet<string> others, ReadOnlySpan<byte> logical)
    {
        Span<byte> buffer = stackalloc byte[StoredName.BufferBytes];
        if (!others.Contains(Encoding.Latin1.GetString(StoredName.OfNode(logical, buffer).Bytes))
            && !others.Contains(Encoding.Latin1.GetString(logical)))
            return null;
        NativeName node = SourceNames.FindNode(folder.Descriptor, logical, buffer);
        return SystemCallsAt.Stat(folder.Descriptor, node, out Statx stat) >= 0 && !stat.IsRegular
            ? node.Bytes.ToArray() : null;
    }

    /// <summary>
    /// Waits where a mount is converting the file: its two forms have one inode number in their records. False where
    /// the plain form stays.
    /// </summary>
    private static bool IsSwapped(SourceFolder folder, NativeName stored, ReadOnlySpan<byte> plain, in Statx seen)
    {
        var name = new NativeName([.. plain, 0]);
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < LongestSwap;)
        {
            bool isOne = SourceTree.TryReadRecord(folder.Descriptor, name, out SizeRecord old)
                && SourceTree.TryReadRecord(folder.Descriptor, stored, out SizeRecord record)
                && record.InodeNumber == old.InodeNumber;
            // Where the plain file was changed at the last moment, the mount takes the stored form away instead.
            if (SystemCallsAt.Stat(folder.Descriptor, name, out Statx now) < 0 || now.InodeNumber != seen.InodeNumber
                || SystemCallsAt.Stat(folder.Descriptor, stored, out _) < 0)
                return true;
            if (!isOne)
                return false;
            Thread.Sleep(LookAgainMs);
        }
        return false;
    }

    private static bool IsRegular(SourceFolder folder, DirectoryListing listing, int entry) =>
        listing.TypeOf(entry) == FileType.EntryUnknown
            ? SystemCallsAt.Stat(folder.Descriptor, listing.Name(entry), out Statx stat) >= 0 && stat.IsRegular
            : listing.TypeOf(entry) == FileType.EntryRegular;

    // Names that may collide with the logical name of a stored file. A stored file x.zst collides with none: the mount
    // shows it as x, even beside an x.zst.zst, which it shows as x.zst.
    private static HashSet<string> Others(DirectoryListing listing)
    {
        var others = new HashSet<string>(listing.Count);
        for (int i = 0; i < listing.Count; i++)
        {
            if (!StoredName.TryToLogical(listing.Name(i).Bytes, out _)
                || listing.TypeOf(i) is not FileType.EntryRegular)
                others.Add(Encoding.Latin1.GetString(listing.Name(i).Bytes));
        }
        return others;
    }
}
