using System.Diagnostics;
using System.Globalization;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Crashes;

/// <summary>A daemon under a mixed load for twenty minutes: memory and descriptors stay flat, the log has no error, and every byte is right at the end.</summary>
[Category("Long")]
internal sealed class SoakTests
{
    private const int Programs = 4;
    private const long GrowthBytes = 24L * 1024 * 1024;

    private static readonly TimeSpan Duration = TimeSpan.FromMinutes(double.Parse(Environment.GetEnvironmentVariable("ZSTDFS_SOAK_MINUTES") ?? "20", CultureInfo.InvariantCulture));

    private sealed record Sample(long ResidentBytes, int Descriptors);

    [Test]
    public void TwentyMinutesOfLoad_MemoryAndDescriptorsStayFlat()
    {
        using MountedFolder folder = MountedFolder.Create();
        KillLoad[] loads = [.. Enumerable.Range(0, Programs).Select(i => new KillLoad(Directory.CreateDirectory(Path.Combine(folder.Mount, $"p{i}")).FullName, 100 + i))];
        using var end = new CancellationTokenSource(Duration);
        Thread[] threads = [.. loads.Select(l => new Thread(() => l.Run(end.Token)))];
        foreach (Thread thread in threads)
            thread.Start();
        var samples = new List<Sample>();
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < Duration)
        {
            end.Token.WaitHandle.WaitOne(Duration / 120);
            samples.Add(Take(folder.Daemon.ProcessId));
        }
        foreach (Thread thread in threads)
            Assert.That(thread.Join(TimeSpan.FromMinutes(1)), Is.True);
        for (int i = 0; i < loads.Length; i++)
        {
            int done = loads[i].Files.Count;
            TestContext.Out.WriteLine($"program {i}: {done} ops");
            Assert.That(loads[i].Files.Judge(Directory.GetFiles(Path.Combine(folder.Mount, $"p{i}")).ToDictionary(f => Path.GetFileName(f), File.ReadAllBytes)), Is.Null);
            Assert.That(done, Is.GreaterThan(100));
        }
        folder.Unmount();
        Shell.Get($"find '{folder.Source}' -name '*.zst' -print0 | xargs -0 -r zstd -qt");
        Assert.That(folder.Log, Does.Not.Contain("error"));
        AssertFlat(samples);
    }

    private static Sample Take(int process) => new(
        long.Parse(File.ReadLines($"/proc/{process}/status").First(static l => l.StartsWith("VmRSS", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024,
        Directory.GetFileSystemEntries($"/proc/{process}/fd").Length);

    /// <summary>The second quarter against the last: the first is the warming up.</summary>
    private static void AssertFlat(List<Sample> samples)
    {
        int quarter = samples.Count / 4;
        List<Sample> early = samples[quarter..(2 * quarter)], late = samples[(3 * quarter)..];
        long before = Median(early, static s => s.ResidentBytes), after = Median(late, static s => s.ResidentBytes);
        long descriptors = Median(early, static s => s.Descriptors), descriptorsAfter = Median(late, static s => s.Descriptors);
        TestContext.Out.WriteLine($"{Duration.TotalMinutes} minutes: {before >> 20} MiB and {descriptors} descriptors in the second quarter, {after >> 20} MiB and {descriptorsAfter} in the last; at most {samples.Max(static s => s.ResidentBytes) >> 20} MiB");
        Assert.That(after, Is.LessThan(before + GrowthBytes));
        Assert.That(descriptorsAfter, Is.LessThan(descriptors + 16));
    }

    private static long Median(List<Sample> samples, Func<Sample, long> of) => samples.Select(of).Order().ElementAt(samples.Count / 2);
}
