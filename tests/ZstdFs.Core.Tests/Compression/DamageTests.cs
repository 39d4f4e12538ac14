using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>Whatever happens to the stored bytes: what is read is right, or it is refused.</summary>
[TestFixture(CodecChoice.Native)]
[TestFixture(CodecChoice.Managed)]
internal sealed class DamageTests(CodecChoice codec)
{
    private TestFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TestFolder(codec);

    [TearDown]
    public void TearDown() => _folder.Dispose();

    private static readonly byte[] Content = Samples.Text(700);

    private static readonly byte[][] Files =
    [
        Samples.Frame(Content),
        Samples.Stored(Content, 256),
        [.. Samples.Frame(Content.AsSpan(0, 300)), .. Samples.Skippable(9), .. Samples.Frame(Content.AsSpan(300))],
        [.. Samples.Frame(Content.AsSpan(0, 300)), .. Samples.Frame(Content.AsSpan(300, 100)),
            .. Samples.Frame(Content.AsSpan(400)),
            .. Samples.Table(
                new((uint)Samples.Frame(Content.AsSpan(0, 300)).Length, 300),
                new((uint)Samples.Frame(Content.AsSpan(300, 100)).Length, 100),
                new((uint)Samples.Frame(Content.AsSpan(400)).Length, 300))],
    ];

    [Test]
    public void Read_AnyByteChangedInAnyBit_IsRightOrRefused([Range(0, 3)] int file) => ChangeEveryByte(Files[file]);

    [Test]
    public void Read_AnyByteChangedWhereOnlyTheTableKnowsTheSizes_IsRightOrRefused([Values(256, 300)] int frameBytes)
    {
        _folder.Write(Content, "f");
        _folder.Run($"split -b {frameBytes} f part. && for p in part.*; do zstd -q < $p > $p.zst; done");
        byte[][] frames =
            [.. Directory.GetFiles(_folder.Path, "*.zst").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
        SeekTableEntry[] entries = [.. frames.Select((f, i) =>
            new SeekTableEntry((uint)f.Length, (uint)Math.Min(frameBytes, 700 - i * frameBytes)))];
        byte[] stored = [.. frames.SelectMany(f => f), .. Samples.Table(entries)];
        Assert.That(_folder.Scan(stored).HasSeekTable);
        Assert.That(_folder.Scan(stored).IsUniform(frameBytes), Is.False);
        ChangeEveryByte(stored);
    }

    private void ChangeEveryByte(byte[] intact)
    {
        int[] changes = [1, 2, 4, 8, 16, 32, 64, 128, 255];
        for (int at = 0; at < intact.Length; at++)
        {
            foreach (int change in changes)
            {
                byte[] stored = [.. intact];
                stored[at] ^= (byte)change;
                CheckNeverWrong(stored, $"byte {at} changed by {change:x2}", mayBeShort: false);
            }
        }
    }

    [Test]
    public void Read_CutAnywhere_IsRightOrRefused([Range(0, 3)] int file)
    {
        for (int length = 1; length < Files[file].Length; length++)
            CheckNeverWrong(Files[file][..length], $"cut to {length}", mayBeShort: true);
    }

    [Test]
    public void Read_GarbageBehind_IsRightUpToItAndThenRefused()
    {
        byte[] stored = [.. Files[0], 1, 2, 3, 4, 5];
        var damage = Assert.Throws<DamagedFrameException>(() => _folder.Scan(stored));
        Assert.That(damage.StoredOffset, Is.EqualTo(Files[0].Length));
        StoredFileReader reader = _folder.Reader(stored, intact: true);
        var read = new byte[700];
        Assert.That(reader.Read(0, read), Is.EqualTo(700));
        Assert.That(read, Is.EqualTo(Content));
        Assert.That(() => reader.Read(0, new byte[701]), Throws.InstanceOf<DamagedFrameException>());
        Assert.That(() => reader.Read(700, new byte[1]), Throws.InstanceOf<DamagedFrameException>());
        Assert.That(FrameScanner.QuickSize(_folder.Open(stored), stored.Length, _folder.Windows), Is.Null);
    }

    [Test]
    public void Read_OneFrameDamaged_TheOthersStillRead()
    {
        byte[] content = Samples.Text(1_000_000);
        byte[] stored = Samples.Stored(content, 65536);
        FrameMap map = _folder.Scan(stored);
        stored[map[5].StoredOffset + 1000] ^= 4;
        StoredFileReader reader = _folder.Reader(stored);
        var buffer = new byte[65536];
        for (int frame = 0; frame < map.FrameCount; frame++)
        {
            if (frame == 5)
            {
                var damage =
                    Assert.Throws<DamagedFrameException>(() => reader.Read(5 * 65536 + 100, buffer.AsSpan(0, 10)));
                Assert.That(damage.StoredOffset, Is.EqualTo(map[5].StoredOffset));
                Assert.That(() => reader.Read(5 * 65536, buffer), Throws.InstanceOf<DamagedFrameException>());
                continue;
            }
            int read = reader.Read(frame * 65536L, buffer);
            Assert.That(buffer.AsSpan(0, read).SequenceEqual(content.AsSpan(frame * 65536, read)));
        }
    }

    [Test]
    public void Read_LastFrameCut_KeepsItsPlaceAndIsRefused()
    {
        byte[] stored = [.. Samples.Frame(Content), .. Samples.Frame(Content)[..^7]];
        StoredFileReader reader = _folder.Reader(stored, intact: true);
        Assert.That(reader.Map.LogicalBytes, Is.EqualTo(1400));
        Assert.That(reader.Read(0, new byte[700]), Is.EqualTo(700));
        Assert.That(() => reader.Read(700, new byte[1]), Throws.InstanceOf<DamagedFrameException>());
    }

    private void CheckNeverWrong(byte[] stored, string what, bool mayBeShort)
    {
        using var folder = new TestFolder(codec);
        using StoredFileReader reader = folder.Reader(stored, intact: true);
        var buffer = new byte[Content.Length];
        for (int offset = 0; offset < Content.Length; offset += 50)
        {
            Span<byte> part = buffer.AsSpan(0, 50);
            try
            {
                int read = reader.Read(offset, part);
                if ((read < 50 && !MayEndThere(reader, mayBeShort))
                    || !part[..read].SequenceEqual(Content.AsSpan(offset, read)))
                    Assert.Fail($"{what}: wrong bytes at {offset} ({read} read)");
            }
            catch (UndecodableException)
            {
            }
        }
    }

    /// <summary>
    /// Cut exactly between frames, it is a shorter file that is in order. Otherwise a wrong length is stated only by a
    /// last frame that cannot be read.
    /// </summary>
    private static bool MayEndThere(StoredFileReader reader, bool mayBeShort)
    {
        if (mayBeShort && reader.Map.Damage is null)
            return true;
        try
        {
            reader.Read(reader.Map.LogicalBytes - 1, new byte[1]);
            return false;
        }
        catch (UndecodableException)
        {
            return true;
        }
    }
}
