using ZstdFs.Cli.Options;

namespace ZstdFs.Cli.Commands;

/// <summary>
/// How mount(8) calls its helpers:
/// <c>mount.fuse.zstdfs SOURCE MOUNTPOINT [-sfnv] [-N NAMESPACE] [-t TYPE] [-o LIST]</c> under that name, or
/// <c>zstdfs SOURCE MOUNTPOINT -o LIST</c> by way of mount.fuse. Both become the command <c>mount</c>.
/// </summary>
internal static class MountHelperCall
{
    private const string HelperPrefix = "mount.";

    /// <summary>
    /// The words of a command line of ours. Null where nothing is to be done: mount(8) was told to fake (-f).
    /// </summary>
    internal static string[]? Translate(string calledAs, string[] words)
    {
        if (!Path.GetFileName(calledAs).StartsWith(HelperPrefix, StringComparison.Ordinal))
            return words is [['/', ..], ..] ? ["mount", .. words] : words;
        var folders = new List<string>();
        var translated = new List<string> { "mount" };
        for (int i = 0; i < words.Length; i++)
        {
            string word = words[i];
            if (word is "-o" or "-t" or "-N" && i + 1 < words.Length)
            {
                i++;
                if (word == "-o")
                    translated.Add("--options=" + words[i]);
            }
            else if (word.Length > 1 && word[0] == '-' && word.AsSpan(1).ContainsAnyExcept("sfnv") == false)
            {
                // -n (no mtab) and -v (verbose) change nothing here.
                if (word.Contains('f', StringComparison.Ordinal))
                    return null;
                if (word.Contains('s', StringComparison.Ordinal))
                    translated.Add("--sloppy");
            }
            else
                folders.Add(word);
        }
        return [.. translated, "--", .. folders];
    }

    /// <summary>The name, or the path, by which this program was called.</summary>
    internal static string CalledAs()
    {
        try
        {
            byte[] line = File.ReadAllBytes("/proc/self/cmdline");
            return NativeText.Decode(line.AsSpan(0, Math.Max(0, line.AsSpan().IndexOf((byte)0))));
        }
        catch (IOException)
        {
            return "";
        }
    }
}
