using System.Text.Json;
using System.Xml.Linq;

namespace ZstdFs.Architecture.Tests;

/// <summary>What the packages that we use ask of the repository.</summary>
[TestFixture]
internal sealed class PackageTests
{
    private static IEnumerable<string> ProjectFiles =>
        from part in new[] { "src", "tests" }
        from file in Directory.GetFiles(Path.Combine(SourceFile.Root, part), "*.csproj", SearchOption.AllDirectories)
        select Path.GetRelativePath(SourceFile.Root, file);

    [Test]
    public void PackagesLinkedIntoTheProgram_AreInTheNotices()
    {
        string notices = File.ReadAllText(Path.Combine(SourceFile.Root, "THIRD-PARTY-NOTICES"));
        IEnumerable<string> linked = ProjectFiles.Where(file => file.StartsWith("src/", StringComparison.Ordinal))
            .SelectMany(PackagesOf).Distinct();
        Assert.That(linked, Is.Not.Empty.And.All.Matches<string>(
            package => notices.Contains($"\n  {package} ", StringComparison.Ordinal)));
    }

    /// <summary>CI restores by the lock files, and refuses one that lacks a change of the packages.</summary>
    [TestCaseSource(nameof(ProjectFiles))]
    public void LockFile_HasThePackagesAndVersionsOfTheProject(string project)
    {
        Dictionary<string, string> central = XDocument.Load(Path.Combine(SourceFile.Root, "Directory.Packages.props"))
            .Descendants("PackageVersion")
            .ToDictionary(p => p.Attribute("Include")!.Value, p => p.Attribute("Version")!.Value);
        string file = Path.Combine(SourceFile.Root, Path.GetDirectoryName(project)!, "packages.lock.json");
        using JsonDocument locked = JsonDocument.Parse(File.ReadAllText(file));
        JsonElement framework = locked.RootElement.GetProperty("dependencies").GetProperty("net10.0");
        foreach (string package in PackagesOf(project))
        {
            string advice = $"{package} in {file}: run 'dotnet restore' and commit what it made of the file";
            Assert.That(framework.TryGetProperty(package, out JsonElement entry), Is.True, advice);
            Assert.That(entry.GetProperty("resolved").GetString(), Is.EqualTo(central[package]), advice);
        }
    }

    private static IEnumerable<string> PackagesOf(string project) =>
        XDocument.Load(Path.Combine(SourceFile.Root, project)).Descendants("PackageReference")
            .Select(r => r.Attribute("Include")!.Value);
}
