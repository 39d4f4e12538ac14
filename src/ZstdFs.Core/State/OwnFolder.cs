using System.Text;
using ZstdFs.Core.Source;
using ZstdFs.Linux;

namespace ZstdFs.Core.State;

/// <summary>
/// Keeps <c>.zstdfs</c> and the folders below it ours alone: what lies in them tells a daemon, which may be root's,
/// what to write where. Another user may have made them before we did.
/// </summary>
internal static class OwnFolder
{
    private const uint Permissions = 0xFFF, OwnersPermissions = 0b111_000_000, OthersWrite = 0b000_010_010;

    /// <summary>
    /// Takes others' permissions away. A file system that keeps no modes leaves the folder as open as the source
    /// itself. Returns 0, or −errno where the folder could not be checked.
    /// </summary>
    /// <exception cref="SourceException">
    /// It belongs to another user; or its mode let others write, and something in it belongs to another user.
    /// </exception>
    internal static int Secure(SourceTree source, FileDescriptor folder, NativeName name)
    {
        int result = SystemCallsAt.Stat(folder, out Statx stat);
        if (result < 0)
            return result;
        Require(source, stat, name.Bytes);
        if ((stat.Mode & Permissions & ~OwnersPermissions) == 0)
            return 0;
        bool wasOpen = (stat.Mode & OthersWrite) != 0;
        // Before the mode: a folder that is refused must not look like ours to the next mount.
        result = wasOpen ? CheckEntries(source, folder) : 0;
        if (result < 0)
            return result;
        result = SystemCallsFile.ChangeMode(folder, OwnersPermissions);
        if (wasOpen && CheckAgain(source, folder, stat) is < 0 and var failed)
            return failed;
        return PassingFault.Is(result) ? result : 0;
    }

    /// <summary>Another user may have put something there between the first check and the change of the mode.</summary>
    private static int CheckAgain(SourceTree source, FileDescriptor folder, in Statx old)
    {
        bool isChecked = false;
        try
        {
            int result = CheckEntries(source, folder);
            isChecked = result >= 0;
            return result;
        }
        finally
        {
            if (!isChecked)
                _ = SystemCallsFile.ChangeMode(folder, old.Mode & Permissions);
        }
    }

    private static int CheckEntries(SourceTree source, FileDescriptor folder)
    {
        _ = SystemCallsFile.Seek(folder, 0, 0);
        var entries = new EntryReader(folder, new byte[32 * 1024]);
        while (entries.MoveNext())
        {
            // A version that a commit had under way may have its file's owner already. No program uses it any more.
            bool isRemains = WorkingName.TryParse(entries.Name[..^1], out WorkingName working)
                && working.Role == WorkingRole.Version;
            if (!isRemains && SystemCallsAt.Stat(folder, new NativeName(entries.Name), out Statx entry) >= 0)
                Require(source, entry, entries.Name[..^1]);
        }
        return entries.Error;
    }

    /// <summary>
    /// It must belong to the daemon's user, or to the source's owner, who can do with the source as he likes anyway.
    /// </summary>
    private static void Require(SourceTree source, in Statx stat, ReadOnlySpan<byte> name)
    {
        if (stat.UserId != Credentials.UserId && stat.UserId != source.RootStat.UserId)
        {
            string place = name.SequenceEqual(StoredName.ReservedFolder)
                ? "its folder '.zstdfs'"
                : $"'{Encoding.UTF8.GetString(name)}' in its folder '.zstdfs'";
            throw new SourceException(SourceProblem.Unusable,
                $"{place} belongs to user {stat.UserId}, and what is in it is trusted: look what it is, then remove it "
                + "or chown it");
        }
    }

    /// <summary>
    /// The same for <c>.zstdfs</c> itself. To users nothing happens in the root, so it gets its modification time back
    /// where the daemon may set it.
    /// </summary>
    internal static int OpenOrMakeInRoot(SourceTree source, out FileDescriptor folder, out RootStep? step)
    {
        step = null;
        var name = new NativeName(".zstdfs\0"u8);
        bool isMissing = SystemCallsAt.Stat(source.Root, name, out _) == -(int)Errno.ENOENT;
        bool isKnown = SystemCallsAt.Stat(source.Root, out Statx before) >= 0;
        int result = OpenOrMake(source, source.Root, name, out folder);
        if (result >= 0 && isMissing && isKnown
            && SystemCallsAt.SetTimes(
                source.Root, new NativeName(".\0"u8), Timestamp.Omit, before.ModifyTime.ToTimestamp()) >= 0
            && SystemCallsAt.Stat(source.Root, out Statx left) >= 0)
            step = new RootStep(left, before.ChangeTime.ToTimestamp());
        return result;
    }

    /// <summary>Opens the folder and makes it where it is missing. 0 or −errno.</summary>
    internal static int OpenOrMake(
        SourceTree source, FileDescriptor parent, NativeName name, out FileDescriptor folder)
    {
        int result = source.OpenListing(parent, name, out folder);
        if (result == -(int)Errno.ENOENT)
        {
            result = SystemCallsAt.MakeDirectory(parent, name, 0b111_000_000);
            if (result >= 0)
                result = source.OpenListing(parent, name, out folder);
        }
        return result < 0 ? result : Secure(source, folder, name);
    }
}
