using ZstdFs.Crash.Tests.Recovering;

namespace ZstdFs.Crash.Tests.Disks;

/// <summary>
/// An ext4 on a disk that can fail. Its journal is on another one, which does not: with it ext4 would give up the whole
/// file system, and all that there were to see is a source that became read-only.
/// </summary>
internal sealed class FailingSource : IDisposable
{
    private const int DiskBytes = 96 * 1024 * 1024, JournalBytes = 8 * 1024 * 1024;

    private readonly string _folder = Directory.CreateTempSubdirectory("zstdfs-crash-").FullName;
    private readonly ServedFolder _served;
    private readonly string _device;
    private readonly string _journal;

    internal FailingSource()
    {
        Disk = new FailingDisk(new byte[DiskBytes]);
        _served = new ServedFolder(Disk, Log.Error);
        string journal = Path.Combine(_folder, "journal");
        File.WriteAllBytes(journal, new byte[JournalBytes]);
        _journal = Ext4.Attach(journal);
        _device = Ext4.Attach(Path.Combine(_served.Point, "disk"));
        Ext4.Run("mke2fs", "-q", "-F", "-O", "journal_dev", "-b", "4096", _journal);
        Ext4.Run("mkfs.ext4", "-q", "-F", "-b", "4096", "-J", $"device={_journal}", "-E", "lazy_itable_init=0", "-I",
            "1024", "-N", "256", "-O", "inline_data,^resize_inode", _device);
        Directory.CreateDirectory(Point);
        MountDisk();
        // Folders and attributes fit into inodes; the rest of ext4's part of the disk is taken.
        File.WriteAllBytes(Path.Combine(Point, "filler"), new byte[FailingDisk.FirstDataByte]);
        Directory.CreateDirectory(Source);
        Ext4.Run("sync", "-f", Point);
    }

    internal FailingDisk Disk { get; }

    internal EventLines Log { get; } = new();

    private string Point => Path.Combine(_folder, "root");

    internal string Source => Path.Combine(Point, "source");

    private void MountDisk() => Assert.That(Ext4.Mount(_device, Point), Is.Zero, "mounting the disk");

    /// <summary>Nothing of it is in memory any more.</summary>
    internal void RemountDisk()
    {
        Ext4.Unmount(Point);
        MountDisk();
    }

    public void Dispose()
    {
        Disk.RefusesReads = Disk.RefusesWrites = false;
        Ext4.Unmount(Point);
        Ext4.Detach(_device);
        Ext4.Detach(_journal);
        _served.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
