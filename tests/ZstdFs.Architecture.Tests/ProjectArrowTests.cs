using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;

namespace ZstdFs.Architecture.Tests;

/// <summary>Cli → Core → Fuse → Linux; nothing points back.</summary>
[TestFixture]
internal sealed class ProjectArrowTests
{
    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["ZstdFs.Linux"] = [],
        ["ZstdFs.Fuse"] = ["ZstdFs.Linux"],
        ["ZstdFs.Core"] = ["ZstdFs.Fuse", "ZstdFs.Linux"],
        ["ZstdFs.Cli"] = ["ZstdFs.Core", "ZstdFs.Fuse", "ZstdFs.Linux"],
    };

    private static IEnumerable<string> Projects =>
        Directory.GetDirectories(Path.Combine(SourceFile.Root, "src")).Select(p => Path.GetFileName(p)!).Order();

    [Test]
    public void EveryProject_IsInTheArchitecture() => Assert.That(Projects, Is.EquivalentTo(Arrows.Keys));

    [TestCaseSource(nameof(Projects))]
    public void ProjectFile_ReferencesOnlyWhatIsBelow(string project)
    {
        XDocument file = XDocument.Load(Path.Combine(SourceFile.Root, "src", project, project + ".csproj"));
        IEnumerable<string> references = file.Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value));
        Assert.That(references, Is.SubsetOf(Arrows[project]));
    }

    [TestCaseSource(nameof(Projects))]
    public void Assembly_ReferencesOnlyWhatIsBelow(string project)
    {
        string assembly =
            Path.Combine(AppContext.BaseDirectory, (project == "ZstdFs.Cli" ? "zstdfs" : project) + ".dll");
        using var portable = new PEReader(File.OpenRead(assembly));
        MetadataReader metadata = portable.GetMetadataReader();
        IEnumerable<string> references =
            metadata.AssemblyReferences.Select(r => metadata.GetString(metadata.GetAssemblyReference(r).Name))
                .Where(n => n.StartsWith("ZstdFs.", StringComparison.Ordinal));
        Assert.That(references, Is.SubsetOf(Arrows[project]));
    }

    [Test]
    public void OnlyTheCommandLine_KnowsItsLibrary()
    {
        IEnumerable<string> users =
            SourceFile.All.Where(f => f.Code.Contains("System.CommandLine", StringComparison.Ordinal))
                .Select(f => f.Project).Distinct();
        Assert.That(users, Is.SubsetOf(new[] { "ZstdFs.Cli" }));
    }
}
