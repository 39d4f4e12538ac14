using System.Text;

namespace ZstdFs.Cli.Options;

/// <summary>The list after <c>-o</c>, as mount(8) and fstab(5) write it. Later entries win over earlier ones.</summary>
internal static class MountOptionList
{
    private const string SyncInstead = "leave it out; fsync makes one file durable, 'zstdfs sync' everything";

    private delegate MountOptions Entry(MountOptions options, string name, string? value);

    private static readonly Dictionary<string, Entry> Entries = new(StringComparer.Ordinal)
    {
        ["ro"] = Flag(o => o with { FileSystem = o.FileSystem with { ReadOnly = true } }),
        ["rw"] = Flag(o => o with { FileSystem = o.FileSystem with { ReadOnly = false } }),
        ["allow_other"] = Flag(o => o with { AllowOther = true }),
        ["nosuid"] = Flag(o => o with { NoSuid = true }),
        ["suid"] = Flag(o => o with { NoSuid = false }),
        ["nodev"] = Flag(o => o with { NoDevices = true }),
        ["dev"] = Flag(o => o with { NoDevices = false }),
        ["noexec"] = Flag(o => o with { NoExecute = true }),
        ["exec"] = Flag(o => o with { NoExecute = false }),
        ["noatime"] = Flag(o => o with
        {
            NoAccessTime = true,
            FileSystem = o.FileSystem with { KeepsAccessTimes = false, HasStrictAccessTimes = false }
        }),
        ["atime"] = Flag(
            o => o with { NoAccessTime = false, FileSystem = o.FileSystem with { KeepsAccessTimes = true } }),
        ["strictatime"] = Flag(o => o with
        {
            NoAccessTime = false,
            FileSystem = o.FileSystem with { KeepsAccessTimes = true, HasStrictAccessTimes = true },
        }),
        ["nostrictatime"] = Flag(o => o with { FileSystem = o.FileSystem with { HasStrictAccessTimes = false } }),
        ["relatime"] = Flag(o => o with { FileSystem = o.FileSystem with { HasStrictAccessTimes = false } }),
        ["nosymfollow"] = Flag(o => o with { NoSymlinkFollowing = true }),
        ["symfollow"] = Flag(o => o with { NoSymlinkFollowing = false }),
        ["nonempty"] = Flag(o => o with { NonEmpty = true }),
        ["wait"] = (o, name, value) => o with { Wait = OptionValue.Seconds(name, value) },
        ["fsname"] = (o, name, value) => o with { FileSystemName = OptionValue.Text(name, value) },
        ["subtype"] = (o, name, value) => o with { Subtype = OptionValue.Text(name, value) },
        ["idle"] = (o, name, value) => o with { IdlePolls = OptionValue.IdlePolls(name, value) },
        ["codec"] = (o, name, value) =>
            o with { FileSystem = o.FileSystem with { Codec = OptionValue.Codec(name, value) } },
        ["level"] = (o, name, value) =>
            o with { FileSystem = o.FileSystem with { Level = OptionValue.Level(name, value) } },
        ["rules"] = (o, name, value) =>
            o with { FileSystem = o.FileSystem with { RulesPath = OptionValue.Text(name, value) } },
        ["memory"] = (o, name, value) =>
            o with { FileSystem = o.FileSystem with { MemoryBytes = OptionValue.MemoryBytes(name, value) } },
        ["max_window"] = (o, name, value) =>
            o with { FileSystem = o.FileSystem with { MaxWindowBytes = OptionValue.WindowBytes(name, value) } },
        ["frame_size"] = (o, name, value) =>
            o with { FileSystem = o.FileSystem with { FrameBytes = OptionValue.FrameBytes(name, value) } },
        ["plain"] = (o, name, value) =>
            o with { FileSystem = o.FileSystem with { PlainFiles = OptionValue.Plain(name, value) } },
        ["cache_timeout"] = (o, name, value) =>
            o with { FileSystem = o.FileSystem with { CacheTimeout = OptionValue.Seconds(name, value) } },
        ["inodes"] = (o, name, value) => o with { FileSystem = OptionValue.Inodes(o.FileSystem, name, value) },
        ["log_file"] = (o, name, value) => o with { LogFile = OptionValue.Text(name, value) },
        ["jobs"] = (o, name, value) =>
            o with { FileSystem = o.FileSystem with { Jobs = OptionValue.Jobs(name, value) } },
    };

    /// <summary>Words that other file systems know and that would promise something wrong here.</summary>
    private static readonly Dictionary<string, string> Refused = new(StringComparer.Ordinal)
    {
        ["auto_unmount"] = "a mount that lost its daemon must answer with an error, not look like an empty folder; "
            + "leave it out and use 'zstdfs unmount'",
        ["sync"] = SyncInstead,
        ["dirsync"] = SyncInstead,
    };

    /// <summary>
    /// Words of mount(8) and fstab(5) that need nothing done here: it is so anyway, or the word is for mount(8) itself.
    /// </summary>
    private static readonly HashSet<string> WithoutEffect = new(StringComparer.Ordinal)
    {
        "defaults", "default_permissions", "async", "norelatime", "lazytime", "nolazytime",
        "diratime", "nodiratime", "auto", "noauto", "user", "nouser", "users", "owner", "group",
        "nofail", "_netdev", "silent", "loud",
    };

    /// <summary>"remount" itself, and what mount(8) repeats out of the mount table at a remount.</summary>
    private static readonly HashSet<string> OfTheKernel = new(StringComparer.Ordinal)
    {
        "remount", "relatime", "user_id", "group_id", "rootmode", "fd", "max_read", "blksize"
    };

    /// <summary>
    /// Adds one list to what was asked so far. With <paramref name="sloppy"/> it passes over unknown entries.
    /// </summary>
    internal static MountOptions Apply(MountOptions options, string list, bool sloppy = false)
    {
        foreach ((string name, string? value) in Read(list))
        {
            if (!sloppy || IsKnown(name))
                options = Change(options, name, value);
        }
        return options;
    }

    /// <summary>The entries of a list.</summary>
    internal static IEnumerable<(string Name, string? Value)> Read(string list)
    {
        foreach (string entry in Split(list))
        {
            int equals = entry.IndexOf('=', StringComparison.Ordinal);
            if (entry.Length > 0)
                yield return equals < 0 ? (entry, null) : (entry[..equals], entry[(equals + 1)..]);
        }
    }

    /// <summary>Adds one entry.</summary>
    internal static MountOptions Change(MountOptions options, string name, string? value)
    {
        if (Entries.TryGetValue(name, out Entry? apply))
            return apply(options, name, value);
        if (Refused.TryGetValue(name, out string? reason))
            throw new CommandFailure(ExitCode.Usage, $"option '{name}' is not taken: {reason}");
        return IsKnown(name)
            ? options
            : throw new CommandFailure(ExitCode.Usage,
                $"unknown option '{name}' after -o: leave it out; 'zstdfs mount --help' lists the options");
    }

    /// <summary>The entry asks to change a mount that is there already, or the kernel made it for one.</summary>
    internal static bool IsOfTheKernel(string name) => OfTheKernel.Contains(name);

    /// <summary>The list asks to change a mount that is there.</summary>
    internal static bool AsksForRemount(string list) => Read(list).Any(entry => entry.Name == "remount");

    /// <summary>A value as an entry holds it: its commas do not end the entry.</summary>
    internal static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal);

    /// <summary>A mount takes the entry, or it has no effect.</summary>
    internal static bool IsKnown(string name) =>
        Entries.ContainsKey(name) || WithoutEffect.Contains(name) || name.StartsWith("x-", StringComparison.Ordinal);

    /// <summary>
    /// Sets the entry called <paramref name="name"/>; messages call it <paramref name="shownName"/>, as the user wrote
    /// it.
    /// </summary>
    internal static MountOptions Set(MountOptions options, string shownName, string name, string? value) =>
        Entries[name](options, shownName, value);

    /// <summary>The names that <see cref="Apply"/> acts on, for help and documentation.</summary>
    internal static IEnumerable<string> Names => Entries.Keys;

    // A comma that belongs to a value is written "\,", as with every FUSE file system.
    private static IEnumerable<string> Split(string list)
    {
        var entry = new StringBuilder();
        for (int i = 0; i < list.Length; i++)
        {
            if (list[i] == '\\' && i + 1 < list.Length)
            {
                entry.Append(list[++i]);
            }
            else if (list[i] == ',')
            {
                yield return entry.ToString();
                entry.Clear();
            }
            else
            {
                entry.Append(list[i]);
            }
        }
        yield return entry.ToString();
    }

    private static Entry Flag(Func<MountOptions, MountOptions> apply) => (options, name, value) =>
        value is null
            ? apply(options)
            : throw new CommandFailure(ExitCode.Usage, $"option '{name}' takes no value: write '{name}' alone");
}
