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
    [Test]
    public void LargeFileChangedALittleAtATime_IsStoredOnceWhenItsProgramRests()
    {
        const int FileMib = 128;
        Make(FileMib * 1024);
        long before = WrittenKib();
        Change("os.pwrite(fd, os.urandom(4096), random.randrange(size // 4096) * 4096)");
        AssertStored();
        long written = (WrittenKib() - before) / 1024;
        TestContext.Out.WriteLine($"{written} MiB for 20 times 4 KiB in a file of {FileMib} MiB");
        Assert.That(written, Is.LessThan(FileMib * 2));
    }

    [Test]
    public void LogThatIsAppendedTo_IsStoredOnceInAWhile()
    {
        const int FileKib = 1900;
        Make(FileKib);
        long before = WrittenKib();
        Change("os.lseek(fd, 0, os.SEEK_END); os.write(fd, b'a line of a log\\n')");
        AssertStored();
        long written = WrittenKib() - before;
        TestContext.Out.WriteLine($"{written} KiB for 20 lines in a log of {FileKib} KiB");
        // As often as its bytes last at 1 MiB a second, and once by the sync.
        Assert.That(written, Is.LessThan(FileKib * 8));
    }

    [Test]
    public void SynchronisedChanges_CostWhatWasWritten()
    {
        const int FileMib = 128;
        Make(FileMib * 1024);
        long before = WrittenKib();
        Change("os.pwrite(fd, os.urandom(4096), random.randrange(size // 4096) * 4096); os.fsync(fd)");
        long written = (WrittenKib() - before) / 1024;
        TestContext.Out.WriteLine($"{written} MiB for 20 times 4 KiB, each synchronised, in a file of {FileMib} MiB");
        Assert.That(written, Is.LessThan(FileMib / 4));
        AssertStored();
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
