using System.CommandLine;
using ZstdFs.Cli.Logging;
using ZstdFs.Cli.Mounting;
using ZstdFs.Cli.Options;
using ZstdFs.Linux;

namespace ZstdFs.Cli.Commands;

/// <summary><c>zstdfs mount</c>: in the foreground, or a daemon that this process starts and waits for.</summary>
internal static class MountCommand
{
    private const string DaemonOption = "--daemon";

    private static readonly Argument<string> Source =
        new("SOURCE") { Description = "The folder that holds the .zst files." };
    private static readonly Argument<string> MountPoint = new("MOUNTPOINT")
    {
        Description = "An empty folder that will show the plain files, or SOURCE itself.",
    };
    private static readonly Option<bool> Foreground =
        new("--foreground", "-f") { Description = "Stay in the foreground; events go to standard error." };
    private static readonly Option<string[]> List = new("--options", "-o")
    {
        HelpName = "LIST",
        AllowMultipleArgumentsPerToken = false,
        Description = "Options as in fstab, with commas between: " + string.Join(", ", MountOptionList.Names) + ".",
    };
    private static readonly Option<string?> Codec = new("--codec")
    {
        HelpName = "auto|native|managed",
        Description = "What compresses and decodes: libzstd, or the codec inside, which needs nothing installed. "
            + "Default: libzstd where it can be loaded.",
    };
    private static readonly Option<string?> Level = new("--level")
    {
        HelpName = "N",
        Description = "Compression level of what is written, -7 (fastest) to 22 (smallest). Default: 3."
    };
    private static readonly Option<string?> FrameSize = new("--frame-size")
    {
        HelpName = "SIZE",
        Description = "How much of a file is compressed as one piece, 64K to 16M: "
            + "larger compresses better, smaller reads faster at random. Default: 512K.",
    };
    private static readonly Option<string?> Plain = new("--plain")
    {
        HelpName = "ignore|show|convert",
        Description = "Files in SOURCE that are not .zst: left out, shown as they are, "
            + "or shown and compressed in the background. Default: ignore."
    };
    private static readonly Option<string?> CacheTimeout = new("--cache-timeout")
    {
        HelpName = "SECONDS",
        Description = "How long a change made directly in SOURCE may stay unseen in listings. Default: 1.",
    };
    private static readonly Option<string?> Inodes = new("--inodes")
    {
        HelpName = "lru[:COUNT]|rocksdb[:PATH]",
        Description = "Where it is kept which file an inode number is, for file handles (NFS): "
            + "the last COUNT in memory, or all in a database. Default: lru:16384.",
    };
    private static readonly Option<string?> Rules = new("--rules")
    {
        HelpName = "FILE",
        Description = "Which files get another level: lines such as '19 *.log >1M'. "
            + "Default: .zstdfs/rules in SOURCE, where there is one."
    };
    private static readonly Option<string?> Memory = new("--memory")
    {
        HelpName = "SIZE",
        Description = "Most that is cached and buffered in all, such as 64M; also bounds --jobs."
    };
    private static readonly Option<string?> MaxWindow = new("--max-window")
    {
        HelpName = "SIZE",
        Description = "Largest window of a frame that is decoded (zstd --long), 128M to 2G: "
            + "it takes that memory while such a file is read. Default: 128M.",
    };
    private static readonly Option<string?> LogFile =
        new("--log-file") { HelpName = "FILE", Description = "Append events to FILE. Default: the system log." };
    private static readonly Option<string?> Jobs = new("--jobs")
    {
        HelpName = "N",
        Description = "Threads that compress one file. Default: one for each processor."
    };
    private static readonly Option<string?> Wait = new("--wait")
    {
        HelpName = "SECONDS",
        Description = "How long to wait for the daemon of the last mount, which still stores what was written. "
            + "Default: 300.",
    };
    private static readonly Option<bool> Sloppy = new("--sloppy")
    {
        Hidden = true,
        Description = "Options of the lists that are not known are passed over (mount -s)."
    };
    private static readonly Option<bool> Daemon = new(DaemonOption) { Hidden = true };

    internal static Command Create()
    {
        var command = new Command("mount",
            "Shows the files of SOURCE, decompressed, in MOUNTPOINT. Returns when the mount can be used.")
        {
            Source, MountPoint, Foreground, List, Level, FrameSize, Rules, Plain, CacheTimeout, Inodes, Memory,
            MaxWindow, Codec, LogFile, Jobs, Wait, Sloppy, Daemon,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        string source = parsed.GetRequiredValue(Source), mountPoint = parsed.GetRequiredValue(MountPoint);
        if (parsed.GetValue(Daemon))
            return (int)RunDaemon(source, mountPoint, parsed);
        if (parsed.GetValue(List) is { } lists && lists.Any(MountOptionList.AsksForRemount))
        {
            Remount.Run(mountPoint, lists, parsed.GetValue(Sloppy));
            return (int)ExitCode.Success;
        }
        MountOptions options = Options(parsed);
        // Checked before the log file is made: a mount that cannot be made leaves nothing behind.
        using (MountPreflight preflight = MountPreflight.Check(source, mountPoint, options))
        {
            if (!parsed.GetValue(Foreground))
                (source, mountPoint) = (preflight.Source.PathText, preflight.MountPoint.PathText);
        }
        if (parsed.GetValue(Foreground))
        {
            using EventLog log = options.LogFile is { } file ? new FileLog(file) : new StandardErrorLog();
            return (int)new MountService(source, mountPoint, options, log, StartReport.None()).Run();
        }
        if (options.LogFile is { } wanted)
            new FileLog(wanted).Dispose();
        BackgroundStart.Run(
            ["mount", DaemonOption, .. Words(parsed, options), "--", source, mountPoint], options.LogFile);
        return (int)ExitCode.Success;
    }

    private static ExitCode RunDaemon(string source, string mountPoint, ParseResult parsed)
    {
        using StartReport report = StartReport.Inherited();
        try
        {
            MountOptions options = Options(parsed);
            using EventLog log = new StartingLog(
                options.LogFile is { } file ? new FileLog(file) : new SystemLog(NativeText.Printable(mountPoint)),
                report);
            return new MountService(source, mountPoint, options, log, report).Run();
        }
        catch (CommandFailure failure)
        {
            report.Failed(failure.Code, NativeText.Printable(failure.Message));
            return failure.Code;
        }
        catch (Exception e)
        {
            report.Failed(ExitCode.Failure, NativeText.Printable($"the daemon failed: {e.Message}"));
            throw;
        }
    }

    /// <summary>
    /// What was asked. Lists come first: an option of its own name wins over the same option in a list.
    /// </summary>
    private static MountOptions Options(ParseResult parsed)
    {
        var options = new MountOptions();
        foreach (string list in parsed.GetValue(List) ?? [])
            options = MountOptionList.Apply(options, list, parsed.GetValue(Sloppy));
        foreach ((Option<string?> option, string entry) in Named)
        {
            if (parsed.GetResult(option) is not null)
                options = MountOptionList.Set(options, option.Name, entry, parsed.GetValue(option));
        }
        if ((!options.NoSuid || !options.NoDevices) && !Credentials.IsRoot)
            throw new CommandFailure(ExitCode.Usage,
                $"option '{(options.NoSuid ? "dev" : "suid")}' is for root only: leave it out");
        if (options.NoSymlinkFollowing && !Credentials.IsRoot)
            throw new CommandFailure(ExitCode.Usage,
                "option 'nosymfollow' is for root only, because fusermount3 does not know it: leave it out");
        options = options with
        {
            LogFile = options.LogFile is { } file ? Path.GetFullPath(file) : null,
            FileSystem = options.FileSystem with
            {
                InodeDatabasePath =
                    options.FileSystem.InodeDatabasePath is { } database ? Path.GetFullPath(database) : null,
                RulesPath = options.FileSystem.RulesPath is { } rules ? Path.GetFullPath(rules) : null,
            },
        };
        return options with { Given = Given(parsed, options) };
    }

    // The absolute paths hold in any working folder. They stand last, because later entries win.
    private static string Given(ParseResult parsed, MountOptions options)
    {
        List<string> entries = [.. parsed.GetValue(List) ?? []];
        foreach ((Option<string?> option, string entry) in Named)
        {
            if (parsed.GetValue(option) is { } value)
                entries.Add($"{entry}={MountOptionList.Escape(value)}");
        }
        if (options.LogFile is { } log)
            entries.Add("log_file=" + MountOptionList.Escape(log));
        if (options.FileSystem.RulesPath is { } rules)
            entries.Add("rules=" + MountOptionList.Escape(rules));
        if (options.FileSystem.InodeDatabasePath is { } database)
            entries.Add("inodes=rocksdb:" + MountOptionList.Escape(database));
        return string.Join(',', entries);
    }

    // The same options for the daemon. Paths are absolute, because the daemon leaves this working folder.
    private static IEnumerable<string> Words(ParseResult parsed, MountOptions options)
    {
        foreach (string list in parsed.GetValue(List) ?? [])
            yield return "--options=" + list;
        foreach ((Option<string?> option, _) in Named)
        {
            if (option != LogFile && option != Inodes && option != Rules && parsed.GetValue(option) is { } value)
                yield return option.Name + "=" + value;
        }
        if (options.FileSystem.InodeDatabasePath is { } database)
            yield return $"{Inodes.Name}=rocksdb:{database}";
        else if (parsed.GetValue(Inodes) is { } inodes)
            yield return Inodes.Name + "=" + inodes;
        if (options.FileSystem.RulesPath is { } rules)
            yield return Rules.Name + "=" + rules;
        if (parsed.GetValue(Sloppy))
            yield return Sloppy.Name;
        if (options.LogFile is not null)
            yield return LogFile.Name + "=" + options.LogFile;
    }

    private static (Option<string?> Option, string Entry)[] Named =>
    [
        (Level, "level"), (FrameSize, "frame_size"), (Plain, "plain"), (CacheTimeout, "cache_timeout"),
        (Inodes, "inodes"), (Rules, "rules"), (Memory, "memory"), (MaxWindow, "max_window"), (Codec, "codec"),
        (LogFile, "log_file"), (Jobs, "jobs"), (Wait, "wait")
    ];
}
