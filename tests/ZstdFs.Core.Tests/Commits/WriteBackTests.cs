using System.Diagnostics;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Commits;

/// <summary>What is written to a file that stays open reaches the disk by the clock.</summary>
internal sealed class WriteBackTests
{
    [Test]
    [CancelAfter(60_000)]
    public void OpenFileThatNobodySynchronises_IsOnDiskAfterTheAge()
    {
        using var source = new MountedSource(new FileSystemOptions { WriteBackAge = TimeSpan.FromMilliseconds(300) });
        string working = Path.Combine(source.Source, ".zstdfs/working");
        using var file = new FileStream(Path.Combine(source.Mount, "log"), FileMode.CreateNew, FileAccess.Write,
            FileShare.ReadWrite, 0);
        file.Write(new byte[1000]);
        Assert.That(Directory.GetFiles(working, "*.synced"), Is.Empty, "it is in memory");
        long start = Stopwatch.GetTimestamp();
        while (Directory.GetFiles(working, "*.synced").Length == 0
            && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20))
            Thread.Sleep(20);
        Assert.That(Directory.GetFiles(working, "*.synced").Select(f => new FileInfo(f).Length),
            Is.EqualTo(new[] { 1000L }));
        file.Write(new byte[500]);
        file.Dispose();
        source.Synchronize();
        Assert.That(Directory.GetFiles(working), Is.Empty);
        Assert.That(new FileInfo(Path.Combine(source.Mount, "log")).Length, Is.EqualTo(1500));
    }
}
