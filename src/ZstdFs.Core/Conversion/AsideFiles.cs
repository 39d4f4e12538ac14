using System.Globalization;
using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Conversion;

/// <summary>
/// Old forms on their way out. Between the last look at an old form and its removal another program may rename a file
/// over it, and unlink(2) takes a name, whatever is under it. So the conversion first moves the name into
/// <c>.zstdfs/working</c>, where no other program comes. There it looks again: it removes the old form, and gives
/// another file its name back.
/// </summary>
internal static class AsideFiles
{
    private static ReadOnlySpan<byte> Prefix => "aside-"u8;

    /// <summary>Whether a name in the working folder is one of them.</summary>
    internal static bool IsOne(ReadOnlySpan<byte> name) => name.StartsWith(Prefix);

    /// <summary>Their names, without the final NUL.</summary>
    internal static List<byte[]> List(SourceTree source, FileDescriptor stateFolder)
    {
        List<byte[]> names = [];
        if (source.OpenListing(stateFolder, new NativeName("working\0"u8), out FileDescriptor working) < 0)
            return names;
        using (working)
        {
            _ = DirectoryListing.Read(working, null, out DirectoryListing listing);
            for (int i = 0; i < listing.Count; i++)
            {
                if (IsOne(listing.Name(i).Bytes))
                    names.Add(listing.Name(i).Bytes.ToArray());
            }
        }
        return names;
    }

    private static byte[] NameOf(ulong originalInode, int index) =>
        [
            .. Prefix,
            .. Encoding.ASCII.GetBytes(
                string.Create(CultureInfo.InvariantCulture, $"{originalInode:x}-{index:x}\0"))
        ];

    /// <summary>
    /// Removes the old form under one of its names. −ESTALE where another file has the name by now: that file keeps
    /// it.
    /// </summary>
    /// <param name="state">The state folder.</param>
    /// <param name="folder">Where the name is.</param>
    /// <param name="name">The name.</param>
    /// <param name="original">The old form.</param>
    /// <param name="leased">The same, open with a lease; null where there are none.</param>
    /// <param name="index">Which of its names it is.</param>
    /// <param name="isAside">After an error: the file did not get its name back, and the next run must give it.</param>
    internal static int Remove(StateFolder state, FileDescriptor folder, NativeName name, in Statx original,
        FileDescriptor? leased, int index, out bool isAside)
    {
        isAside = false;
        byte[] aside = NameOf(original.InodeNumber, index);
        int result = SystemCallsAt.Rename(folder, name, state.Working, new NativeName(aside), RenameFlags.NoReplace);
        // rename(2) does not move a name to another file system, or out of another project's folder.
        if (result is -(int)Errno.EXDEV or -(int)Errno.EINVAL)
            return RemoveInPlace(folder, name, original, leased);
        if (result < 0)
            return result;
        result = SystemCallsAt.Stat(state.Working, new NativeName(aside), out Statx found);
        if (result >= 0)
        {
            result = Judge(found, original, leased);
            if (result >= 0)
                result = SystemCallsAt.Unlink(state.Working, new NativeName(aside));
        }
        if (result < 0)
            isAside = PutBack(state, new NativeName(aside), folder, name) < 0;
        return result;
    }

    private static int RemoveInPlace(FileDescriptor folder, NativeName name, in Statx original, FileDescriptor? leased)
    {
        int result = SystemCallsAt.Stat(folder, name, out Statx found);
        if (result >= 0)
            result = Judge(found, original, leased);
        return result < 0 ? result : SystemCallsAt.Unlink(folder, name);
    }

    /// <summary>
    /// Whether the file may go. −ETXTBSY where a program opened it by its name to write, and waits for the lease: the
    /// program would write to a file without a name.
    /// </summary>
    private static int Judge(in Statx found, in Statx original, FileDescriptor? leased)
    {
        if (found.InodeNumber != original.InodeNumber || !found.IsRegular || found.Size != original.Size
            || found.ModifyTime.ToTimestamp() != original.ModifyTime.ToTimestamp())
            return -(int)Errno.ESTALE;
        return leased is not null && FileLease.IsAwaited(leased) ? -(int)Errno.ETXTBSY : 0;
    }

    /// <summary>
    /// Gives a file its name back. Where another program has made a new file under the name meanwhile, or the folder is
    /// gone, this file goes to <c>.zstdfs/lost</c>.
    /// </summary>
    private static int PutBack(StateFolder state, NativeName aside, FileDescriptor folder, NativeName name)
    {
        int result = SystemCallsAt.Rename(state.Working, aside, folder, name, RenameFlags.NoReplace);
        return result is -(int)Errno.EEXIST or -(int)Errno.ENOENT or -(int)Errno.ENOTDIR
            ? MoveToLost(state, aside)
            : result;
    }

    private static int MoveToLost(StateFolder state, NativeName aside)
    {
        int result = state.OpenLost(out FileDescriptor lost);
        if (result < 0)
            return result;
        using (lost)
            return SystemCallsAt.Rename(state.Working, aside, lost, aside, RenameFlags.NoReplace);
    }

    /// <summary>
    /// Puts in order what a killed run left aside. Removes an old form whose new form has its name, and gives every
    /// other file its name back, or moves it to <c>.zstdfs/lost</c>. Returns 0, or −errno where a fault prevented
    /// that.
    /// </summary>
    /// <param name="source">The source.</param>
    /// <param name="state">Its state folder.</param>
    /// <param name="journals">What the run had been about to do.</param>
    internal static int Restore(SourceTree source, StateFolder state, IReadOnlyList<ConversionJournal> journals)
    {
        int result = DirectoryListing.Read(state.Working, null, out DirectoryListing listing);
        if (result < 0)
            return PassingFault.Is(result) ? result : 0;
        for (int i = 0; i < listing.Count && result >= 0; i++)
        {
            if (!IsOne(listing.Name(i).Bytes))
                continue;
            byte[] aside = listing.Name(i).Terminated.ToArray();
            result = Restore(source, state, journals, aside);
            if (!PassingFault.Is(result))
                result = 0;
        }
        return result;
    }

    private static int Restore(
        SourceTree source, StateFolder state, IReadOnlyList<ConversionJournal> journals, byte[] aside)
    {
        foreach (ConversionJournal journal in journals)
        {
            foreach (IGrouping<int, JournalName> job in journal.Names.GroupBy(static n => n.Job))
            {
                foreach ((int index, JournalName name) in job.Index())
                {
                    if (NameOf(name.OriginalInode, index).AsSpan().SequenceEqual(aside))
                        return Restore(source, state, journal.Folders[name.Folder].Path, name, aside);
                }
            }
        }
        return MoveToLost(state, new NativeName(aside));
    }

    private static int Restore(SourceTree source, StateFolder state, byte[] path, in JournalName name, byte[] aside)
    {
        int result = SystemCallsAt.Stat(state.Working, new NativeName(aside), out Statx found);
        if (result < 0)
            return result;
        result = JournalRecovery.TryOpenFolder(source, path, out FileDescriptor? folder);
        if (result < 0)
            return result;
        if (folder is null)
            return MoveToLost(state, new NativeName(aside));
        using (folder)
        {
            int made = JournalRecovery.IsResult(folder, name);
            if (made < 0)
                return made;
            return made > 0 && JournalRecovery.IsOriginal(found, name)
                ? SystemCallsAt.Unlink(state.Working, new NativeName(aside))
                : PutBack(state, new NativeName(aside), folder, new NativeName(name.Original));
        }
    }
}
