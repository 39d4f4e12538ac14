using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Cache;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Compression;

[TestFixture(CodecChoice.Native)]
[TestFixture(CodecChoice.Managed)]
internal sealed class StoredFileReaderTests(CodecChoice codec)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private TestFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TestFolder(codec) { Cache = new FrameCache(1 << 20) };

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void Read_SteadyState_AllocatesNothing()
    {
        byte[] content = Samples.Text(4_000_000);
        StoredFileReader reader = _folder.Reader(Samples.Stored(content, 131072));
        var buffer = new byte[300_000];
        Assert.That(Allocations.In(calls: 1000, Read), Is.Zero, "bytes");

        // From the cache, by decoding into it, and by decoding whole frames straight into the destination.
        void Read(int i) => reader.Read(i * 77_777L % content.Length, buffer.AsSpan(0, i % 3 == 0 ? 300_000 : 4096));
    }

    [Test]
    public void Read_WholeFrames_BypassesTheCache()
    {
        byte[] content = Samples.Text(500_000);
        StoredFileReader reader = _folder.Reader(Samples.Stored(content, 65536));
        Assert.That(reader.Read(65536, new byte[131072]), Is.EqualTo(131072));
        Assert.That(_folder.Cache.AllocatedBytes, Is.Zero);
    }

    [Test]
    public void Prefetch_AheadOfAReader_MakesItsReadAHit()
    {
        byte[] content = Samples.Text(500_000);
        StoredFileReader reader = _folder.Reader(Samples.Stored(content, 65536));
        Assert.That(reader.Prefetch(100_000));
        Assert.That(reader.Prefetch(100_000), Is.False);
        Assert.That(reader.Prefetch(500_000), Is.False);
        long misses = _folder.Cache.Misses;
        reader.Read(100_000, new byte[100]);
        Assert.That(_folder.Cache.Misses, Is.EqualTo(misses));
    }

    [Test]
    public void Read_ManyThreadsAndFiles_IsRight()
    {
        byte[][] contents = [Samples.Text(3_000_000), Samples.Text(2_000_001, seed: 2), Samples.Noise(1_000_000)];
        StoredFileReader[] readers =
            [.. contents.Select((content, i) => _folder.Reader(Samples.Stored(content, 65536 << i)))];
        Task[] threads = [.. Enumerable.Range(0, 6).Select(seed => Task.Factory.StartNew(() =>
        {
            var random = new Random(seed);
            var buffer = new byte[200_000];
            for (int i = 0; i < 1000; i++)
            {
                int file = random.Next(readers.Length), offset = random.Next(contents[file].Length);
                int read = readers[file].Read(offset, buffer.AsSpan(0, random.Next(1, i % 5 == 0 ? 200_000 : 5000)));
                if (!buffer.AsSpan(0, read).SequenceEqual(contents[file].AsSpan(offset, read)))
                    throw new InvalidDataException($"wrong at {offset} of {file}");
            }
        }, TaskCreationOptions.LongRunning))];
        Assert.That(() => Task.WaitAll(threads), Throws.Nothing);
        Assert.That(_folder.Cache.AllocatedBytes, Is.LessThanOrEqualTo(1 << 20));
    }

    [Test]
    public void Read_FileThatWasCutSince_IsDamage()
    {
        byte[] content = Samples.Noise(300_000);
        string path = _folder.Write(Samples.Stored(content, 65536));
        StoredFileReader reader = _folder.Reader(path);
        using (FileStream file = File.OpenWrite(path))
            file.SetLength(70_000);
        Assert.That(reader.Read(0, new byte[1000]), Is.EqualTo(1000));
        Assert.That(() => reader.Read(200_000, new byte[1000]), Throws.InstanceOf<DamagedFrameException>());
    }

    [Test]
    public void Read_DamagedFrameByManyThreads_AllAreToldAndTheNextOneTriesAgain()
    {
        byte[] content = Samples.Noise(300_000), stored = Samples.Stored(content, 65536);
        string path = _folder.Write(stored);
        StoredFileReader reader = _folder.Reader(path);
        using (FileStream file = File.OpenWrite(path))
            file.SetLength(70_000);
        Task[] threads = [.. Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(() =>
        {
            for (int i = 0; i < 100; i++)
                Assert.Throws<DamagedFrameException>(() => reader.Read(200_000, new byte[1000]));
        }, TaskCreationOptions.LongRunning))];
        Assert.That(Task.WaitAll(threads, Patience), "a reader waits for a frame that nobody decodes");
        Assert.That(() => reader.Prefetch(200_000), Throws.InstanceOf<DamagedFrameException>());
        File.WriteAllBytes(path, stored);
        Assert.That(reader.Prefetch(200_000));
        Assert.That(reader.Read(200_000, new byte[1000]), Is.EqualTo(1000));
    }

    [Test]
    public void Read_PartOfAFrameThatHasNoRoom_DecodesWithoutCaching()
    {
        using var small = new TestFolder(codec) { Cache = new FrameCache(5000) };
        byte[] content = Samples.Text(500_000), part = new byte[1000];
        StoredFileReader reader = small.Reader(Samples.Stored(content, 65536));
        Assert.That(reader.Prefetch(100_000), Is.False);
        Assert.That(reader.Read(100_000, part), Is.EqualTo(part.Length));
        Assert.That(part, Is.EqualTo(content[100_000..101_000]));
        Assert.That(small.Cache.AllocatedBytes, Is.Zero);
    }
}
