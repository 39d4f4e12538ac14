using System.CommandLine;
using System.Diagnostics;
using ZstdFs.Cli.Options;
using ZstdFs.Cli.Tools;
using ZstdFs.Core.Checking;
using ZstdFs.Core.Source;

namespace ZstdFs.Cli.Commands;

/// <summary><c>zstdfs check</c>: what is wrong in a source. Its exit status is fsck's.</summary>
internal static class CheckCommand
{
    internal const string Name = "check";

    /// <summary>fsck's exit status; docs/cli.md is the contract.</summary>
    private const int Healthy = 0, Mended = 1, FaultsLeft = 4, OperationalError = 8, WrongUsage = 16, Interrupted = 32;

    private static readonly Argument<string> Folder = new("FOLDER") { Description = "A source, or a folder in one." };
    private static readonly Option<bool> Data =
        new("--data") { Description = "Decode every frame and verify its checksum." };
    private static readonly Option<bool> Repair = new("--repair")
    {
        Description = "Mend what can be mended without touching content: "
            + "records, inode numbers, leftovers, state."
    };
    private static readonly Option<bool> Resume =
        new("--resume") { Description = "With --data: leave out what an interrupted check has gone through." };
    private static readonly ToolOptions Common = new();

    internal static Command Create()
    {
        var command = new Command(Name,
            "Checks the stored files below FOLDER and names every fault on standard output, one a line. "
            + "Safe beside a live mount.")
        {
            Folder, Data, Repair, Resume, Common.Codec, Common.Jobs, Common.LimitRate, Common.Json,
        };
        command.SetAction(Run);
        return command;
    }

    /// <summary>The program's exit code as fsck would put it.</summary>
    internal static int FailureCode(ExitCode code) => code == ExitCode.Usage ? WrongUsage : OperationalError;

    private static int Run(ParseResult parsed)
    {
        var options = new CheckOptions
        {
            Codec = Common.CodecChoice(parsed),
            Data = parsed.GetValue(Data),
            Repair = parsed.GetValue(Repair),
            Resume = parsed.GetValue(Resume),
            BytesPerSecond = Common.Rate(parsed),
        };
        if (ToolOptions.Given(parsed, Common.Jobs))
            options = options with { Jobs = OptionValue.Jobs(Common.Jobs.Name, parsed.GetValue(Common.Jobs)) };
        if (options.Resume && !options.Data)
            throw new CommandFailure(ExitCode.Usage,
                "'--resume' goes with '--data' only: everything else is checked in full each time");
        using NamedSource source = NamedSource.Open(parsed.GetRequiredValue(Folder));
        using var interruption = new Interruption();
        bool json = parsed.GetValue(Common.Json);
        var faults = new FaultLines(json);
        var check = new SourceCheck(options, faults);
        long start = Stopwatch.GetTimestamp();
        try
        {
            check.Run(source.Root, source.FolderPath, interruption.Token);
        }
        catch (SourceException e)
        {
            throw source.Refused(e);
        }
        bool interrupted = interruption.Token.IsCancellationRequested;
        if (json)
            faults.WriteJson(check.Progress, interrupted);
        else
            Console.Error.WriteLine(Summary(check, options, Stopwatch.GetElapsedTime(start), interrupted));
        return interrupted ? Interrupted
            : check.Progress.Faults > check.Progress.Mended ? FaultsLeft
            : check.Progress.Mended > 0 ? Mended
            : Healthy;
    }

    private static string Summary(SourceCheck check, CheckOptions options, TimeSpan elapsed, bool interrupted)
    {
        CheckProgress progress = check.Progress;
        string what = options.Data
            ? $"{ByteText.Show(progress.PlainBytes)} of content decoded, "
                + $"{ByteText.Show(progress.PlainBytes / Math.Max(0.001, elapsed.TotalSeconds))}/s"
            : "structure only; --data decodes the content too";
        string faults = progress.Faults == 0 ? "no faults" : $"{progress.Faults} faults, {progress.Mended} mended";
        string served = check.IsServed && options.Repair && progress.Faults > progress.Mended
            ? "; some may need the source unmounted to be mended"
            : "";
        string later = interrupted && options.Data ? "; 'check --data --resume' goes on from here" : "";
        return
            $"zstdfs: {(interrupted ? "interrupted: " : "")}{faults} in {progress.Files} files ({what}){served}{later}";
    }
}
