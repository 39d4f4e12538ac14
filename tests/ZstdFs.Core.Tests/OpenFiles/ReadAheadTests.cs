using ZstdFs.Core.Compression;
using ZstdFs.Core.Content;
using ZstdFs.Core.Inodes;
using ZstdFs.Core.OpenFiles;
using ZstdFs.Core.StoredFiles;
using ZstdFs.Core.Tests.Harness;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.OpenFiles;

/// <summary>What is decoded before anybody asks for it.</summary>
[CancelAfter(60_000)]
internal sealed class ReadAheadTests : IEventLog
{
    private const int FrameBytes = 512 * 1024, Frames = 8, PieceBytes = 128 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Test]
    public void FromFrontToBack_TheNextFramesAreThere() => WithContent((services, content, ahead) =>
    {
        for (long offset = 0; offset < Frames * FrameBytes; offset += PieceBytes)
        {
            Read(content, offset);
            ahead.Note(offset, PieceBytes);
            if (offset < PieceBytes)
                continue;
            long next = Math.Min(offset / FrameBytes + 2, Frames - 1);
            Assert.That(() => services.Cache.Misses, Is.GreaterThan(next).After((int)Patience.TotalMilliseconds, 5),
                $"frame {next} was not decoded at {offset}");
        }
        // Each frame was decoded once: by the reader or before it.
        Assert.That(services.Cache.Misses, Is.EqualTo(Frames));
    });

    [Test]
    public void WindowsThatComeInAnyOrder_AreFromFrontToBackToo() => WithContent((services, content, ahead) =>
    {
        foreach (int piece in new[] { 1, 0, 3, 2 })
            ahead.Note(piece * PieceBytes, PieceBytes);
        Assert.That(() => services.Cache.Misses, Is.GreaterThanOrEqualTo(2).After((int)Patience.TotalMilliseconds, 5));
    });

    [Test]
    public void HereAndThere_NothingIsDecoded() => WithContent((services, content, ahead) =>
    {
        var random = new Random(1);
        for (int i = 0; i < 1000; i++)
            ahead.Note(i % Frames * (long)FrameBytes + random.Next(FrameBytes / 4) * 4096 % FrameBytes, 4096);
        Thread.Sleep(100);
        Assert.That(services.Cache.Misses, Is.Zero);
    });

    [Test]
    public void WholeFrames_NothingIsDecodedBesideTheReader() => WithContent((services, content, ahead) =>
    {
        for (int frame = 0; frame < Frames; frame++)
            ahead.Note(frame * (long)FrameBytes, FrameBytes);
        Thread.Sleep(100);
        Assert.That(services.Cache.Misses, Is.Zero);
    });

    [Test]
    public void DamageAhead_IsTheReadersToMeet() => WithContent((services, content, ahead) =>
    {
        FrameExtent second = content.Base.Map[1];
        Assert.That(SystemCallsFile.Write(content.Base.Stored, second.StoredOffset + 20, new byte[1000]), Is.Zero);
        for (int i = 0; i < 4; i++)
        {
            Read(content, i * PieceBytes);
            ahead.Note(i * PieceBytes, PieceBytes);
        }
        Assert.That(() => services.Cache.Misses, Is.GreaterThanOrEqualTo(2).After((int)Patience.TotalMilliseconds, 5));
        Assert.That(() => Read(content, FrameBytes), Throws.InstanceOf<DamagedFrameException>());
        Assert.That(_said, Is.Empty);
    });

    private readonly List<string> _said = [];

    private static void Read(FileContent content, long offset) =>
        Assert.That(content.Read(offset, new byte[PieceBytes]), Is.EqualTo(PieceBytes));

    private void WithContent(Action<StorageServices, FileContent, ReadAhead> test)
    {
        _said.Clear();
        using var source = new TestSource();
        source.WithState((tree, state) =>
        {
            using var services = new StorageServices(tree, state, new FileSystemOptions { FrameBytes = FrameBytes },
                new BoundedLog(this, TimeProvider.System));
            Assert.That(SystemCallsAt.CreateMemoryFile(new NativeName("test\0"u8), out FileDescriptor stored),
                Is.GreaterThanOrEqualTo(0));
            var writer = new StoredFileWriter(services, stored);
            byte[] frame = new byte[FrameBytes];
            for (int i = 0; i < Frames; i++)
            {
                new Random(i).NextBytes(frame.AsSpan(0, FrameBytes / 2));
                Assert.That(writer.Append(frame), Is.Zero);
            }
            Assert.That(writer.Finish(out FrameMap map), Is.Zero);
            Assert.That(SystemCallsAt.Stat(stored, out Statx stat), Is.Zero);
            var nodes = new NodeTable(new RecentInodes(16), () => { });
            var contents = new ContentTable(nodes);
            var node = new Node(7, NodeKind.Stored);
            OpenContent open = contents.Add(
                new FileContent(services, node, new StoredBase(services, stored, stat, isFresh: false, map)),
                OpenAccess.Read);
            test(services, open.Content,
                new ReadAhead(contents, open.Content, FrameBytes, content => contents.Release(content)));
            contents.Close(open);
            contents.Release(open.Content);
            Assert.That(() => services.Codecs.Buffers.RentedBytes, Is.Zero.After((int)Patience.TotalMilliseconds, 5));
        });
    }

    public void Information(string message) => _said.Add(message);

    public void Warning(string message) => _said.Add(message);

    public void Error(string message) => _said.Add(message);
}
