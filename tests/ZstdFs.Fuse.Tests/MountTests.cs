using System.Text;
using ZstdFs.Fuse.Mount;
using ZstdFs.Fuse.Session;
using ZstdFs.Linux;

namespace ZstdFs.Fuse.Tests;

/// <summary>
/// Real mounts, served by this process and used by this process's file calls, which wait in the kernel while other
/// threads serve.
/// </summary>
[NonParallelizable]
internal sealed class MountTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1), Long = TimeSpan.FromMinutes(5);

    [Test, CancelAfter(60_000)]
    public void WrittenFiles_ReadBack_AndListBack_AndUnmountEndsTheSession()
    {
        var fileSystem = new MemoryFileSystem();
        var live = new LiveMount(fileSystem);
        using (live)
        {
            byte[] content = new byte[3_000_000];
            new Random(1).NextBytes(content);
            live.Use(() => File.WriteAllBytes(live.PathOf("big"), content));
            Assert.That(live.Use(() => File.ReadAllBytes(live.PathOf("big"))), Is.EqualTo(content));
            live.Use(() =>
            {
                Directory.CreateDirectory(live.PathOf("many"));
                for (int i = 0; i < 500; i++)
                    File.WriteAllText(live.PathOf($"many/file number {i:D3}"), "x");
            });
            string[] names = live.Use(() => Directory.GetFiles(live.PathOf("many")));
            Assert.That(names.Select(Path.GetFileName).Order(StringComparer.Ordinal),
                Is.EqualTo(Enumerable.Range(0, 500).Select(i => $"file number {i:D3}")));
            live.Use(() => File.Delete(live.PathOf("big")));
            Assert.That(live.Use(() => File.Exists(live.PathOf("big"))), Is.False);
            Assert.That((fileSystem.Connection.Major, fileSystem.Connection.MaxWriteBytes),
                Is.EqualTo((7u, SessionOptions.LargestWriteBytes)));
        }
        Assert.That((live.Session.EndedBy, fileSystem.TimesDestroyed), Is.EqualTo((Errno.ENODEV, 1)));
    }

    [Test, CancelAfter(60_000)]
    public void FileWithoutAName_IsMadeWrittenAndRead()
    {
        using var live = new LiveMount(new MemoryFileSystem());
        const int WithoutAName = 0x410000; // O_TMPFILE
        byte[] read = live.Use(() =>
        {
            int result = SystemCallsAt.Open(new NativeName(Encoding.UTF8.GetBytes(live.Point + "\0")),
                OpenFlags.ReadWrite | WithoutAName, out FileDescriptor file);
            using (file)
            {
                Assert.That(result, Is.GreaterThanOrEqualTo(0), $"{(Errno)(-result)}");
                byte[] content = new byte[4];
                Assert.That(DeviceCalls.Write(file, "name"u8), Is.Zero);
                Assert.That(SystemCallsFile.Seek(file, 0, SeekWhence.Set), Is.Zero);
                Assert.That(DeviceCalls.Read(file, content), Is.EqualTo(4));
                return content;
            }
        });
        Assert.That(read, Is.EqualTo("name"u8.ToArray()));
    }

    [Test, CancelAfter(60_000)]
    public void SmallestWrites_CarryALargeFile()
    {
        using var live =
            new LiveMount(new MemoryFileSystem(), new SessionOptions { Threads = 1, MaxWriteBytes = 4096 });
        byte[] content = new byte[300_001];
        new Random(2).NextBytes(content);
        live.Use(() => File.WriteAllBytes(live.PathOf("file"), content));
        Assert.That(live.Use(() => File.ReadAllBytes(live.PathOf("file"))), Is.EqualTo(content));
    }

    [Test, CancelAfter(60_000)]
    public void SlowRead_DoesNotDelayAListing()
    {
        using var gate = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        var fileSystem = new MemoryFileSystem();
        using var live = new LiveMount(fileSystem, new SessionOptions { Threads = 2 });
        live.Use(() => File.WriteAllText(live.PathOf("slow"), "content"));
        live.Use(() => fileSystem.Connection.Notifier.InvalidateInode(fileSystem.Replace("slow", "changed"), 0, 0));
        fileSystem.BeforeRead = () => { entered.Set(); gate.Wait(Long); };
        var reading = Task.Run(() => File.ReadAllText(live.PathOf("slow")));
        try
        {
            Assert.That(entered.Wait(Patience), Is.True);
            Assert.That(live.Use(() => Directory.GetFiles(live.Point)), Has.Length.EqualTo(1));
            Assert.That(reading.IsCompleted, Is.False);
        }
        finally
        {
            gate.Set();
        }
        Assert.That(live.Use(() => reading.Result), Is.EqualTo("changed"));
    }

    [Test, CancelAfter(60_000)]
    public void InvalidatedInode_ShowsWhatChangedBehindTheKernelsBack()
    {
        var fileSystem = new MemoryFileSystem();
        using var live = new LiveMount(fileSystem);
        live.Use(() => File.WriteAllText(live.PathOf("file"), "old"));
        Assert.That(live.Use(() => File.ReadAllText(live.PathOf("file"))), Is.EqualTo("old"));
        ulong node = fileSystem.Replace("file", "new");
        Assert.That(live.Use(() => File.ReadAllText(live.PathOf("file"))), Is.EqualTo("old"),
            "the kernel has the page still");
        FuseNotifier notifier = fileSystem.Connection.Notifier;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(notifier.InvalidateInode(node, 0, 0), Is.Zero);
            Assert.That(notifier.InvalidateEntry(1, "file"u8), Is.Zero);
            Assert.That(notifier.ExpireEntry(1, "file"u8), Is.AnyOf(0, -(int)Errno.ENOENT));
            Assert.That(notifier.InvalidateInode(4711, 0, 0), Is.EqualTo(-(int)Errno.ENOENT));
        }
        Assert.That(live.Use(() => File.ReadAllText(live.PathOf("file"))), Is.EqualTo("new"));
    }

    [Test, CancelAfter(60_000)]
    public void BusyMount_IsNotUnmounted()
    {
        using var live = new LiveMount(new MemoryFileSystem());
        FileStream open = live.Use(() => File.Create(live.PathOf("open")));
        int result = live.Mount.Unmount();
        live.Use(open.Dispose);
        Assert.That(result, Is.EqualTo(-(int)Errno.EBUSY));
    }

    [Test, CancelAfter(60_000)]
    public void Stop_EndsTheSessionWhileTheMountStays()
    {
        var fileSystem = new MemoryFileSystem();
        using var live = new LiveMount(fileSystem);
        live.Use(() => File.WriteAllText(live.PathOf("file"), "content"));
        live.Session.Stop();
        Assert.That(Task.Run(live.Session.Join).Wait(Patience), Is.True);
        Assert.That(fileSystem.TimesDestroyed, Is.EqualTo(1));
        Assert.That(() => live.Use(() => File.ReadAllText(live.PathOf("other"))),
            Throws.InstanceOf<IOException>().With.Message.Contains("not connected"));
    }

    [Test, CancelAfter(60_000)]
    public void AbortedConnection_EndsTheSession()
    {
        using var live = new LiveMount(new MemoryFileSystem());
        live.Abort();
        Assert.That(Task.Run(live.Session.Join).Wait(Patience), Is.True);
        Assert.That(live.Session.EndedBy, Is.EqualTo(Errno.ECONNABORTED));
    }

    [Test, CancelAfter(60_000)]
    public void MountPointBehindASymlink_IsUnmounted()
    {
        string folder = Directory.CreateTempSubdirectory("fuse-mount-").FullName;
        Directory.CreateDirectory(Path.Combine(folder, "real"));
        File.CreateSymbolicLink(Path.Combine(folder, "link"), "real");
        FuseMount mount = FuseMount.Mount(Path.Combine(folder, "link"),
            new FuseMountOptions { Source = "a,b\\c", Subtype = "memory" });
        using (mount.Device)
        {
            Assert.That(MountTable.Find(Encoding.UTF8.GetBytes(Path.Combine(folder, "real")))?.FileSystemType,
                Is.EqualTo("fuse.memory"));
            Assert.That(mount.Unmount(), Is.Zero);
        }
        Directory.Delete(folder, recursive: true);
    }

    [TestCase("/nowhere/at all"), TestCase("/proc/version")]
    public void MountPointThatIsNoFolder_IsToldSo(string point) => Assert.That(
        () => FuseMount.Mount(point, new FuseMountOptions { Source = "x" }),
        Throws.InstanceOf<FuseMountException>().With.Property(nameof(FuseMountException.Problem))
            .EqualTo(FuseMountProblem.MountPointInvalid).And.Message.Contains(point));
}
