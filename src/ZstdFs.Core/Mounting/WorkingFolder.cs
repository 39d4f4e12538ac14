using ZstdFs.Core.FileSystem;
using ZstdFs.Core.Source;
using ZstdFs.Core.State;
using ZstdFs.Linux;

namespace ZstdFs.Core.Mounting;

/// <summary>What is in <c>.zstdfs/working</c> when a mount begins.</summary>
internal sealed class WorkingFolder(Volume volume, StateFolder state)
{
    /// <summary>
    /// Terminated names of all that is there, by name: the order does not depend on the file system of the source.
    /// </summary>
    /// <exception cref="SourceException">The folder cannot be read.</exception>
    internal List<byte[]> Names()
    {
        var names = new List<byte[]>();
        int result = volume.Source.OpenListing(state.Working, new NativeName(".\0"u8), out FileDescriptor folder);
        if (result < 0)
            throw Unread("'.zstdfs/working'", result);
        using (folder)
        {
            var entries = new EntryReader(folder, new byte[32 * 1024]);
            while (entries.MoveNext())
                names.Add(entries.Name.ToArray());
            if (entries.Error < 0)
                throw Unread("'.zstdfs/working'", entries.Error);
        }
        names.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        return names;
    }

    /// <summary>True also where that cannot be found out at this moment.</summary>
    internal bool IsThere(WorkingName name) =>
        SystemCallsAt.Stat(state.Working, new NativeName(name.Terminated()), out _) != -(int)Errno.ENOENT;

    /// <summary>What a file with such a name is for; null where this program gives no such name.</summary>
    internal static WorkingRole? RoleOf(byte[] terminated) =>
        WorkingName.TryParse(terminated.AsSpan()[..^1], out WorkingName name) ? name.Role : null;

    /// <summary>The mount must be refused: what an earlier one left cannot be read at this moment.</summary>
    internal static SourceException Unread(string place, int result) =>
        new(SourceProblem.UnfinishedWrites,
            $"what was written before the last mount ended could not be taken up: {place} ({(Errno)(-result)}); mount "
                + "again when that is mended, or move it away to do without");
}
