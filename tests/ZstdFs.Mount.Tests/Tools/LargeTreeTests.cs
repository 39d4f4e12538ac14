using System.Diagnostics;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary>
/// The kernel's source tree (Debian's linux-source package, where it is installed) beside a folder of everything else:
/// too long for every run. <c>scripts/test --filter TestCategory=Measurement</c> runs it.
/// </summary>
[TestFixture, Category("Measurement")]
internal sealed class LargeTreeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private ToolFolder _folder = null!;

    [SetUp]
    public void Unpack()
    {
        TestMachine.RequireRoot("owners, ACLs and device nodes");
        string? archive = Directory.Exists("/usr/src")
            ? Directory.EnumerateFiles("/usr/src", "linux-source-*.tar.xz").FirstOrDefault() : null;
        if (archive is null)
            TestMachine.CannotRun("the package linux-source is not installed");
        _folder = new ToolFolder();
        _folder.MakeMixed();
        // The folders' times are those of the archive; in the future, so that relatime lets the checks read without
        // moving them.
        Shell.Get(
            $"cd '{_folder.Tree}' && tar xf '{archive}' && "
            + $"find linux-source-* -type f -exec touch -a -d '2035-05-05' {{}} + && "
            + "touch -d '2020-02-02 02:02:02.222222222' .",
            Limit);
    }

    [TearDown]
    public void RemoveFolder() => _folder?.Dispose();

    [Test]
    public void ConvertedMountedReverted_EveryAttributeIsTheSame()
    {
        string before = Timed("manifest", () => ToolFolder.Manifest(_folder.Tree));
        TestContext.Out.WriteLine($"{before.Split('\n').Count(l => l.Contains('|'))} entries");
        Timed("convert", () => ToolFolder.Require(0, $"convert '{_folder.Tree}'").Error);
        Timed("check --data", () => ToolFolder.Require(0, $"check --data '{_folder.Tree}'").Error);
        using (MountedFolder mounted = MountedFolder.Create(
            new MountSetup { SourceParent = Directory.CreateDirectory(Path.Combine(_folder.Path, "parent")).FullName },
            source => Shell.Get($"rmdir '{source}' && mv '{_folder.Tree}' '{source}'")))
        {
            Same(Timed("manifest of the mount", () => ToolFolder.Manifest(mounted.Mount)), before);
            mounted.Unmount();
            Shell.Get($"mv '{mounted.Source}' '{_folder.Tree}'");
        }
        Timed("revert", () => ToolFolder.Require(0, $"convert --revert '{_folder.Tree}'").Error);
        Same(ToolFolder.Manifest(_folder.Tree), before);
        Assert.That(Directory.Exists(Path.Combine(_folder.Tree, ".zstdfs")), Is.False);
    }

    private static string Timed(string what, Func<string> work)
    {
        long start = Stopwatch.GetTimestamp();
        string result = work();
        TestContext.Out.WriteLine(
            $"{what}: {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} "
            + $"s{(result.Length < 500 ? ": " + result.TrimEnd() : "")}");
        return result;
    }

    /// <summary>Two texts of many megabytes: only the first lines that differ are shown.</summary>
    private static void Same(string actual, string expected)
    {
        if (actual == expected)
            return;
        IEnumerable<string> differences = expected.Split('\n').Zip(actual.Split('\n')).Where(p => p.First != p.Second)
            .Take(10).Select(p => $"- {p.First}\n+ {p.Second}");
        Assert.Fail(string.Join('\n', differences));
    }
}
