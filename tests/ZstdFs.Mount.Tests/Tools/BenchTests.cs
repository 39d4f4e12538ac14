using System.Reflection;
using System.Text.Json;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Tools;

/// <summary>scripts/bench, on little data: that it measures, and that it leaves nothing behind.</summary>
[TestFixture]
internal sealed class BenchTests
{
    private static readonly string Root = typeof(BenchTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == "RepositoryRoot").Value!;

    private string _folder = "";

    private string Command => $"ZSTDFS_PROGRAM='{TestMachine.Program(ShellUser.Ordinary)}' '{Root}/scripts/bench' "
        + $"--quick --rounds 1 --work '{_folder}'";

    [SetUp]
    public void CreateFolder()
    {
        TestMachine.RequireMounts();
        TestMachine.RequireRoot("making file systems");
        _folder = TestMachine.CreateFolder();
    }

    [TearDown]
    public void RemoveFolder()
    {
        if (_folder.Length > 0)
            Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void QuickRun_HasAFigureOfEveryTarget()
    {
        string file = Path.Combine(_folder, "figures.json");
        string table = Shell.Get(
            $"{Command} --targets bare,zstdfs,zstdfs-user --only start big-file database --json '{file}'",
            TimeSpan.FromMinutes(2));
        using JsonDocument figures = JsonDocument.Parse(File.ReadAllBytes(file));
        JsonElement rows = figures.RootElement.GetProperty("figures");
        string[] targets = ["bare", "zstdfs", "zstdfs-user"];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(table, Does.Contain("| bare").And.Contain("SQLite"));
            foreach (string row in new[] { "big.write.durable", "big.read.cold", "append.all", "sqlite" })
            {
                Assert.That(rows.GetProperty(row).EnumerateObject().Select(t => t.Name), Is.EqualTo(targets), row);
                Assert.That(
                    rows.GetProperty(row).EnumerateObject().Select(t => t.Value.GetProperty("median").GetDouble()),
                    Is.All.GreaterThan(0), row);
            }
            Assert.That(rows.GetProperty("memory").GetProperty("zstdfs").GetProperty("median").GetDouble(),
                Is.GreaterThan(1 << 20));
        }
        AssertNothingLeft();
    }

    [Test]
    public void Interrupted_LeavesNothing()
    {
        // The second place is reached after the data and a whole first one; there it is stopped, wherever that is.
        ShellResult stopped = Shell.Run(
            $$"""
            {{Command}} --targets zstdfs --rounds 100 --only database > '{{_folder}}/table' 2> '{{_folder}}/words' &
            bench=$!
            until grep -q 'round 3' '{{_folder}}/words'; do
                kill -0 $bench || { cat '{{_folder}}/words' >&2; break; }; sleep 0.1
            done
            sleep 0.3; kill -TERM $bench; wait $bench
            """, TimeSpan.FromMinutes(2));
        Assert.That(stopped.ExitCode, Is.EqualTo(143), stopped.ToString);
        AssertNothingLeft();
    }

    private void AssertNothingLeft()
    {
        Assert.That(Directory.GetDirectories(_folder).Select(Path.GetFileName),
            Is.EqualTo(new[] { "zstdfs-bench-inputs-quick" }));
        Assert.That(Shell.Run($"grep -F '{_folder}' /proc/self/mountinfo; losetup -a | grep -F '{_folder}'").Output,
            Is.Empty);
    }
}
