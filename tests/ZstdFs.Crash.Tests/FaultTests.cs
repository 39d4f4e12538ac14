using System.Globalization;
using ZstdFs.Core.Conversion;
using ZstdFs.Crash.Tests.Faults;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// Every system call may fail. A workload is done again and again, each time with another call failing, until one
/// passes that no fault met; after each, what was answered is there, nothing old is lost, and nothing is left over.
/// </summary>
[TestFixture]
internal sealed class FaultTests
{
    // Of the long form, to look into a finding: workloads whose name holds this, one call of so many.
    private static readonly string Chosen = Environment.GetEnvironmentVariable("ZSTDFS_SCENARIO") ?? "";
    private static readonly int Step = Setting("ZSTDFS_STEP", 1);

    // Of the long form.
    private const int Fewest = 20_000;

    [Test]
    [CancelAfter(300_000)]
    public void AnyCallOfAWorkload_MayFail()
    {
        using var place = new FaultPlace();
        var chance = new Random(Setting("ZSTDFS_SEED", 1));
        Scenario[] scenarios = [.. Scenarios.All.Where(static s => s.Name.Contains(Chosen, StringComparison.Ordinal))];
        var search = new FaultSearch(place.Folder);
        for (int faults = Setting("ZSTDFS_FAULTS", 250); search.Faults < faults;)
            search.TryAny(scenarios[chance.Next(scenarios.Length)], chance);
        search.Report();
    }

    [Test]
    [CancelAfter(300_000)]
    public void AnyCallOfAConversion_MayFail([Values] ConversionKind kind)
    {
        using var place = new FaultPlace();
        var chance = new Random(Setting("ZSTDFS_SEED", 1));
        var search = new FaultSearch(place.Folder);
        for (int faults = Setting("ZSTDFS_FAULTS", 40); search.Faults < faults;)
            search.TryAny(kind, chance);
        search.Report();
    }

    [Test]
    [Category("Long")]
    public void EveryCallOfEveryWorkload_MayFail()
    {
        using var place = new FaultPlace();
        var chance = new Random(Setting("ZSTDFS_SEED", 1));
        var search = new FaultSearch(place.Folder);
        foreach (
            Scenario scenario in Scenarios.All.Where(static s => s.Name.Contains(Chosen, StringComparison.Ordinal)))
            search.TryAll(scenario, chance, Step);
        search.Report();
        Assert.That(search.Faults, Chosen.Length > 0 || Step > 1 ? Is.Positive : Is.AtLeast(Fewest));
    }

    [Test]
    [Category("Long")]
    public void EveryCallOfAConversion_MayFail([Values] ConversionKind kind)
    {
        using var place = new FaultPlace();
        var search = new FaultSearch(place.Folder);
        search.TryAll(kind, Step);
        search.Report();
    }

    private static int Setting(string name, int otherwise) =>
        int.Parse(Environment.GetEnvironmentVariable(name) ?? "0", CultureInfo.InvariantCulture) is > 0 and var set
            ? set : otherwise;
}
