using System.Text.RegularExpressions;

namespace ZstdFs.Architecture.Tests;

/// <summary>Which part of Core may use which. A part that is not listed here has no place yet: give it one.</summary>
[TestFixture]
internal sealed class CoreArrowTests
{
    // What each part may name directly. The root of Core (options, event log) is everybody's and names nobody.
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        [""] = [],
        ["Compression"] = [],
        ["Policy"] = ["Compression"],
        ["Source"] = ["Compression"],
        ["State"] = ["Source"],
        ["Inodes"] = ["Source"],
        ["StoredFiles"] = ["Inodes", "State", "Source", "Policy", "Compression"],
        ["WorkingCopies"] = ["StoredFiles", "State", "Source", "Compression"],
        ["Overlays"] = ["WorkingCopies", "StoredFiles", "Inodes", "State", "Source", "Compression"],
        ["Content"] = ["Overlays", "WorkingCopies", "StoredFiles", "Inodes", "State", "Source", "Compression"],
        ["OpenFiles"] = ["Content", "Overlays", "Inodes", "Source"],
        ["Commits"] =
        [
            "OpenFiles", "Content", "Overlays", "WorkingCopies", "StoredFiles", "Inodes", "State",
            "Source", "Compression",
        ],
        ["Conversion"] = ["StoredFiles", "State", "Source", "Policy", "Compression"],
        ["Checking"] = ["Conversion", "State", "Source", "Compression"],
        ["Insight"] = ["Source", "Compression"],
        ["Names"] = ["Overlays", "StoredFiles", "OpenFiles", "Content", "Inodes", "State", "Source"],
        ["KernelCache"] = ["OpenFiles", "Content", "Inodes", "Source", "Compression"],
        ["LiveConversion"] = ["KernelCache", "Conversion", "StoredFiles", "Inodes", "State", "Source"],
        ["Attributes"] =
        [
            "LiveConversion", "KernelCache", "Names", "OpenFiles", "Content", "Overlays", "StoredFiles",
            "Inodes", "Source",
        ],
        ["Callers"] = ["Attributes", "Content", "StoredFiles", "Inodes"],
        ["FileSystem"] =
        [
            "Callers", "Attributes", "LiveConversion", "KernelCache", "Names", "Commits", "OpenFiles", "Content",
            "Overlays", "StoredFiles", "Inodes", "State", "Source", "Policy",
        ],
        ["Mounting"] =
        [
            "FileSystem", "Names", "Commits", "OpenFiles", "Content", "WorkingCopies", "StoredFiles",
            "Conversion", "Inodes", "State", "Source", "Policy", "Compression",
        ],
    };

    private static IEnumerable<SourceFile> Files => SourceFile.All.Where(f => f.Project == "ZstdFs.Core");

    private static IEnumerable<string> Parts => Files.Select(f => f.Part).Distinct().Order();

    [Test]
    public void EveryPart_IsInTheArchitecture() => Assert.That(Parts, Is.SubsetOf(Arrows.Keys));

    [Test]
    public void Arrows_HaveNoCycle()
    {
        var placed = new HashSet<string>();
        while (placed.Count < Arrows.Count)
        {
            string[] free =
                [.. Arrows.Where(a => !placed.Contains(a.Key) && a.Value.All(placed.Contains)).Select(a => a.Key)];
            Assert.That(free, Is.Not.Empty,
                "these point at each other: " + string.Join(", ", Arrows.Keys.Except(placed)));
            placed.UnionWith(free);
        }
    }

    [TestCaseSource(nameof(Parts))]
    public void Part_UsesOnlyWhatIsBelow(string part)
    {
        string[] others = [.. Arrows.Keys.Where(p => p.Length > 0 && p != part)];
        // A using, a full name, or a name relative to ZstdFs.Core, which every part is inside of.
        var mention = new Regex(
            @"(?:ZstdFs\.Core\.|(?<![\w.])Core\.|(?<![\w.]))(" + string.Join('|', others) + @")(?:\s*;|\.[A-Z])",
            RegexOptions.CultureInvariant);
        IEnumerable<string> wrong =
            from file in Files
            where file.Part == part
            from Match match in mention.Matches(file.Code)
            where IsNamespace(file, match) && !Arrows[part].Contains(match.Groups[1].Value)
            select $"{file} names {match.Value}";
        Assert.That(wrong.Distinct(), Is.Empty);
    }

    // "Source.Path" may be a property: a bare name counts only where no using or qualified name made it, that is where
    // the file could not have got at the type otherwise; a qualified one always does.
    private static bool IsNamespace(SourceFile file, Match match) =>
        match.Value.StartsWith("ZstdFs.Core.", StringComparison.Ordinal)
        || match.Value.StartsWith("Core.", StringComparison.Ordinal)
        || (!match.Value.EndsWith(';')
            && !Regex.IsMatch(file.Code, $@"[\w>\]?]\s+{match.Groups[1].Value}\s*(?:\{{|=>|;|=|,|\))"));
}
