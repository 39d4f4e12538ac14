using ZstdFs.Core.Commits;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Commits;

[TestFixture]
internal sealed class SelfCheckTests : IEventLog
{
    [Test]
    public void HealthyMachine_PassesAndLeavesNothing()
    {
        using var source = new TestSource();
        source.WithState((tree, state) =>
        {
            using var services =
                new StorageServices(tree, state, new FileSystemOptions(), new BoundedLog(this, TimeProvider.System));
            Assert.That(new SelfCheck(services).Run(), Is.Null);
            Assert.That(services.Codecs.Buffers.RentedBytes, Is.Zero, "memory kept");
            Assert.That(Directory.GetFiles(Path.Combine(source.Path, ".zstdfs", "working")), Is.Empty);
        });
        Assert.That(Directory.GetFiles(source.Path), Is.Empty);
    }

    [Test]
    public void ReadOnlySource_IsCheckedToo()
    {
        using var source = new TestSource();
        using var tree = new Core.Source.SourceTree(source.Open(), readOnly: true);
        using var services =
            new StorageServices(tree, state: null, new FileSystemOptions(), new BoundedLog(this, TimeProvider.System));
        Assert.That(new SelfCheck(services).Run(), Is.Null);
    }

    /// <summary>
    /// A frame that is not what was compressed, as a failing memory would have it: put where the check's first file
    /// keeps its decoded frames.
    /// </summary>
    [TestCase(0)]
    [TestCase(1)]
    public void MemoryThatChangesWhatIsInIt_IsNoticed(int frame)
    {
        using var source = new TestSource();
        source.WithState((tree, state) =>
        {
            using var services =
                new StorageServices(tree, state, new FileSystemOptions(), new BoundedLog(this, TimeProvider.System));
            ulong next = services.NextCacheId() + 1;
            PutOtherContent(services.Cache, new FrameKey(next, frame));
            Assert.That(new SelfCheck(services).Run(), Does.Contain("does not read back"));
        });
    }

    public void Information(string message) => TestContext.Out.WriteLine(message);

    public void Warning(string message) => TestContext.Out.WriteLine(message);

    public void Error(string message) => TestContext.Out.WriteLine(message);

    private static void PutOtherContent(FrameCache cache, FrameKey key)
    {
        using FrameCache.Lease lease = cache.Pin(key, SelfCheck.PieceBytes);
        Assert.That(lease.IsLoader);
        lease.Content.Fill((byte)'?');
        lease.Publish();
    }
}
