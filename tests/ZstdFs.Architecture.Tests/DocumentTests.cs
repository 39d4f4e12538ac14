using System.Text.RegularExpressions;

namespace ZstdFs.Architecture.Tests;

/// <summary>The documents name files, types and members: a reader must find each of them.</summary>
[TestFixture]
internal sealed partial class DocumentTests
{
    private static readonly Dictionary<string, List<string>> Types = FindTypes();

    private static IEnumerable<string> Documents =>
        Directory.GetFiles(SourceFile.Root, "*.md")
            .Where(file => !file.EndsWith("CHANGELOG.md", StringComparison.Ordinal))
            .Concat(Directory.GetFiles(Path.Combine(SourceFile.Root, "docs"), "*.md"))
            .Append(Path.Combine(SourceFile.Root, "src/ZstdFs.Fuse/README.md"))
            .Select(file => Path.GetRelativePath(SourceFile.Root, file));

    /// <summary>As in `Commits/Committer`, or `Commits/Committer.Commit`.</summary>
    [TestCaseSource(nameof(Documents))]
    public void TypeWithItsFolder_IsThere(string document)
    {
        IEnumerable<string> wrong =
            from Match match in FolderAndType().Matches(Text(document))
            let folder = match.Groups[1].Value
            let type = match.Groups[2].Value
            where Directory.GetDirectories(Path.Combine(SourceFile.Root, "src"))
                .Any(project => Directory.Exists(Path.Combine(project, folder)))
            where !Directory.GetDirectories(Path.Combine(SourceFile.Root, "src"))
                .Any(project => File.Exists(Path.Combine(project, folder, type + ".cs"))
                    || Directory.Exists(Path.Combine(project, folder, type)))
            select match.Value;
        Assert.That(wrong, Is.Empty);
    }

    /// <summary>As in `Committer.Commit`.</summary>
    [TestCaseSource(nameof(Documents))]
    public void MemberOfAType_IsThere(string document)
    {
        IEnumerable<string> wrong =
            from Match match in TypeAndMember().Matches(Text(document))
            where Types.TryGetValue(match.Groups[1].Value, out List<string>? files)
                && !files.Exists(code => Regex.IsMatch(code, $@"\b{match.Groups[2].Value}\b"))
            select match.Value;
        Assert.That(wrong, Is.Empty);
    }

    private static string Text(string document) => File.ReadAllText(Path.Combine(SourceFile.Root, document));

    private static Dictionary<string, List<string>> FindTypes()
    {
        var types = new Dictionary<string, List<string>>();
        IEnumerable<string> files = new[] { "src", "tests" }
            .SelectMany(part =>
                Directory.GetFiles(Path.Combine(SourceFile.Root, part), "*.cs", SearchOption.AllDirectories));
        foreach (string file in files)
        {
            string code = File.ReadAllText(file);
            foreach (Match match in Declaration().Matches(code))
            {
                if (!types.TryGetValue(match.Groups[1].Value, out List<string>? declared))
                    types[match.Groups[1].Value] = declared = [];
                declared.Add(code);
            }
        }
        return types;
    }

    [GeneratedRegex(@"`((?:[A-Z]\w+/)*[A-Z]\w+)/([A-Z]\w+)(?:\.\w+)?`")]
    private static partial Regex FolderAndType();

    [GeneratedRegex(@"`(?:[\w/]+/)?([A-Z]\w+)\.([A-Z]\w+)(?:\(\))?`")]
    private static partial Regex TypeAndMember();

    [GeneratedRegex(@"\b(?:class|struct|record|interface|enum)\s+(?:struct\s+|class\s+)?([A-Z]\w+)")]
    private static partial Regex Declaration();
}
