using System.CommandLine;
using ZstdFs.Cli.Tools;
using ZstdFs.Core.Conversion;

namespace ZstdFs.Cli.Commands;

/// <summary><c>zstdfs recompress</c>: another level for what is stored already.</summary>
internal static class RecompressCommand
{
    private static readonly Argument<string> Folder = new("FOLDER") { Description = "A source, or a folder in one." };
    private static readonly Option<string?> Cold = new("--cold")
    {
        HelpName = "TIME",
        Description = "Only files that nobody has read for so long, such as 30d or 12h (by access time)."
    };
    private static readonly Option<string?> IfSaves = new("--if-saves")
    {
        HelpName = "PERCENT",
        Description = "Keep the new version only where it is smaller by so much, such as 5%. "
            + "Default: 1%; 0 also takes larger ones, for a faster level.",
    };
    private static readonly ToolOptions Common = new()
    {
        Level = { Description = "Compression level, -7 (fastest) to 22 (smallest). Must be given." },
    };

    internal static Command Create()
    {
        var command = new Command("recompress",
            "Compresses the stored files below FOLDER anew, in place, as safely as convert. "
            + "What turns out not to be worth it is remembered and not tried again.")
        {
            Folder, Common.Level, Common.FrameSize, Common.Jobs, Cold, IfSaves, Common.Include, Common.Exclude,
            Common.OneFileSystem, Common.Codec, Common.LimitRate, Common.Wait, Common.Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        if (!ToolOptions.Given(parsed, Common.Level))
            throw new CommandFailure(ExitCode.Usage,
                "'recompress' needs '--level N': -7 to 22, higher is smaller and slower");
        double saves = ToolOptions.Given(parsed, IfSaves)
            ? ToolOptions.Percent(IfSaves.Name, parsed.GetValue(IfSaves))
            : 0.01;
        ConversionOptions options = Common.Read(parsed) with
        {
            Kind = ConversionKind.Recompress,
            ColdFor =
                ToolOptions.Given(parsed, Cold) ? ToolOptions.Age(Cold.Name, parsed.GetValue(Cold)) : TimeSpan.Zero,
            IfSaves = saves > 0 ? saves : double.NegativeInfinity,
        };
        return (int)ConversionRun.Run(
            parsed.GetRequiredValue(Folder), options, Common.WaitOf(parsed), parsed.GetValue(Common.Json));
    }
}
