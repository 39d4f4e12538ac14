using System.Text;
using ZstdFs.Core.Checking;
using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;
using Fault = ZstdFs.Crash.Tests.Faults.Fault;

namespace ZstdFs.Crash.Tests;

/// <summary>A disk that refuses one block of a stored file: check names the file and goes on.</summary>
[TestFixture]
[CancelAfter(120_000)]
internal sealed class UnreadableBlockTests
{
    [Test]
    public void Check_NamesTheFileAndGoesOn_WhicheverReadFails([Values] bool withData)
    {
        using var place = new FaultPlace();
        var log = new EventLines();
        using (ZstdFileSystem fileSystem = SourceFolders.Open(place.Folder, log))
        {
            // Of several frames, so that its seek table is compared with each of them.
            byte[] noise = new byte[3_000_000];
            new Random(1).NextBytes(noise);
            new DirectUse(fileSystem).Save("f", noise);
            Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        }
        int failures = 0, found = 0;
        for (bool isHit = true; isHit;)
        {
            var faults = new FoundFaults();
            FailingCalls.Arm(new Fault(++failures, Errno.EIO, FaultWay.Once) { Call = "pread" });
            try
            {
                new SourceCheck(new CheckOptions { Data = withData, Jobs = 1 }, faults)
                    .Run(SourceFolders.OpenFolder(place.Folder), [], default);
            }
            finally
            {
                isHit = FailingCalls.Struck is not null;
                FailingCalls.Disarm();
            }
            if (faults.Lines.Any(static line => line.StartsWith("f.zst", StringComparison.Ordinal)))
                found++;
        }
        // The seek table, the witness, and the headers of each frame.
        Assert.That(found, Is.GreaterThan(6));
    }

    private sealed class FoundFaults : ICheckObserver
    {
        internal List<string> Lines { get; } = [];

        public void Found(Core.Checking.Fault fault)
        {
            lock (Lines)
                Lines.Add($"{Encoding.UTF8.GetString(fault.Path)}: {fault.Kind}: {fault.Detail}");
        }
    }
}
