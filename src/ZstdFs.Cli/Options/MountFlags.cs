using ZstdFs.Linux;

namespace ZstdFs.Cli.Options;

/// <summary>The options that the kernel itself keeps for a mount, and that a remount can change.</summary>
internal static class MountFlags
{
    private static readonly Dictionary<string, (ulong Flag, bool Sets)> Words = new(StringComparer.Ordinal)
    {
        ["ro"] = (MountCalls.ReadOnly, true),
        ["rw"] = (MountCalls.ReadOnly, false),
        ["nosuid"] = (MountCalls.NoSuid, true),
        ["suid"] = (MountCalls.NoSuid, false),
        ["nodev"] = (MountCalls.NoDev, true),
        ["dev"] = (MountCalls.NoDev, false),
        ["noexec"] = (MountCalls.NoExec, true),
        ["exec"] = (MountCalls.NoExec, false),
        ["nosymfollow"] = (MountCalls.NoSymFollow, true),
        ["symfollow"] = (MountCalls.NoSymFollow, false),
    };

    /// <summary>What a mount has now.</summary>
    internal static ulong Of(MountEntry mount)
    {
        ulong flags = 0;
        foreach (string word in $"{mount.Options},{mount.SuperOptions}".Split(','))
        {
            // "rw" of the mount says nothing where the file system is read-only.
            if (Words.TryGetValue(word, out (ulong Flag, bool Sets) known) && known.Sets)
                flags |= known.Flag;
        }
        return flags;
    }

    /// <summary>Changes <paramref name="flags"/> where <paramref name="name"/> is one of these options.</summary>
    internal static bool TryChange(string name, ref ulong flags)
    {
        if (!Words.TryGetValue(name, out (ulong Flag, bool Sets) known))
            return false;
        flags = known.Sets ? flags | known.Flag : flags & ~known.Flag;
        return true;
    }
}
