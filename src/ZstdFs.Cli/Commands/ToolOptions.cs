using System.CommandLine;
using ZstdFs.Cli.Options;
using ZstdFs.Core;
using ZstdFs.Core.Conversion;

namespace ZstdFs.Cli.Commands;

/// <summary>Options that several tools take alike.</summary>
internal sealed class ToolOptions
{
    internal Option<string?> Codec { get; } = new("--codec")
    {
        HelpName = "auto|native|managed",
        Description = "What compresses and decodes: libzstd, or the codec inside. "
            + "Default: libzstd where it can be loaded.",
    };
    internal Option<string?> Level { get; } = new("--level")
    {
        HelpName = "N",
        Description = "Compression level, -7 (fastest) to 22 (smallest). Default: 3."
    };
    internal Option<string?> FrameSize { get; } = new("--frame-size")
    {
        HelpName = "SIZE",
        Description = "How much of a file is compressed as one piece, 64K to 16M. Default: 512K."
    };
    internal Option<string?> Jobs { get; } =
        new("--jobs") { HelpName = "N", Description = "Threads that work. Default: one for each processor." };
    internal Option<string[]> Include { get; } = new("--include")
    {
        HelpName = "PATTERN",
        Description = "Only files that match, such as '*.json'; with a slash, a path below FOLDER. "
            + "May be given several times."
    };
    internal Option<string[]> Exclude { get; } = new("--exclude")
    {
        HelpName = "PATTERN",
        Description = "No files and folders that match. May be given several times."
    };
    internal Option<string?> MinSize { get; } =
        new("--min-size") { HelpName = "SIZE", Description = "Only files of at least SIZE bytes, such as 4K." };
    internal Option<bool> OneFileSystem { get; } = new("--one-file-system")
    {
        DefaultValueFactory = _ => true,
        Description = "Pass over other file systems that are mounted below. "
            + "'--one-file-system=false' goes into them. Default: true.",
    };
    internal Option<string?> LimitRate { get; } = new("--limit-rate")
    {
        HelpName = "SIZE",
        Description = "Work on at most SIZE bytes a second, such as 50M."
    };
    internal Option<string?> Wait { get; } = new("--wait")
    {
        HelpName = "SECONDS",
        Description = "How long to wait for the daemon of the last mount, which still stores what was written. "
            + "Default: 300.",
    };
    internal Option<bool> Json { get; } = new("--json") { Description = "The result as JSON on standard output." };

    /// <summary>What the options say. A value that an option does not take ends the command.</summary>
    internal ConversionOptions Read(ParseResult parsed)
    {
        var options = new ConversionOptions { Codec = CodecChoice(parsed) };
        if (Given(parsed, Level))
            options = options with { Level = OptionValue.Level(Level.Name, parsed.GetValue(Level)) };
        if (Given(parsed, FrameSize))
            options = options with { FrameBytes = OptionValue.FrameBytes(FrameSize.Name, parsed.GetValue(FrameSize)) };
        if (Given(parsed, Jobs))
            options = options with { Jobs = OptionValue.Jobs(Jobs.Name, parsed.GetValue(Jobs)) };
        return options with
        {
            Include = Given(parsed, Include) ? [.. parsed.GetValue(Include)!.Select(NativeText.Encode)] : [],
            Exclude = Given(parsed, Exclude) ? [.. parsed.GetValue(Exclude)!.Select(NativeText.Encode)] : [],
            MinBytes = Given(parsed, MinSize) ? Bytes(MinSize, parsed) : 0,
            OneFileSystem = !Given(parsed, OneFileSystem) || parsed.GetValue(OneFileSystem),
            BytesPerSecond = Rate(parsed),
        };
    }

    internal TimeSpan WaitOf(ParseResult parsed) =>
        Given(parsed, Wait) ? OptionValue.Seconds(Wait.Name, parsed.GetValue(Wait)) : MountOptions.DefaultWait;

    internal CodecChoice CodecChoice(ParseResult parsed) =>
        Given(parsed, Codec) ? OptionValue.Codec(Codec.Name, parsed.GetValue(Codec)) : Core.CodecChoice.Auto;

    internal long Rate(ParseResult parsed) => Given(parsed, LimitRate) ? Math.Max(1, Bytes(LimitRate, parsed)) : 0;

    /// <summary>"30d", "12h": how long ago.</summary>
    internal static TimeSpan Age(string option, string? text)
    {
        double factor = text is { Length: > 1 }
            ? text[^1] switch { 'd' => 86400, 'h' => 3600, 'm' => 60, 's' => 1, _ => 0 }
            : 0;
        return factor > 0 && OptionValue.Number(text![..^1], most: 1e6) is { } value
            ? TimeSpan.FromSeconds(value * factor)
            : throw new CommandFailure(ExitCode.Usage,
                $"option '{option}' does not take '{text}': give a time such as 30d or 12h");
    }

    internal static double Percent(string option, string? text) =>
        OptionValue.Number((text ?? "").TrimEnd('%'), most: 100) is { } value and < 100
            ? value / 100
            : throw new CommandFailure(ExitCode.Usage,
                $"option '{option}' does not take '{text}': give a percentage such as 5%");

    internal static bool Given(ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };

    private static long Bytes(Option<string?> option, ParseResult parsed) =>
        ByteText.Parse(parsed.GetValue(option))
        ?? throw new CommandFailure(ExitCode.Usage,
            $"option '{option.Name}' does not take '{parsed.GetValue(option)}': give bytes, such as 4K, 10M or 1.5G");
}
