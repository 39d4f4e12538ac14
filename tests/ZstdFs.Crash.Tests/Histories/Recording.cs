using ZstdFs.Core.FileSystem;
using ZstdFs.Crash.Tests.Disks;
using ZstdFs.Crash.Tests.Recovering;

namespace ZstdFs.Crash.Tests.Histories;

/// <summary>
/// One workload on a mounted source whose ext4 lies on a recorded disk. While it runs, the journal is committed again
/// and again and single files are written back, as the kernel does by the clock, so that what was not synchronised
/// reaches the disk piece by piece.
/// </summary>
internal sealed class Recording
{
    /// <summary>The disk before its first event.</summary>
    internal required byte[] Start { get; init; }

    internal required IReadOnlyList<DiskEvent> Events { get; init; }

    internal required History History { get; init; }

    /// <summary>The first moment of the workload: before it the file system was made and mounted.</summary>
    internal required int From { get; init; }

    internal static Recording Of(Action<Workload, Random> run, int seed, bool writesBack = true)
    {
        byte[] start = Ext4.NewImage();
        var disk = new RecordedDisk((byte[])start.Clone());
        var log = new EventLines();
        using var folder = new ServedFolder(disk, log.Error);
        string device = Ext4.Attach(Path.Combine(folder.Point, "disk"));
        string point = Directory.CreateTempSubdirectory("zstdfs-crash-").FullName;
        var history = new History(() => disk.Position);
        int from;
        try
        {
            Assert.That(Ext4.Mount(device, point), Is.Zero);
            try
            {
                string source = Path.Combine(point, "source");
                Directory.CreateDirectory(source);
                Ext4.Run("sync", "-f", point);
                from = disk.Position;
                Run(run, source, point, history, seed, writesBack, log);
            }
            finally
            {
                Ext4.Unmount(point);
            }
        }
        finally
        {
            Ext4.Detach(device);
            Directory.Delete(point);
        }
        return new Recording { Start = start, Events = disk.Events, History = history, From = from };
    }

    private static void Run(Action<Workload, Random> run, string source, string point, History history, int seed,
        bool writesBack, EventLines log)
    {
        using ZstdFileSystem fileSystem = SourceFolders.Open(source, log);
        using (var mount = new ServedFolder(fileSystem, log.Error))
        using (writesBack ? new WriteBack(point, source, seed) : null)
        {
            var chance = new Random(seed);
            run(
                new Workload(new MountedFiles(mount.Point), history, chance,
                    () => Assert.That(fileSystem.IoControl(default, 1, 0, 0, ControlCommands.Sync, 0, default, default),
                        Is.Zero)),
                chance);
        }
        Assert.That(fileSystem.Drain(), Is.Zero, log.ToString);
        history.AllIsDurable();
    }
}
