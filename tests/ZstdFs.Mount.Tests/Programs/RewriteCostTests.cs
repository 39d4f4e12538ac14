using System.Diagnostics;
using System.Globalization;
using ZstdFs.Mount.Tests.Harness;

namespace ZstdFs.Mount.Tests.Programs;

/// <summary>
/// A program that opens a large file, changes a little of it and closes it, again and again: the disk gets to write
/// what was changed, and the whole stored file once in a while only.
/// </summary>
[TestFixture("ext4")]
[TestFixture("xfs")]
[TestFixture("btrfs")]
[CancelAfter(120_000)]
internal sealed class RewriteCostTests(string type) : MountOnImageTests(type, 1536)
{
    // Once the wait after the last commit is over, the file is committed again while it is changed: RewritePace lets a
    // large file wait for a minute. An attempt that a busy machine draws out beyond that proves nothing.
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(50), WaitOfTheLog = TimeSpan.FromSeconds(10);

    [Test]
    public void LargeFileChangedALittleAtATime_IsStoredOnceWhenItsProgramRests()
    {
        const int FileMib = 128;
        AssertLittleIsWritten(FileMib * 1024, FileMib * 1024 * 2, Wait, () =>
        {
            Change("os.pwrite(fd, os.urandom(4096), random.randrange(size // 4096) * 4096)");
            AssertStored();
        });
    }

    [Test]
    public void LogThatIsAppendedTo_IsStoredOnceInAWhile()
    {
        const int FileKib = 1900;
        // As often as its bytes last at 1 MiB a second, and once by the sync.
        AssertLittleIsWritten(FileKib, FileKib * 8, WaitOfTheLog, () =>
        {
            Change("os.lseek(fd, 0, os.SEEK_END); os.write(fd, b'a line of a log\\n')");
            AssertStored();
        });
    }

    [Test]
    public void SynchronisedChanges_CostWhatWasWritten()
    {
        const int FileMib = 128;
        AssertLittleIsWritten(FileMib * 1024, FileMib * 1024 / 4, Wait, () =>
            Change("os.pwrite(fd, os.urandom(4096), random.randrange(size // 4096) * 4096); os.fsync(fd)"));
        AssertStored();
    }

    /// <summary>
    /// Makes a file of that length and changes it. The disk must get to write less than <paramref name="mostKib"/> of
    /// that; more does not count where the attempt did not end within <paramref name="limit"/>.
    /// </summary>
    private void AssertLittleIsWritten(int fileKib, long mostKib, TimeSpan limit, Action change)
    {
        const int Attempts = 5;
        long written = mostKib;
        TimeSpan took = limit;
        for (int attempt = 0; attempt < Attempts && written >= mostKib && took >= limit; attempt++)
        {
            long start = Stopwatch.GetTimestamp();
            Make(fileKib);
            long before = WrittenKib();
            change();
            written = WrittenKib() - before;
            took = Stopwatch.GetElapsedTime(start);
            TestContext.Out.WriteLine(
                $"{written} KiB for 20 changes in a file of {fileKib} KiB, in {took.TotalSeconds:0} s");
        }
        Assert.That(written, Is.LessThan(mostKib));
    }

    private void Make(int kib)
    {
        Shell.Get($"head -c {kib}K /dev/urandom > '{Folder.Mount}/file'");
        Assert.That(Folder.Program("sync", Folder.Mount).ExitCode, Is.Zero, () => Folder.Log);
        Shell.Get($"cp '{Folder.Mount}/file' '{Path.GetDirectoryName(Folder.Mount)}/expected'; sync -f '{Image.Root}'");
    }

    private void Change(string change) => Shell.Get(
        $"""
        python3 - <<'END'
        import os, random, time
        random.seed(1)
        os.urandom = random.randbytes
        def change(path):
            fd = os.open(path, os.O_RDWR)
            size = os.fstat(fd).st_size
            {change}
            os.close(fd)
        for path in ("{Folder.Mount}/file", "{Path.GetDirectoryName(Folder.Mount)}/expected"):
            random.seed(1)
            for _ in range(20):
                change(path)
                if path.endswith("file"): time.sleep(0.25)
        END
        """);

    private void AssertStored()
    {
        Assert.That(Folder.Program("sync", Folder.Mount).ExitCode, Is.Zero, () => Folder.Log);
        Shell.Get(
            $"zstd -dc '{Folder.Source}/file.zst' | cmp - '{Path.GetDirectoryName(Folder.Mount)}/expected' && "
            + $"sync -f '{Image.Root}'");
    }

    private long WrittenKib()
    {
        const int SectorsInKib = 2;
        string sectors =
            Shell.Get($"awk '{{ print $7 }}' /sys/block/$(basename $(findmnt -n -o SOURCE '{Image.Root}'))/stat");
        return long.Parse(sectors, CultureInfo.InvariantCulture) / SectorsInKib;
    }
}
