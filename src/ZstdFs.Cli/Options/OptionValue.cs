using System.Globalization;
using ZstdFs.Core;

namespace ZstdFs.Cli.Options;

/// <summary>
/// Turns the text of an option's value into what it means. A wrong text ends the command; the message has the option's
/// name and what it takes.
/// </summary>
internal static class OptionValue
{
    private const int LowestLevel = -7, HighestLevel = 22, MostJobs = 256, MostRecentInodes = 100_000_000;

    internal static int Level(string option, string? text) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int level)
            && level is >= LowestLevel and <= HighestLevel
            ? level
            : throw Wrong(option, text,
                $"a compression level from {LowestLevel} (fastest) to {HighestLevel} (smallest); 3 is the default");

    internal static int FrameBytes(string option, string? text) =>
        SizeBytes(text) is { } bytes and >= FileSystemOptions.MinFrameBytes and <= FileSystemOptions.MaxFrameBytes
            && long.IsPow2(bytes)
            ? (int)bytes
            : throw Wrong(option, text, "a power of two from 64K to 16M, such as 512K, which is the default");

    internal static long MemoryBytes(string option, string? text) =>
        SizeBytes(text) is { } bytes and >= FileSystemOptions.MinMemoryBytes
            ? bytes
            : throw Wrong(option, text, "a size from 8M on, such as 64M");

    internal static long WindowBytes(string option, string? text) =>
        SizeBytes(text) is { } bytes and >= FileSystemOptions.MinWindowBytes and <= FileSystemOptions.HighestWindowBytes
            ? bytes
            : throw Wrong(option, text, "a size from 128M, which is the default, to 2G, such as 512M");

    internal static PlainFiles Plain(string option, string? text) => text switch
    {
        "ignore" => PlainFiles.Ignore,
        "show" => PlainFiles.Show,
        "convert" => PlainFiles.Convert,
        _ => throw Wrong(option, text, "'ignore' (files without .zst are not shown; the default), 'show' or 'convert'"),
    };

    /// <summary>
    /// "native" ends the command where libzstd cannot be used: no other codec takes the place of one asked for by name.
    /// </summary>
    internal static CodecChoice Codec(string option, string? text) => text switch
    {
        "auto" => CodecChoice.Auto,
        "native" when CodecName.WhyNotNative is { } why => throw new CommandFailure(
            ExitCode.Failure,
            $"option '{option}' asks for libzstd, but {why}: install libzstd1, or leave the option out"),
        "native" => CodecChoice.Native,
        "managed" => CodecChoice.Managed,
        _ => throw Wrong(option, text, "'auto' (libzstd where it can be loaded; the default), 'native' or 'managed'"),
    };

    internal static bool IdlePolls(string option, string? text) => text switch
    {
        "poll" => true,
        "halt" => false,
        _ => throw Wrong(option, text,
            "'poll' (while requests follow each other closely, idle processors of a virtual machine wait awake; "
            + "the default) or 'halt'"),
    };

    internal static TimeSpan Seconds(string option, string? text) =>
        Number(text, most: 86400) is { } seconds
            ? TimeSpan.FromSeconds(seconds)
            : throw Wrong(option, text, "seconds from 0 to 86400, such as 1 or 0.5");

    internal static int Jobs(string option, string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int jobs)
            && jobs is >= 1 and <= MostJobs
            ? jobs
            : throw Wrong(option, text, $"a number of threads from 1 to {MostJobs}");

    /// <summary>"lru", "lru:COUNT", "rocksdb" or "rocksdb:PATH", added to the options of a file system.</summary>
    internal static FileSystemOptions Inodes(FileSystemOptions options, string option, string? text)
    {
        string[] parts = (text ?? "").Split(':', 2);
        switch (parts)
        {
            case ["lru"]:
                return options with
                {
                    Inodes = InodeStore.Recent,
                    RecentInodes = new FileSystemOptions().RecentInodes,
                    InodeDatabasePath = null
                };
            case ["lru", var count]
                when int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int places)
                    && places <= MostRecentInodes:
                return options with { Inodes = InodeStore.Recent, RecentInodes = places, InodeDatabasePath = null };
            case ["rocksdb"]:
                return options with { Inodes = InodeStore.RocksDb, InodeDatabasePath = null };
            case ["rocksdb", { Length: > 0 } path]:
                return options with { Inodes = InodeStore.RocksDb, InodeDatabasePath = path };
            default:
                throw Wrong(option, text,
                    $"'lru', 'lru:COUNT' (places kept in memory, up to {MostRecentInodes}), "
                        + "'rocksdb' or 'rocksdb:PATH'");
        }
    }

    /// <summary>
    /// A number without a sign; null where it is none, or more than <paramref name="most"/>. The lower bound is needed:
    /// the parser takes "-Infinity" in every style.
    /// </summary>
    internal static double? Number(string? text, double most) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
            && value >= 0 && value <= most ? value : null;

    internal static string Text(string option, string? text) =>
        string.IsNullOrEmpty(text) ? throw Wrong(option, text, "a value: write '" + option + "=VALUE'") : text;

    private static long? SizeBytes(string? text)
    {
        string number = (text ?? "").TrimEnd('B', 'i');
        int shift = number.Length == 0
            ? 0
            : char.ToUpperInvariant(number[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, _ => 0 };
        return long.TryParse(
            shift == 0 ? number : number[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out long value)
            && value <= uint.MaxValue
            ? value << shift
            : null;
    }

    private static CommandFailure Wrong(string option, string? text, string takes) =>
        new(ExitCode.Usage, string.IsNullOrEmpty(text)
            ? $"option '{option}' needs {takes}"
            : $"option '{option}' does not take '{text}': give {takes}");
}
