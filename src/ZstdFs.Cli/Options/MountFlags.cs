using ZstdFs.Linux;

namespace ZstdFs.Cli.Options;

/// <summary>The options that the kernel itself keeps for a mount, and that a remount can change.</summary>
internal static class MountFlags
{
    /// <summary>One of them at most holds.</summary>
    private const ulong AccessTimes = MountCalls.NoAtime | MountCalls.RelativeAtime | MountCalls.StrictAtime;

    private static readonly Dictionary<string, (ulong Clears, ulong Sets)> Words = new(StringComparer.Ordinal)
    {
        ["ro"] = (0, MountCalls.ReadOnly),
        ["rw"] = (MountCalls.ReadOnly, 0),
        ["nosuid"] = (0, MountCalls.NoSuid),
        ["suid"] = (MountCalls.NoSuid, 0),
        ["nodev"] = (0, MountCalls.NoDev),
        ["dev"] = (MountCalls.NoDev, 0),
        ["noexec"] = (0, MountCalls.NoExec),
        ["exec"] = (MountCalls.NoExec, 0),
        ["nosymfollow"] = (0, MountCalls.NoSymFollow),
        ["symfollow"] = (MountCalls.NoSymFollow, 0),
        ["noatime"] = (AccessTimes, MountCalls.NoAtime),
        ["atime"] = (MountCalls.NoAtime, 0),
        ["relatime"] = (AccessTimes, MountCalls.RelativeAtime),
        ["strictatime"] = (AccessTimes, MountCalls.StrictAtime),
        ["nostrictatime"] = (MountCalls.StrictAtime, 0),
    };

    /// <summary>What a mount has now.</summary>
    internal static ulong Of(MountEntry mount)
    {
        ulong flags = 0;
        foreach (string word in $"{mount.Options},{mount.SuperOptions}".Split(','))
        {
            // "rw" of the mount says nothing where the file system is read-only.
            if (Words.TryGetValue(word, out (ulong Clears, ulong Sets) known))
                flags |= known.Sets;
        }
        // The mount table has no word for it.
        return (flags & AccessTimes) == 0 ? flags | MountCalls.StrictAtime : flags;
    }

    /// <summary>Changes <paramref name="flags"/> where <paramref name="name"/> is one of these options.</summary>
    internal static bool TryChange(string name, ref ulong flags)
    {
        if (!Words.TryGetValue(name, out (ulong Clears, ulong Sets) known))
            return false;
        flags = flags & ~known.Clears | known.Sets;
        // relatime is what Linux has where nothing else is asked.
        if ((flags & AccessTimes) == 0)
            flags |= MountCalls.RelativeAtime;
        return true;
    }
}
