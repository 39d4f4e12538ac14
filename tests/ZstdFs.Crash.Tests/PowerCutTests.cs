using System.Diagnostics;
using ZstdFs.Crash.Tests.Histories;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// The power goes at every moment of a workload: ext4 and then the mount recover what the disk's cache let through, and
/// what was promised is there. The states are of a real ext4 on a disk that remembers every write and flush.
/// </summary>
[TestFixture]
internal sealed class PowerCutTests
{
    [SetUp]
    public void NeedRoot()
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("loop devices and mounts need root");
    }

    [Test]
    [CancelAfter(60_000)]
    public void EveryMoment_OfFewWorkloads_KeepsThePromises() => Try(Scenarios.Few, 100, 1, 1);

    [Test]
    [Category("Long")]
    public void EveryMoment_OfAllWorkloads_KeepsThePromises() => Try(Chosen, 400, 100, 1);

    /// <summary>All, or, to look into a loss, those whose name holds <c>ZSTDFS_SCENARIO</c>.</summary>
    private static IEnumerable<Scenario> Chosen =>
        Scenarios.All.Where(static s =>
            s.Name.Contains(Environment.GetEnvironmentVariable("ZSTDFS_SCENARIO") ?? "", StringComparison.Ordinal));

    private static void Try(IEnumerable<Scenario> scenarios, int states, int seed, int rounds)
    {
        long start = Stopwatch.GetTimestamp();
        int count = 0;
        var losses = new List<string>();
        var tried = new SortedDictionary<string, int>(StringComparer.Ordinal);
        using var cut = new PowerCut();
        foreach (Scenario scenario in Enumerable.Repeat(scenarios, rounds).SelectMany(static s => s))
        {
            count++;
            int before = cut.Disks;
            Recording recording = Recording.Of(scenario.Run, seed + count);
            if (cut.FindLoss(recording, states, new Random(seed)) is { } loss)
                losses.Add($"{scenario} (seed {seed + count}): {loss}");
            tried[scenario.Name] = tried.GetValueOrDefault(scenario.Name) + cut.Disks - before;
        }
        TestContext.Out.WriteLine(
            $"{cut.Disks} disk states, {cut.Trees} different source folders, of {count} recordings of "
            + $"{scenarios.Count()} workloads, in {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s");
        foreach ((string name, int disks) in tried)
            TestContext.Out.WriteLine($"{disks,6}  {name}");
        Assert.That(losses, Is.Empty, () => string.Join("\n\n", losses));
        Assert.That(cut.Disks, Is.GreaterThan(count * 50), "too few states to prove anything");
    }
}
