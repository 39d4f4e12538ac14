using ZstdFs.Core;
using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Faults;
using ZstdFs.Crash.Tests.Recovering;
using ZstdFs.Linux;

namespace ZstdFs.Crash.Tests;

/// <summary>
/// A source whose file system knows no leases, as 9p and virtiofs: nobody can tell who has a file open for writing.
/// </summary>
[TestFixture]
[CancelAfter(60_000)]
internal sealed class SourceWithoutLeasesTests
{
    [Test]
    public void PlainFiles_StayPlainBesideTheMount_AndTheLogSaysSoOnce([Values] bool hasLeases)
    {
        using var place = new FaultPlace();
        string[] files = ["a", "b", "log"];
        foreach (string name in files)
        {
            File.WriteAllText($"{place.Folder}/{name}", "one\n");
            File.SetLastWriteTimeUtc($"{place.Folder}/{name}", new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        }
        var log = new EventLines();
        if (!hasLeases)
            FailingCalls.Arm(new Fault(1, Errno.EINVAL, FaultWay.FromThenOn) { Call = "fcntl" });
        try
        {
            var options = new FileSystemOptions { Jobs = 1, PlainFiles = PlainFiles.Convert };
            using ZstdFileSystem fileSystem =
                ZstdFileSystem.Open(SourceFolders.OpenFolder(place.Folder), options, log);
            var use = new DirectUse(fileSystem);
            foreach (string name in files)
                Assert.That(use.ReadAll(name, 10), Is.EqualTo("one\n"u8.ToArray()));
            if (hasLeases)
                Assert.That(() => Names(place), Is.EqualTo("a.zst b.zst log.zst").After(30_000, 50), log.ToString);
            else
                Assert.That(() => log.ToString(), Does.Contain("plain files stay").After(30_000, 50));
            // Time for the others, and for a second line.
            Thread.Sleep(hasLeases ? 0 : 1500);
            Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        }
        finally
        {
            FailingCalls.Disarm();
        }
        if (hasLeases)
            return;
        Assert.That(Names(place), Is.EqualTo("a b log"), log.ToString);
        Assert.That(log.ToString().Split("plain").Length - 1, Is.EqualTo(1), log.ToString);
    }

    private static string Names(FaultPlace place) =>
        string.Join(' ', Directory.GetFiles(place.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
}
