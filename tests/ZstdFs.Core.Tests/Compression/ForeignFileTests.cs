using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>
/// Stored files that other programs wrote, read against the original; and ours, read by other programs.
/// </summary>
[TestFixture(CodecChoice.Native)]
[TestFixture(CodecChoice.Managed)]
internal sealed class ForeignFileTests(CodecChoice codec)
{
    private TestFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TestFolder(codec);

    [TearDown]
    public void TearDown() => _folder.Dispose();

    private static readonly string[] StatingSizes =
    [
        "zstd -q -3 f -o f.zst",
        "zstd -q -19 f -o f.zst",
        "zstd -q --ultra -22 --long=27 f -o f.zst",
        "zstd -q -T0 -B1M f -o f.zst",
        "zstd -q --fast=5 --no-check f -o f.zst",
        "zstd -q --rsyncable f -o f.zst",
        "split -b 300000 f part. && for p in part.*; do zstd -q $p; done && cat part.*.zst > f.zst",
        "split -b 777 -a 5 f part. && zstd -q part.* && cat part.*.zst > f.zst",
        "(zstd -q f -c; : | zstd -q; : | zstd -q --no-check) > f.zst",
    ];

    private static readonly string[] WithoutSizes =
    [
        "zstd -q < f > f.zst",
        "zstd -q --no-check < f > f.zst",
        "zstd -q --no-content-size f -o f.zst",
        "pzstd -q -p 4 f -o f.zst",
        "split -b 3000000 f part. && for p in part.*; do zstd -q < $p; done > f.zst",
    ];

    [Test]
    public void Read_FramesThatStateTheirSizes_IsTheOriginal([ValueSource(nameof(StatingSizes))] string command,
        [Values(1_500_001, 9_000_000)] int bytes)
    {
        byte[] content = Samples.Text(command.Contains("-b 777", StringComparison.Ordinal) ? bytes / 10 : bytes);
        string stored = Compress(command, content);
        ReaderCheck.Reads(_folder.Reader(stored), content);
        Assert.That(FrameScanner.QuickSize(_folder.Open(stored), new FileInfo(stored).Length, _folder.Windows)?.Bytes,
            Is.EqualTo(content.Length));
    }

    [Test]
    public void Read_FramesThatStateNoSizes_IsTheOriginal([ValueSource(nameof(WithoutSizes))] string command,
        [Values(1_500_001, 9_000_000)] int bytes)
    {
        byte[] content = Samples.Text(bytes);
        string stored = Compress(command, content);
        ReaderCheck.Reads(_folder.Reader(stored), content);
        Assert.That(FrameScanner.QuickSize(_folder.Open(stored), new FileInfo(stored).Length, _folder.Windows),
            Is.Null);
    }

    [Test]
    public void Read_GiantFrameWithoutASpillFile_IsTheOriginal()
    {
        byte[] content = Samples.Text(5_000_000);
        ReaderCheck.Reads(_folder.Reader(Compress(StatingSizes[0], content), spill: false), content, 20);
    }

    private string Compress(string command, byte[] content)
    {
        _folder.Write(content, "f");
        _folder.Run(command);
        return Path.Combine(_folder.Path, "f.zst");
    }

    [Test]
    public void Read_NoiseOfStockTools_IsTheOriginal()
    {
        byte[] content = Samples.Noise(6_000_000);
        _folder.Write(content, "f");
        _folder.Run("zstd -q < f > f.zst");
        ReaderCheck.Reads(_folder.Reader(Path.Combine(_folder.Path, "f.zst")), content);
    }

    [Test]
    public void Read_SkippableFramesAnywhere_IsTheOriginal()
    {
        byte[] content = Samples.Text(400_000);
        byte[] first = Samples.Frame(content.AsSpan(0, 150_000)), second = Samples.Frame(content.AsSpan(150_000));
        byte[] stored = [.. Samples.Skippable(0), .. Samples.Skippable(100, 3), .. first,
            .. Samples.Skippable(70_000, 15), .. second, .. Samples.Skippable(5, 14)];
        StoredFileReader reader = _folder.Reader(stored);
        ReaderCheck.Reads(reader, content);
        Assert.That(reader.Map.EndOfFrames, Is.EqualTo(stored.Length - 13));
        Assert.That(FrameScanner.QuickSize(_folder.Open(stored), stored.Length, _folder.Windows)?.Bytes,
            Is.EqualTo(content.Length));
    }

    [Test]
    public void Read_NoFramesOrEmptyOnes_IsAnEmptyFile()
    {
        byte[] empty = Samples.Frame([]);
        foreach (byte[] stored in new[] { [], empty, [.. empty, .. empty], Samples.Skippable(3), Samples.Table() })
        {
            ReaderCheck.Reads(_folder.Reader(stored), []);
            Assert.That(FrameScanner.QuickSize(_folder.Open(stored), stored.Length, _folder.Windows)?.Bytes, Is.Zero);
        }
    }

    [TestCase(new byte[] { 0xFD, 0x2F, 0xB5, 0x1E }, "v0.1")]
    [TestCase(new byte[] { 0x22, 0xB5, 0x2F, 0xFD }, "v0.2")]
    [TestCase(new byte[] { 0x27, 0xB5, 0x2F, 0xFD }, "v0.7")]
    public void Scan_FormatBeforeZstd1_SaysThatItIsNotDecodedHere(byte[] magic, string version)
    {
        byte[] stored = [.. magic, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        Assert.That(() => _folder.Scan(stored), Throws.InstanceOf<UnsupportedContentException>()
            .With.Message.Contains("before 1.0").And.Message.Contains(version));
    }

    [Test]
    public void Read_DictionaryFrame_SaysWhichDictionaryAndThatItIsIntact()
    {
        _folder.Write(Samples.Text(112_640), "d");
        _folder.Write(Samples.Text(5000, seed: 9), "f");
        _folder.Run(
            "split -b 1000 d s. && zstd -q --train s.* --maxdict=4000 --dictID=77 -o dict && "
            + "zstd -q -D dict f -o f.zst && zstd -q -D dict < f > stream.zst");
        using StoredFileReader reader = _folder.Reader(Path.Combine(_folder.Path, "f.zst"));
        Assert.That(reader.Map.LogicalBytes, Is.EqualTo(5000));
        Assert.That(() => reader.Read(0, new byte[10]),
            Throws.InstanceOf<UnsupportedContentException>().With.Message.EqualTo(
                "intact; needs the dictionary with ID 77"));
        Assert.That(() => _folder.Reader(Path.Combine(_folder.Path, "stream.zst")),
            Throws.InstanceOf<UnsupportedContentException>().With.Message.Contains("ID 77"));
    }

    [Test]
    public void StockZstd_OurFiles_TestsListsAndDecodesThem(
        [Values(0, 1, 4096, 131071, 131072, 131073, 262144, 1_000_000)] int bytes)
    {
        byte[] content = Samples.Text(bytes);
        byte[] stored = Samples.Stored(content, 131072, codec: codec);
        _folder.Write(stored, "f.zst");
        _folder.Run("zstd -q -t f.zst");
        _folder.Run("zstd -q -l f.zst");
        Assert.That(_folder.Run("zstd -q -dc f.zst").AsSpan().SequenceEqual(content));

        FrameMap map = _folder.Scan(stored);
        Assert.That(map.HasSeekTable, Is.EqualTo(bytes > 131072));
        Assert.That(map.IsUniform(131072));
        Assert.That(map.FrameCount, Is.EqualTo(Math.Max(1, (bytes + 131071) / 131072)));
        ReaderCheck.Reads(_folder.Reader(stored), content);
    }
}
