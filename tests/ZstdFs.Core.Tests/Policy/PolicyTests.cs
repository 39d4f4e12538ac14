using ZstdFs.Core.Source;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Policy;

/// <summary>Levels by rules, and bounds on memory, in a mount.</summary>
[CancelAfter(120_000)]
internal sealed class PolicyTests
{
    // Text that the fastest level makes visibly less small, in one frame and in several, and through early and late
    // frames alike.
    private const string WriteBoth =
        "seq 1 60000 | tee a.log > a.txt; seq 1 400000 | tee d/b.log > d/b.txt; cmp a.log a.txt; cmp d/b.log d/b.txt";

    [Test]
    public void RulesInTheSource_AreFollowed()
    {
        using var mounted = new MountedSource(prepare: "mkdir .zstdfs d; echo '-7 *.log' > .zstdfs/rules");
        mounted.Shell(WriteBoth);
        mounted.Synchronize();
        AssertLogsAreLarger(mounted);
        mounted.Shell("mv a.txt c.log; echo more >> c.log; mkdir e; mv d/b.log e/b.md; echo more >> e/b.md");
        mounted.Synchronize();
        Assert.That(mounted.Shell("tail -1 c.log; tail -1 e/b.md; cd \"$SRC\"; zstd -qt *.zst */*.zst"),
            Is.EqualTo("more\nmore\n"));
    }

    [Test]
    public void NamedFileOfRules_WinsOverTheSources()
    {
        string rules = Path.GetTempFileName();
        File.WriteAllText(rules, "-7 *.log\n");
        using var mounted = new MountedSource(new FileSystemOptions { RulesPath = rules },
            "mkdir .zstdfs d; echo '-7 *.txt' > .zstdfs/rules");
        File.Delete(rules);
        mounted.Shell(WriteBoth);
        mounted.Synchronize();
        AssertLogsAreLarger(mounted);
    }

    [TestCase("echo 'best *' > .zstdfs/rules", "'.zstdfs/rules', line 1: 'best' is no level")]
    [TestCase("mkdir .zstdfs/rules", "EISDIR")]
    [TestCase("ln -s /etc/passwd .zstdfs/rules", "ELOOP")]
    public void WrongRulesInTheSource_AreRefused(string prepare, string expected) =>
        Assert.That(() => new MountedSource(prepare: "mkdir .zstdfs; " + prepare),
            Throws.TypeOf<SourceException>().With.Message.Contains(expected));

    [Test]
    public void LittleMemory_IsEnoughForEverything()
    {
        using var mounted =
            new MountedSource(new FileSystemOptions { MemoryBytes = FileSystemOptions.MinMemoryBytes, Level = 12 });
        mounted.Shell(
            "for i in $(seq 100); do seq $i 200000 > f$i; done; seq 1 9000000 > big; for i in $(seq 100); "
            + "do seq $i 200000 | cmp - f$i; done; seq 1 9000000 | cmp - big");
        mounted.Synchronize();
        mounted.Shell(
            "seq 1 9000000 | cmp - big; cat f* | md5sum > all; for i in $(seq 100); do echo; done >> f7; tail -1 f8 | "
            + "grep -x 200000");
    }

    private static void AssertLogsAreLarger(MountedSource mounted)
    {
        foreach (string name in new[] { "a", "d/b" })
        {
            long log = new FileInfo(Path.Combine(mounted.Source, name + ".log.zst")).Length,
                text = new FileInfo(Path.Combine(mounted.Source, name + ".txt.zst")).Length;
            Assert.That(log, Is.GreaterThan(text * 1.1), name);
        }
    }
}
