using System.Diagnostics;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Commits;

/// <summary>What is written to a file that stays open reaches the disk by the clock.</summary>
internal sealed class WriteBackTests
{
    private static readonly TimeSpan Age = TimeSpan.FromMilliseconds(300), Patience = TimeSpan.FromMinutes(1);

    [Test]
    [CancelAfter(60_000)]
    public void OpenFileThatNobodySynchronises_IsOnDiskAfterTheAge()
    {
        const int MostAttempts = 50;
        using var source = new MountedSource(new FileSystemOptions { WriteBackAge = Age });
        int attempts = 0;
        bool wasInMemory = false;
        while (!wasInMemory && attempts < MostAttempts)
            wasInMemory = IsWrittenBack(source, $"log{attempts++}");
        Assert.That(wasInMemory, Is.True, "the test always looked too late");
    }

    /// <summary>False where the age may have come before it was seen that the file was in memory.</summary>
    private static bool IsWrittenBack(MountedSource source, string name)
    {
        string working = Path.Combine(source.Source, ".zstdfs/working"), path = Path.Combine(source.Mount, name);
        long start = Stopwatch.GetTimestamp();
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite, 0);
        file.Write(new byte[1000]);
        string[] synced = Directory.GetFiles(working, "*.synced");
        bool wasInTime = Stopwatch.GetElapsedTime(start) < Age;
        if (wasInTime)
            Assert.That(synced, Is.Empty, "it is in memory");
        start = Stopwatch.GetTimestamp();
        while (Directory.GetFiles(working, "*.synced").Length == 0 && Stopwatch.GetElapsedTime(start) < Patience)
            Thread.Sleep(20);
        Assert.That(Directory.GetFiles(working, "*.synced").Select(f => new FileInfo(f).Length),
            Is.EqualTo(new[] { 1000L }));
        file.Write(new byte[500]);
        file.Dispose();
        source.Synchronize();
        Assert.That(Directory.GetFiles(working), Is.Empty);
        Assert.That(new FileInfo(path).Length, Is.EqualTo(1500));
        return wasInTime;
    }
}
