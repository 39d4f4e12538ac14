using ZstdFs.Crash.Tests.Histories;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// A test of the test: with one rule of order taken out of the program, the search for losses finds one.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class RuleTakenOutTests
{
    [SetUp]
    public void NeedRoot()
    {
        if (!Credentials.IsRoot)
            Assert.Ignore("loop devices and mounts need root");
    }

    [Test]
    public void NewVersionNotSynchronisedBeforeItsRename_IsFound() =>
        AssertLoss("working/commit-", static (workload, _) =>
    {
        workload.Write("f", 30_000);
        workload.SynchronizeAll();
        for (int i = 0; i < 4; i++)
            workload.Write("f", 40_000 + i);
    });

    [Test]
    public void WorkingCopyNotSynchronisedBeforeFsyncReturns_IsFound() =>
        AssertLoss("/working/0", static (workload, _) =>
    {
        workload.Write("f", Workload.LargeBytes);
        workload.SynchronizeAll();
        using Workload.OpenFile file = workload.Open("f");
        for (int i = 0; i < 4; i++)
        {
            file.Write(i * 8192, 5000);
            file.Synchronize();
        }
    });

    [Test]
    public void RewriteInPlaceNotSynchronisedBeforeItsCopyGoes_IsFound() =>
        AssertLoss("source/g.zst", static (workload, _) =>
    {
        workload.Write("f", 30_000);
        workload.Link("f", "g");
        workload.SynchronizeAll();
        for (int i = 0; i < 4; i++)
        {
            workload.Write("f", 40_000 + i);
            workload.NoteOtherNames("f", "g");
        }
    });

    [Test]
    public void NumbersNotSynchronisedBeforeTheyAreGiven_IsFound() =>
        AssertLoss(".zstdfs/state", static (workload, _) =>
    {
        for (int i = 0; i < 4; i++)
        {
            workload.Write("f" + i, 3000);
            workload.Synchronize("f" + i);
        }
    });

    private static void AssertLoss(string notSynchronised, Action<Workload, Random> run)
    {
        using var cut = new PowerCut();
        string? whole = cut.FindLoss(Recording.Of(run, 1), 150, new Random(1));
        Assert.That(whole, Is.Null, "with every rule in place");
        string? loss = null;
        for (int seed = 1; seed <= 5 && loss is null; seed++)
        {
            Recording recording;
            using (LyingLibc.About(notSynchronised))
                recording = Recording.Of(run, seed);
            loss = cut.FindLoss(recording, 400, new Random(seed));
        }
        TestContext.Out.WriteLine(loss);
        Assert.That(loss, Is.Not.Null);
    }
}
