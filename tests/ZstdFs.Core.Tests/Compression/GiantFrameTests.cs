using System.Diagnostics;
using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Linux;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>Frames too large for memory.</summary>
[TestFixture(CodecChoice.Native)]
[TestFixture(CodecChoice.Managed)]
internal sealed class GiantFrameTests(CodecChoice codec)
{
    private TestFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TestFolder(codec);

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void Read_SequentiallyInSmallPieces_DecodesOnce()
    {
        byte[] content = Samples.Text(40_000_000);
        StoredFileReader reader = _folder.Reader(Samples.Frame(content));
        TimeSpan before = Environment.CpuUsage.TotalTime;
        var buffer = new byte[32768];
        for (int offset = 0; offset < content.Length; offset += buffer.Length)
        {
            int read = reader.Read(offset, buffer);
            Assert.That(buffer.AsSpan(0, read).SequenceEqual(content.AsSpan(offset, read)));
        }
        // Decoding from the beginning for each of 1,221 pieces would take minutes.
        Assert.That(Environment.CpuUsage.TotalTime - before, Is.LessThan(TimeSpan.FromSeconds(20)));
        Assert.That(_folder.Codecs.Streams.UsedBytes, Is.Zero, "a finished frame keeps its decoder");
    }

    [Test]
    public void Read_ManyThreadsAtManyPlaces_IsRight()
    {
        byte[] content = Samples.Text(20_000_000);
        StoredFileReader reader = _folder.Reader(
            [.. Samples.Frame(content.AsSpan(0, 9_000_000)), .. Samples.Frame(content.AsSpan(9_000_000))]);
        Task[] threads = [.. Enumerable.Range(0, 6).Select(seed => Task.Factory.StartNew(() =>
        {
            var random = new Random(seed);
            var buffer = new byte[100_000];
            for (int i = 0; i < 200; i++)
            {
                int offset = (int)Math.Min(content.Length - 1, random.NextDouble() * content.Length * (i + 1) / 150);
                int read = reader.Read(offset, buffer);
                if (read != Math.Min(buffer.Length, content.Length - offset)
                    || !buffer.AsSpan(0, read).SequenceEqual(content.AsSpan(offset, read)))
                    throw new InvalidDataException($"wrong at {offset}");
            }
        }, TaskCreationOptions.LongRunning))];
        Assert.That(() => Task.WaitAll(threads), Throws.Nothing);
    }

    [Test]
    public void Read_DamagedInTheMiddle_RefusesTheFrameFromThenOn([Values] bool spill)
    {
        byte[] content = Samples.Text(12_000_000);
        byte[] stored = Samples.Frame(content);
        stored[stored.Length / 2] ^= 0x10;
        StoredFileReader reader = _folder.Reader(stored, spill);
        var buffer = new byte[4096];
        Assert.That(reader.Read(0, buffer), Is.EqualTo(4096));
        Assert.That(buffer.AsSpan().SequenceEqual(content.AsSpan(0, 4096)));
        Assert.That(() => reader.Read(content.Length - 100, buffer), Throws.InstanceOf<DamagedFrameException>());
        Assert.That(() => reader.Read(0, buffer), Throws.InstanceOf<DamagedFrameException>());
    }

    [Test]
    public void Read_SpillFileCannotBeWritten_TellsTheErrnoAndIsNotDamage()
    {
        FileDescriptor stored = _folder.Open(Samples.Frame(Samples.Text(6_000_000)));
        long bytes =
            new FileInfo($"/proc/self/fd/{stored.Number}").ResolveLinkTarget(true) is FileInfo file ? file.Length : 0;
        FileDescriptor readOnly = _folder.Open(Array.Empty<byte>());
        using var reader = new StoredFileReader(stored, FrameScanner.Scan(stored, bytes, _folder.Windows), 1,
            _folder.Cache, _folder.Codecs, () => readOnly);
        var error = Assert.Throws<StorageException>(() => reader.Read(5000, new byte[100]));
        Assert.That(error.Errno, Is.EqualTo(Errno.EBADF));
        Assert.That(() => reader.Read(5000, new byte[100]), Throws.InstanceOf<StorageException>());
    }

    [Test]
    [CancelAfter(60_000)]
    public void Read_SpillFileFullMeanwhile_TellsSoAndGoesOnWhereThereIsRoom()
    {
        byte[] content = Samples.Text(12_000_000), stored = Samples.Frame(content);
        string disk = Directory.CreateDirectory(Path.Combine(_folder.Path, "disk")).FullName;
        _folder.Run($"mount -t tmpfs -o size=3m none '{disk}'");
        try
        {
            FileDescriptor spill = _folder.Open(_folder.Write([], "disk/spill"), OpenFlags.ReadWrite);
            using (var reader = new StoredFileReader(_folder.Open(stored),
                FrameScanner.Scan(_folder.Open(stored), stored.Length, _folder.Windows), 1, _folder.Cache,
                _folder.Codecs, () => spill))
            {
                // Those who decode the step after one that finds no room must not take it for granted.
                Assert.That(ReadAll(reader, content), Is.GreaterThan(0), "nobody was told");
                _folder.Run($"mount -o remount,size=64m '{disk}'");
                Assert.That(ReadAll(reader, content), Is.Zero);
            }
        }
        finally
        {
            _folder.Run($"umount '{disk}'");
        }
    }

    /// <summary>
    /// Several threads read all, each beginning at another place. Returns how many reads found no room; what is read is
    /// right.
    /// </summary>
    private static int ReadAll(StoredFileReader reader, byte[] content)
    {
        const int Threads = 6, PieceBytes = 200_000;
        int refused = 0;
        Task[] threads = [.. Enumerable.Range(0, Threads).Select(thread => Task.Factory.StartNew(() =>
        {
            byte[] buffer = new byte[PieceBytes];
            int pieces = (content.Length + PieceBytes - 1) / PieceBytes;
            for (int i = 0; i < pieces; i++)
            {
                int offset = (i + thread * pieces / Threads) % pieces * PieceBytes;
                try
                {
                    int read = reader.Read(offset, buffer);
                    if (!buffer.AsSpan(0, read).SequenceEqual(content.AsSpan(offset, read)))
                        throw new InvalidDataException($"wrong at {offset}");
                }
                catch (StorageException e) when (e.Errno == Errno.ENOSPC)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        }, TaskCreationOptions.LongRunning))];
        Task.WaitAll(threads);
        return refused;
    }

    [Test]
    public void Read_MoreFramesThanTheBudgetHoldsDecodersFor_StaysWithinIt()
    {
        byte[] content = Samples.Text(20_000_000);
        using var folder = new TestFolder(codec) { Codecs = new CodecPool(2,
            new StreamBudget(new WindowLimit(Codec.Of(codec)), 5 << 20)) };
        byte[] part = Samples.Frame(content.AsSpan(0, 5_000_000)); // a window of 2 MiB
        StoredFileReader[] readers = [.. Enumerable.Range(0, 6).Select(_ => folder.Reader(part))];
        var buffer = new byte[1000];
        for (int offset = 0; offset < 5_000_000; offset += 700_000)
        {
            foreach (StoredFileReader reader in readers)
            {
                Assert.That(reader.Read(offset, buffer), Is.EqualTo(1000));
                Assert.That(buffer.AsSpan().SequenceEqual(content.AsSpan(offset, 1000)));
                Assert.That(folder.Codecs.Streams.UsedBytes, Is.LessThanOrEqualTo(5 << 20));
            }
        }
    }

    [Test]
    public void Read_WindowBeyondTheLimit_IsRefusedAsThatAndReadWhereTheLimitIsRaised()
    {
        byte[] content = Samples.Text(9_000_000);
        _folder.Write(content, "f");
        _folder.Run("cat f | zstd -q --long=28 > f.zst"); // a stream: the window is as asked, not cut to the content
        string stored = Path.Combine(_folder.Path, "f.zst");
        Assert.That(() => _folder.Reader(stored), Throws.InstanceOf<WindowTooLargeException>());
        long bytes = new FileInfo(stored).Length;
        FrameMap map = FrameScanner.Scan(_folder.Open(stored), bytes, WindowLimit.OfTools(Codec.Of(codec)));
        using var refused =
            new StoredFileReader(_folder.Open(stored), map, 1, _folder.Cache, _folder.Codecs, _folder.Spill);
        Assert.That(() => refused.Read(0, new byte[10]),
            Throws.InstanceOf<WindowTooLargeException>().With.Message.Contains(
                "needs a window of 256 MiB: --max-window=256M"));
        using var codecs = new CodecPool(1, new StreamBudget(WindowLimit.OfTools(Codec.Of(codec))));
        using var reader = new StoredFileReader(_folder.Open(stored), map, 2, _folder.Cache, codecs, _folder.Spill);
        ReaderCheck.Reads(reader, content, 10);
    }

    /// <summary>
    /// A frame of one window byte, whose header promises an exabyte, and one whose blocks really hold a terabyte of
    /// zeros.
    /// </summary>
    [Test]
    public void Read_Bombs_CostBoundedMemoryAndSpace()
    {
        byte[] promise = [0x28, 0xB5, 0x2F, 0xFD, 0xC0, 0x38, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0];
        Assert.That(() => _folder.Scan(promise), Throws.InstanceOf<DamagedFrameException>());
        byte[] huge = [0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0];
        Assert.That(() => _folder.Scan(huge), Throws.InstanceOf<DamagedFrameException>());

        const int blocks = 100_000;
        byte[] block = [0x02, 0x00, 0x10, 0x00]; // 131,072 times the byte 0
        byte[] zeros =
            [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x38, .. Enumerable.Repeat(block, blocks).SelectMany(b => b), 1, 0, 0];
        FileDescriptor spill = _folder.Spill();
        FileDescriptor stored = _folder.Open(zeros);
        using var reader = new StoredFileReader(stored, FrameScanner.Scan(stored, zeros.Length, _folder.Windows), 1,
            _folder.Cache, _folder.Codecs, () => spill);
        Assert.That(reader.Map.LogicalBytes, Is.EqualTo(blocks * 131072L));
        long before = Process.GetCurrentProcess().WorkingSet64;
        var buffer = new byte[4096];
        buffer.AsSpan().Fill(1);
        Assert.That(reader.Read(3L << 30, buffer), Is.EqualTo(4096));
        Assert.That(buffer.AsSpan().ContainsAnyExcept((byte)0), Is.False);
        Assert.That(Process.GetCurrentProcess().WorkingSet64 - before, Is.LessThan(50 << 20));
        SystemCallsAt.Stat(spill, out Statx stat);
        Assert.That(stat.Blocks, Is.Zero);
    }
}
