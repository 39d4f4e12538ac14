using System.CommandLine;
using ZstdFs.Cli.Tools;
using ZstdFs.Core.Conversion;

namespace ZstdFs.Cli.Commands;

/// <summary><c>zstdfs convert</c>: a folder of plain files becomes a source, in place, and back.</summary>
internal static class ConvertCommand
{
    private static readonly Argument<string> Folder =
        new("FOLDER") { Description = "The folder whose files are converted, with everything below." };
    private static readonly Option<bool> Revert =
        new("--revert") { Description = "The way back: stored files become plain files again." };
    private static readonly Option<bool> DryRun = new("--dry-run")
    {
        Description = "Change nothing; compress samples and tell what would be saved, by type of file."
    };
    private static readonly Option<string?> OnConflict = new("--on-conflict")
    {
        HelpName = "skip|keep-plain|keep-compressed",
        Description = "Where both NAME and NAME.zst are there: leave both and name them, "
            + "or say which of the two counts; the other one goes. Default: skip.",
    };
    private static readonly Option<string?> ExistingZst = new("--existing-zst")
    {
        HelpName = "show|wrap|decode",
        Description = "What is done with .zst files that were there before. "
            + "show: they stay, and a mount shows what they hold. "
            + "wrap: they are converted like other files, and a mount shows them as they are. "
            + "decode (with --revert): they become plain files too. Default: show, and --revert leaves them.",
    };
    private static readonly Option<bool> SkipIncompressible = new("--skip-incompressible")
    {
        Description = "Leave files plain that compression hardly makes smaller. "
            + "A mount shows them with --plain=show only.",
    };
    private static readonly ToolOptions Common = new();

    internal static Command Create()
    {
        var command = new Command("convert",
            "Turns every file below FOLDER into a .zst file, in place: "
            + "each is read back and compared before the plain one goes. "
            + "Interrupted at any moment, nothing is lost; run it again to go on.")
        {
            Folder, Revert, DryRun, Common.Level, Common.FrameSize, Common.Jobs, Common.Include, Common.Exclude,
                Common.MinSize, SkipIncompressible, OnConflict, ExistingZst, Common.OneFileSystem,
            Common.Codec, Common.LimitRate, Common.Wait, Common.Json,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        ConversionOptions options = Common.Read(parsed) with
        {
            Kind = parsed.GetValue(Revert) ? ConversionKind.Revert : ConversionKind.Convert,
            SkipIncompressible = parsed.GetValue(SkipIncompressible),
            OnConflict = Conflict(parsed.GetValue(OnConflict)),
            Existing = Existing(parsed.GetValue(ExistingZst), parsed.GetValue(Revert)),
        };
        if (options is { Kind: ConversionKind.Revert, MinBytes: > 0 })
            throw new CommandFailure(ExitCode.Usage,
                "'--min-size' and '--revert' do not go together: "
                + "'--include' and '--exclude' choose among stored files");
        string folder = parsed.GetRequiredValue(Folder);
        if (!parsed.GetValue(DryRun))
            return (int)ConversionRun.Run(folder, options, Common.WaitOf(parsed), parsed.GetValue(Common.Json));
        if (options.Kind == ConversionKind.Revert)
            throw new CommandFailure(ExitCode.Usage,
                "'--dry-run' and '--revert' do not go together: "
                + "'zstdfs stats' tells how much room the plain files need");
        return (int)SavingsEstimateRun.Run(folder, options, parsed.GetValue(Common.Json));
    }

    private static ExistingChoice Existing(string? text, bool reverts) => (text, reverts) switch
    {
        (null or "show", _) => ExistingChoice.Show,
        ("wrap", false) => ExistingChoice.Wrap,
        ("decode", true) => ExistingChoice.Decode,
        ("wrap" or "decode", _) =>
            throw new CommandFailure(ExitCode.Usage,
            $"option '--existing-zst' takes '{text}' {(reverts ? "without" : "with")} '--revert' only"),
        _ => throw new CommandFailure(ExitCode.Usage,
            $"option '--existing-zst' does not take '{text}': give show, wrap or decode"),
    };

    private static ConflictChoice Conflict(string? text) => text switch
    {
        null or "skip" => ConflictChoice.Skip,
        "keep-plain" => ConflictChoice.KeepPlain,
        "keep-compressed" => ConflictChoice.KeepCompressed,
        _ => throw new CommandFailure(ExitCode.Usage,
            $"option '--on-conflict' does not take '{text}': give skip, keep-plain or keep-compressed"),
    };
}
