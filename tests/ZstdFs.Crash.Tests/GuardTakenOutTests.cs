using ZstdFs.Crash.Tests.Faults;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// A test of the test: a call that fails and says that it did not takes the check of its result out of the program.
/// What comes of that is found, in each of the ways in which a fault may do harm.
/// </summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class GuardTakenOutTests
{
    private static readonly Scenario Workload = new("guards", static (w, _) =>
    {
        w.Write("large", Histories.Workload.LargeBytes);
        w.Write("small", 5000);
        w.SetAttributes("small");
        w.Append("small", 3000);
        w.Synchronize("small");
        w.Delete("large");
    });

    [TestCase("pwrite", FaultEnd.Lifted, "small")]
    [TestCase("renameat2", FaultEnd.Lifted, "holds")]
    [TestCase("unlinkat", FaultEnd.Lifted, "should not be")]
    [TestCase("close", FaultEnd.Lifted, "a descriptor is left open")]
    public void CallThatWasNotMadeAndSaysSo_IsFound(string call, FaultEnd end, string expected)
    {
        using var place = new FaultPlace();
        string? wrong = new FaultSearch(place.Folder).FindLie(Workload, call, end, expected);
        TestContext.Out.WriteLine(wrong);
        Assert.That(wrong ?? "", Does.Contain(expected));
    }
}
