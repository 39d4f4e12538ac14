using System.Diagnostics;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Crashes;

/// <summary>
/// SIGKILL at random moments under a mixed load, now and then once more while the next mount recovers: whatever close
/// or fsync acknowledged is there, whole.
/// </summary>
internal sealed class RandomKillTests
{
    private const int Programs = 4;

    [Test]
    [CancelAfter(180_000)]
    public void TwentyKills_LoseNothingAcknowledged() => KillAndCheck(20, 1);

    [Test]
    [Category("Long")]
    public void FiveHundredKills_LoseNothingAcknowledged() => KillAndCheck(500, Environment.TickCount);

    private static void KillAndCheck(int kills, int seed)
    {
        TestContext.Out.WriteLine($"seed {seed}");
        long start = Stopwatch.GetTimestamp();
        var chance = new Random(seed);
        using MountedFolder folder = MountedFolder.Create();
        KillLoad[] loads = [.. Enumerable.Range(0, Programs)
            .Select(i =>
                new KillLoad(Directory.CreateDirectory(Path.Combine(folder.Mount, $"p{i}")).FullName, seed + i))];
        int acknowledged = 0, again = 0;
        for (int kill = 0; kill < kills; kill++)
        {
            Thread[] threads = [.. loads.Select(l => new Thread(() => l.Run()))];
            foreach (Thread thread in threads)
                thread.Start();
            bool worked = Waiting.For(() => loads.Sum(l => l.Files.Count) > 0);
            Thread.Sleep(chance.Next(400));
            folder.Kill();
            foreach (Thread thread in threads)
                Assert.That(thread.Join(Patience.For(TimeSpan.FromSeconds(60))), Is.True,
                    "a program hangs in a mount whose daemon is dead");
            Assert.That(worked, Is.True, "no file was acknowledged before the kill: it proved nothing");
            acknowledged += loads.Sum(l => l.Files.Count);
            folder.Crash();
            for (; chance.Next(3) == 0; again++)
                // recovery may be anywhere, or over
                folder.StartAndKill(TimeSpan.FromMilliseconds(chance.Next(30, 250)));
            folder.Start();
            Check(folder, loads, $"after kill {kill}, seed {seed}");
        }
        TestContext.Out.WriteLine(
            $"{kills} kills and {again} more during recovery, {acknowledged} acknowledged ops, in "
            + $"{Stopwatch.GetElapsedTime(start).TotalSeconds:0} s: nothing lost");
    }

    private static void Check(MountedFolder folder, KillLoad[] loads, string when)
    {
        for (int i = 0; i < loads.Length; i++)
        {
            var found = Directory.GetFiles(Path.Combine(folder.Mount, $"p{i}"))
                .ToDictionary(f => Path.GetFileName(f), File.ReadAllBytes);
            Assert.That(loads[i].Files.Judge(found), Is.Null, () => $"{when}, program {i}\n{folder.Log}");
        }
        Assert.That(folder.Program("sync", folder.Mount).ExitCode, Is.Zero, () => folder.Log);
        // A file that was being made may not have its first byte yet.
        Shell.Get($"find '{folder.Source}' -name '*.zst' -size +0 -print0 | xargs -0 -r zstd -qt",
            TimeSpan.FromMinutes(2));
        Assert.That(Directory.GetFileSystemEntries(Path.Combine(folder.Source, ".zstdfs/working")), Is.Empty, when);
        // What was written to a file whose last name went in the moment of the kill is kept there; nothing else is.
        Assert.That(folder.Log, Does.Not.Contain("was changed in the source"), when);
    }
}
