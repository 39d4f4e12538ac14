using System.Diagnostics;
using System.Text.Json;
using ZstdFs.Cli.Logging;
using ZstdFs.Cli.Mounting;
using ZstdFs.Cli.Options;
using ZstdFs.Core.Conversion;
using ZstdFs.Core.Source;

namespace ZstdFs.Cli.Tools;

/// <summary>One conversion, with its progress on a terminal and its summary at the end.</summary>
internal static class ConversionRun
{
    internal static ExitCode Run(string folder, ConversionOptions options, TimeSpan wait, bool json)
    {
        using NamedSource source = NamedSource.Open(folder, isChanged: true);
        using var interruption = new Interruption();
        long start = Stopwatch.GetTimestamp();
        // No daemon can use a folder that is no source: the tool looks at its names before it makes it one.
        ExistingFiles existing = source.IsSource ? default : ExistingFiles.Tell(source, options, interruption.Token);
        using TreeConversion conversion = Open(source, options, wait, interruption.Token);
        if (source.IsSource)
            existing = ExistingFiles.Tell(source, options, interruption.Token);
        try
        {
            using (ConversionDisplay.Start(source, options, conversion.Progress))
                conversion.Run(interruption.Token);
        }
        catch (ConversionException e)
        {
            throw new CommandFailure(ExitCode.Failure, $"'{source.Text}': {e.Message}");
        }
        Report(options, conversion.Progress, existing, Stopwatch.GetElapsedTime(start),
            interruption.Token.IsCancellationRequested, json);
        if (conversion.WentWithoutLease)
        {
            Console.Error.WriteLine(
                "zstdfs: note: for some files it could not be told whether a program has them open for writing; "
                + "what such a program goes on writing is lost");
        }
        return interruption.Token.IsCancellationRequested || conversion.Progress.Left > 0 || existing.Hidden > 0
            ? ExitCode.SomeLeft
            : ExitCode.Success;
    }

    private static TreeConversion Open(
        NamedSource source, ConversionOptions options, TimeSpan wait, CancellationToken cancellation)
    {
        using var log = new StandardErrorLog();
        var last = new LastDaemon(source.Text, wait, log, wayOut: "");
        while (true)
        {
            if (TryOpen(source, options, last) is { } conversion)
                return conversion;
            last.Await();
            if (cancellation.IsCancellationRequested)
                throw source.Interrupted();
        }
    }

    /// <summary>Null where the source's last daemon is about to let go of it.</summary>
    private static TreeConversion? TryOpen(NamedSource source, ConversionOptions options, LastDaemon last)
    {
        try
        {
            return TreeConversion.Open(source.OpenRoot(), source.FolderPath, options, new LeftFiles(options.Kind));
        }
        catch (SourceException e)
        {
            if (e.Holder is { } holder && last.IsEnding(holder))
                return null;
            throw source.Refused(e);
        }
    }

    private static void Report(ConversionOptions options, ConversionProgress progress, ExistingFiles existing,
        TimeSpan elapsed, bool interrupted, bool json)
    {
        if (json)
        {
            JsonOutput.Write(writer => WriteJson(writer, progress, existing, elapsed, interrupted));
            return;
        }
        string done = options.Kind switch
        {
            ConversionKind.Convert => "converted",
            ConversionKind.Revert => "reverted",
            _ => "recompressed"
        };
        string left = progress.Left == 0 ? "" : $", {progress.Left} left";
        string kept = progress.Kept == 0 ? ""
            : $", {progress.Kept} .zst files stay because nothing of this source wrote them "
                + "(--existing-zst=decode makes plain ones of them too)";
        string asked = progress.LeftAsAsked == 0 ? ""
            : options.Kind == ConversionKind.Recompress ? $", {progress.LeftAsAsked} not worth it"
            : $", {progress.LeftAsAsked} left plain as incompressible";
        Console.Error.WriteLine(
            $"zstdfs: {(interrupted ? "interrupted: " : "")}{done} {progress.Files} files{left}{asked}{kept}: "
                + $"{ByteText.Show(progress.PlainBytes)} plain, {ByteText.Show(progress.StoredBytes)} stored, "
            + $"ratio {ByteText.Ratio(progress.PlainBytes, progress.StoredBytes)}, "
            + $"{ByteText.Show(progress.PlainBytes / Math.Max(0.001, elapsed.TotalSeconds))}/s");
    }

    private static void WriteJson(Utf8JsonWriter writer, ConversionProgress progress, ExistingFiles existing,
        TimeSpan elapsed, bool interrupted)
    {
        writer.WriteNumber("files", progress.Files);
        writer.WriteNumber("left", progress.Left);
        writer.WriteNumber("incompressible", progress.LeftAsAsked);
        writer.WriteNumber("recovered", progress.Recovered);
        writer.WriteNumber("existingZst", existing.Files + progress.Kept);
        writer.WriteNumber("hidden", existing.Hidden);
        writer.WriteNumber("plainBytes", progress.PlainBytes);
        writer.WriteNumber("storedBytes", progress.StoredBytes);
        writer.WriteNumber("seconds", Math.Round(elapsed.TotalSeconds, 3));
        writer.WriteBoolean("interrupted", interrupted);
    }
}
