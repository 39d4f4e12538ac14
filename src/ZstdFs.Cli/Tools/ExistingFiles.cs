using ZstdFs.Cli.Options;
using ZstdFs.Core.Conversion;

namespace ZstdFs.Cli.Tools;

/// <summary>
/// The .zst files that are in a folder before it is converted. The user is told what will become of them before
/// anything happens. The tool also names what a mount would show under another name; such a name keeps a folder from
/// becoming a source.
/// </summary>
/// <param name="Files">How many there are.</param>
/// <param name="Hidden">How many folders, symlinks and special files they hide in a mount.</param>
internal readonly record struct ExistingFiles(long Files, long Hidden)
{
    /// <summary>Names them on standard error, and what they hide; nothing where nothing is converted.</summary>
    /// <exception cref="CommandFailure">The folder is no source yet, and a mount would misread names in it.</exception>
    internal static ExistingFiles Tell(NamedSource source, ConversionOptions options, CancellationToken cancellation)
    {
        if (options.Kind != ConversionKind.Convert)
            return default;
        FoundFiles found = FoundFiles.Find(source.Root, source.FolderPath, source.IsSource, options, cancellation);
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
        bool wraps = options.Existing == ExistingChoice.Wrap;
        string wayOut = wraps ? "" : " (--existing-zst=wrap has it show them as they are)";
        Tell(found.Wrapped, ".zst files are there already",
            "they are converted like other files, and a mount shows them as they are");
        Tell(found.Kept, wraps ? ".zst files are there already and stay" : ".zst files are there already",
            "a mount shows what they hold, without the .zst" + wayOut);
        Tell(found.Hidden, "folders, links or special files will be hidden",
            "a mount shows a .zst file under the name of each: rename one of the two"
                + (wraps ? "" : ", or convert with --existing-zst=wrap"));
        return new ExistingFiles(found.Wrapped.Count + found.Kept.Count, found.Hidden.Count);
    }

    private static void Tell(FoundFiles.Paths paths, string what, string fate)
    {
        if (paths.Count == 0)
            return;
        string names = string.Join(", ", paths.First.Select(static path =>
            $"'{NativeText.Printable(NativeText.Decode(path))}'"));
        string more = paths.Count > paths.First.Count ? $" and {paths.Count - paths.First.Count} more" : "";
        Console.Error.WriteLine($"zstdfs: {paths.Count} {what}: {names}{more}; {fate}");
    }
}
