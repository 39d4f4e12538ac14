using ZstdFs.Cli.Options;
using ZstdFs.Core.Conversion;

namespace ZstdFs.Cli.Tools;

/// <summary>
/// The .zst files that are in a folder before it is converted. The user is told what will become of them before
/// anything happens. The tool also names what a mount would show under another name; such a name keeps a folder from
/// becoming a source.
/// </summary>
internal static class ExistingFiles
{
    /// <summary>Names them on standard error and returns how many there are; 0 where nothing is converted.</summary>
    /// <exception cref="CommandFailure">The folder is no source yet, and a mount would misread names in it.</exception>
    internal static long Tell(NamedSource source, ConversionOptions options, CancellationToken cancellation)
    {
        if (options.Kind != ConversionKind.Convert)
            return 0;
        FoundFiles found = FoundFiles.Find(source.Root, source.FolderPath, options, cancellation);
        // In a source such names are escapes.
        if (!source.IsSource && found.MisreadPaths.Count > 0)
        {
            var left = new LeftFiles(options.Kind);
            foreach (byte[] path in found.MisreadPaths)
                left.Left(path, LeftReason.Misread, "");
            throw new CommandFailure(ExitCode.SomeLeft, $"'{source.Text}': nothing was changed");
        }
        // Not all names were looked at.
        if (!source.IsSource && cancellation.IsCancellationRequested)
            throw source.Interrupted();
        if (found.Count == 0)
            return 0;
        string names = string.Join(", ", found.FirstPaths.Select(static path =>
            $"'{NativeText.Printable(NativeText.Decode(path))}'"));
        string more = found.Count > found.FirstPaths.Count ? $" and {found.Count - found.FirstPaths.Count} more" : "";
        string fate = options.Existing == ExistingChoice.Wrap
            ? "they are converted like other files, and a mount shows them as they are"
            : "a mount shows what they hold, without the .zst (--existing-zst=wrap has it show them as they are)";
        Console.Error.WriteLine($"zstdfs: {found.Count} .zst files are there already: {names}{more}; {fate}");
        return found.Count;
    }
}
