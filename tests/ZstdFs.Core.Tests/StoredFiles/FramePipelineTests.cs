using System.Security.Cryptography;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.Overlays;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.StoredFiles;

/// <summary>Frames that are compressed side by side.</summary>
[CancelAfter(60_000)]
internal sealed class FramePipelineTests : IEventLog
{
    private const int FrameBytes = 64 * 1024, Frames = 100;

    [Test]
    public void Frames_AreWrittenInOrder_HoweverManyWork([Values(1, 2, 7)] int jobs,
        [Values(1, 2, Frames)] int frames) => WithContent(jobs, (services, stored, content) =>
    {
        FileDescriptor output = NewFile();
        var writer = new StoredFileWriter(services, output);
        using (var pipeline = new FramePipeline(services, content, services.Background))
        {
            for (int frame = 0; frame < frames; frame++)
                Assert.That(pipeline.Add(frame * (long)FrameBytes, FrameBytes, writer), Is.Zero);
            Assert.That(pipeline.Flush(writer), Is.Zero);
        }
        Assert.That(writer.Finish(out FrameMap map), Is.Zero);
        Assert.That((map.FrameCount, map.LogicalBytes), Is.EqualTo((frames, frames * (long)FrameBytes)));
        using var written = new Overlay(services, new Node(1, NodeKind.Stored), Base(services, output, map));
        byte[] expected = Content()[..(frames * FrameBytes)], found = new byte[expected.Length];
        written.Load();
        Assert.That(written.Read(0, found), Is.Zero);
        Assert.That(found.AsSpan().SequenceEqual(expected));
    });

    [Test]
    public void FrameThatCannotBeRead_FailsTheWrite_AndNothingIsKept([Values(1, 2, 7)] int jobs) =>
        WithContent(jobs, (services, stored, content) =>
    {
        FrameExtent damaged = content.Base.Map[Frames / 2];
        Assert.That(
            SystemCallsFile.Write(stored, damaged.StoredOffset + damaged.StoredBytes / 2,
                RandomNumberGenerator.GetBytes(64)),
            Is.Zero);
        using FileDescriptor output = NewFile();
        var writer = new StoredFileWriter(services, output);
        using (var pipeline = new FramePipeline(services, content, services.Background))
        {
            Assert.That(() =>
            {
                for (int frame = 0; frame < Frames; frame++)
                    pipeline.Add(frame * (long)FrameBytes, FrameBytes, writer);
                pipeline.Flush(writer);
            }, Throws.InstanceOf<DamagedFrameException>());
        }
        Assert.That(writer.LogicalBytes, Is.EqualTo(Frames / 2 * (long)FrameBytes), "the frames before it");
    });

    [Test]
    public void DisposedOfHalfWay_WaitsForWhoIsAtWork([Values(2, 7)] int jobs) =>
        WithContent(jobs, (services, stored, content) =>
    {
        for (int round = 0; round < 50; round++)
        {
            using FileDescriptor output = NewFile();
            var writer = new StoredFileWriter(services, output);
            using (var pipeline = new FramePipeline(services, content, services.Background))
            {
                for (int frame = 0; frame < round; frame++)
                    Assert.That(pipeline.Add(frame * (long)FrameBytes, FrameBytes, writer), Is.Zero);
            }
            Assert.That(services.Codecs.Buffers.RentedBytes, Is.Zero, "somebody is still at work");
        }
    });

    [Test]
    public void FullDisk_IsTold([Values(2, 7)] int jobs) => WithContent(jobs, (services, stored, content) =>
    {
        Assert.That(SystemCallsAt.Open(new NativeName("/dev/full\0"u8), OpenFlags.ReadWrite, out FileDescriptor full),
            Is.GreaterThanOrEqualTo(0));
        using (full)
        {
            var writer = new StoredFileWriter(services, full);
            using var pipeline = new FramePipeline(services, content, services.Background);
            int result = 0;
            for (int frame = 0; frame < Frames && result >= 0; frame++)
                result = pipeline.Add(frame * (long)FrameBytes, FrameBytes, writer);
            Assert.That(result, Is.EqualTo(-(int)Errno.ENOSPC));
        }
    });

    /// <summary>Runs a test on a content of all frames, and sees that it gives back all memory.</summary>
    private void WithContent(int jobs, Action<StorageServices, FileDescriptor, Overlay> test)
    {
        using var source = new TestSource();
        source.WithState((tree, state) =>
        {
            var options = new FileSystemOptions { Jobs = jobs, FrameBytes = FrameBytes };
            using var services = new StorageServices(tree, state, options, new BoundedLog(this, TimeProvider.System));
            FileDescriptor stored = NewFile();
            var writer = new StoredFileWriter(services, stored);
            byte[] content = Content();
            for (int frame = 0; frame < Frames; frame++)
                Assert.That(writer.Append(content.AsSpan(frame * FrameBytes, FrameBytes)), Is.Zero);
            Assert.That(writer.Finish(out FrameMap map), Is.Zero);
            using (var overlay = new Overlay(services, new Node(0, NodeKind.Stored), Base(services, stored, map)))
            {
                overlay.Load();
                test(services, stored, overlay);
            }
            Assert.That(services.Codecs.Buffers.RentedBytes, Is.Zero, "memory kept");
        });
    }

    private static byte[] Content()
    {
        // Half of each line is random: a damaged byte is no match of anything.
        var random = new Random(1);
        byte[] content = new byte[Frames * FrameBytes];
        for (int i = 0; i < content.Length; i += 16)
            random.NextBytes(content.AsSpan(i, 8));
        return content;
    }

    private static StoredBase Base(StorageServices services, FileDescriptor file, FrameMap map)
    {
        Assert.That(SystemCallsAt.Stat(file, out Statx stat), Is.Zero);
        return new StoredBase(services, file, stat, isFresh: false, map);
    }

    private static FileDescriptor NewFile()
    {
        Assert.That(SystemCallsAt.CreateMemoryFile(new NativeName("test\0"u8), out FileDescriptor file),
            Is.GreaterThanOrEqualTo(0));
        return file;
    }

    public void Information(string message) => TestContext.Out.WriteLine(message);

    public void Warning(string message) => TestContext.Out.WriteLine(message);

    public void Error(string message) => TestContext.Out.WriteLine(message);
}
