using System.Runtime.CompilerServices;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>What a killed file system left open is closed at any moment, and not by the program.</summary>
[TestFixture]
[CancelAfter(60_000)]
internal sealed class FinalizerTests
{
    [Test]
    public void CallOfAFinalizer_NeitherCountsNorFails()
    {
        const int MostCollections = 100;
        using var place = new FaultPlace();
        FailingCalls.Arm(new Fault(1, Errno.EIO, FaultWay.Once) { Call = "close" });
        LeaveOpen(place.Folder);
        List<string> open = [];
        for (int i = 0; i == 0 || open.Count > 0 && i < MostCollections; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            open.Clear();
            Leftovers.CheckDescriptors(place.Folder, open);
        }
        Assert.That(open, Is.Empty, "it was not closed");
        Assert.That(FailingCalls.Disarm(), Is.Zero, () => $"{FailingCalls.Struck}");
    }

    // The caller must not keep it alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LeaveOpen(string folder) => _ = SourceFolders.OpenFolder(folder);
}
