using System.Diagnostics;
using System.Globalization;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Crashes;

/// <summary>
/// A daemon under a mixed load for twenty minutes: memory and descriptors stay flat and small, the log has no error,
/// and every byte is right at the end.
/// </summary>
internal sealed class SoakTests
{
    private const int Programs = 4, LeastOps = 100;
    private const long GrowthBytes = 8L * 1024 * 1024;
    private const long MostBytes = 128L * 1024 * 1024;

    private static readonly TimeSpan LongDuration = TimeSpan.FromMinutes(
        double.Parse(Environment.GetEnvironmentVariable("ZSTDFS_SOAK_MINUTES") ?? "20", CultureInfo.InvariantCulture));

    // On a busy machine an fsync may take seconds.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(4);

    private sealed record Sample(long ResidentBytes, int Descriptors);

    [Test]
    [Category("Long")]
    public void TwentyMinutesOfLoad_MemoryAndDescriptorsStayFlat() => AssertFlat(Load(LongDuration));

    /// <summary>Growth shows in minutes only; what too much memory is kept for shows at once.</summary>
    [Test]
    [CancelAfter(300_000)]
    public void FifteenSecondsOfLoad_MemoryStaysSmall() => Load(TimeSpan.FromSeconds(15));

    private static List<Sample> Load(TimeSpan duration)
    {
        using MountedFolder folder = MountedFolder.Create();
        KillLoad[] loads = [.. Enumerable.Range(0, Programs)
            .Select(i =>
                new KillLoad(Directory.CreateDirectory(Path.Combine(folder.Mount, $"p{i}")).FullName, 100 + i))];
        using var end = new CancellationTokenSource();
        Thread[] threads = [.. loads.Select(l => new Thread(() => l.Run(end.Token)))];
        foreach (Thread thread in threads)
            thread.Start();
        var samples = new List<Sample>();
        long start = Stopwatch.GetTimestamp();
        for (TimeSpan spent = TimeSpan.Zero; spent < duration || spent < Longest && AreBehind();)
        {
            Thread.Sleep(duration / 120);
            samples.Add(Take(folder.Daemon.ProcessId));
            spent = Stopwatch.GetElapsedTime(start);
        }
        end.Cancel();
        foreach (Thread thread in threads)
            Assert.That(thread.Join(Patience.For(TimeSpan.FromMinutes(1))), Is.True);
        for (int i = 0; i < loads.Length; i++)
        {
            int done = loads[i].Files.Count;
            TestContext.Out.WriteLine($"program {i}: {done} ops");
            Assert.That(
                loads[i].Files.Judge(Directory.GetFiles(Path.Combine(folder.Mount, $"p{i}"))
                    .ToDictionary(f => Path.GetFileName(f), File.ReadAllBytes)),
                Is.Null);
            Assert.That(done, Is.GreaterThan(LeastOps));
        }
        folder.Unmount();
        Shell.Get($"find '{folder.Source}' -name '*.zst' -print0 | xargs -0 -r zstd -qt");
        Assert.That(folder.Log, Does.Not.Contain("error"));
        long most = samples.Max(static s => s.ResidentBytes);
        TestContext.Out.WriteLine($"MiB resident, from {samples.Count} looks: "
            + $"{string.Join(' ', samples.Chunk(6).Select(static s => s.Max(static one => one.ResidentBytes) >> 20))}");
        Assert.That(most, Is.LessThan(MostBytes));
        return samples;

        bool AreBehind() =>
            loads.Any(static l => l.Files.Count <= LeastOps) && threads.All(static thread => thread.IsAlive);
    }

    private static Sample Take(int process) => new(
        long.Parse(
            File.ReadLines($"/proc/{process}/status").First(static l => l.StartsWith("VmRSS", StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture) * 1024,
        Directory.GetFileSystemEntries($"/proc/{process}/fd").Length);

    /// <summary>The second quarter against the last: the first is the warming up.</summary>
    private static void AssertFlat(List<Sample> samples)
    {
        int quarter = samples.Count / 4;
        List<Sample> early = samples[quarter..(2 * quarter)], late = samples[(3 * quarter)..];
        long before = Median(early, static s => s.ResidentBytes), after = Median(late, static s => s.ResidentBytes);
        long descriptors = Median(early, static s => s.Descriptors),
            descriptorsAfter = Median(late, static s => s.Descriptors);
        TestContext.Out.WriteLine(
            $"{LongDuration.TotalMinutes} minutes: {before >> 20} MiB and {descriptors} descriptors in the second "
            + $"quarter, {after >> 20} MiB and {descriptorsAfter} in the last; "
            + $"at most {samples.Max(static s => s.ResidentBytes) >> 20} MiB");
        Assert.That(after, Is.LessThan(before + GrowthBytes));
        Assert.That(descriptorsAfter, Is.LessThan(descriptors + 16));
    }

    private static long Median(List<Sample> samples, Func<Sample, long> of) =>
        samples.Select(of).Order().ElementAt(samples.Count / 2);
}
