using System.Text;
using ZstdFs.Core.Checking;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests.Faults;

/// <summary>What must not be left in a source, or open.</summary>
internal static class Leftovers
{
    internal static void CheckDescriptors(string source, List<string> wrong)
    {
        foreach (string link in Directory.GetFileSystemEntries("/proc/self/fd"))
        {
            if (new FileInfo(link).LinkTarget is { } target && target.StartsWith(source, StringComparison.Ordinal))
                wrong.Add($"a descriptor is left open: {target[source.Length..]}");
        }
    }

    /// <summary>
    /// After a clean end: <c>.zstdfs</c> holds what it must, and a check of the source finds nothing.
    /// </summary>
    internal static void CheckSource(string source, bool mayHaveLost, List<string> wrong)
    {
        string own = Path.Combine(source, ".zstdfs");
        foreach (string file in Directory.Exists(own) ? Directory.GetFiles(own, "*", SearchOption.AllDirectories) : [])
        {
            string name = Path.GetRelativePath(own, file);
            if (name is not ("state" or "lock" or "folders")
                && !(mayHaveLost && name.StartsWith("lost/", StringComparison.Ordinal)))
                wrong.Add($"left over: .zstdfs/{name}");
        }
        var findings = new CheckFindings(mayHaveLost);
        new SourceCheck(new CheckOptions { Jobs = 1 }, findings).Run(SourceFolders.OpenFolder(source), [], default);
        wrong.AddRange(findings.Lines);
    }

    /// <summary>The attribute that workloads set.</summary>
    internal static byte[] Note(string file)
    {
        using FileDescriptor opened = SourceFolders.OpenFile(file);
        byte[] note = new byte[256];
        return note[..Math.Max(0, ExtendedAttributes.Get(opened, new NativeName("user.note\0"u8), note))];
    }

    private sealed class CheckFindings(bool mayHaveLost) : ICheckObserver
    {
        internal List<string> Lines { get; } = [];

        public void Found(Core.Checking.Fault fault)
        {
            string path = Encoding.UTF8.GetString(fault.Path);
            if (!(mayHaveLost && path.Contains(".zstdfs/lost/", StringComparison.Ordinal)))
                Lines.Add($"check: {path}: {fault.Kind} {fault.Detail}");
        }
    }
}
