using ZstdFs.Core.Compression;

namespace ZstdFs.Core.Tests.Compression;

internal sealed class SeekTableTests
{
    private TestFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TestFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void Write_TwoFrames_IsByteForByteTheFormat()
    {
        byte[] expected = Convert.FromHexString("5E2A4D18" + "19000000" + "E8030000" + "00000800" + "11000000"
            + "39300000" + "02000000" + "00" + "B1EA928F");
        Assert.That(Samples.Table(new(1000, 524288), new(17, 12345)), Is.EqualTo(expected));
    }

    [Test]
    public void Write_FromMap_IsTheSameAsFromEntries()
    {
        byte[] stored = Samples.Stored(Samples.Text(500_000), 65536);
        FrameMap map = _folder.Scan(stored);
        var table = new byte[SeekTable.BytesFor(map.FrameCount)];
        Assert.That(SeekTable.Write(map, table), Is.EqualTo(table.Length));
        Assert.That(table, Is.EqualTo(stored[(int)map.EndOfFrames..]));
    }

    [Test]
    public void Write_FramesWithGaps_IsRefused()
    {
        FrameMap map = _folder.Scan([.. Samples.Skippable(4), .. Samples.Frame([1, 2, 3])]);
        Assert.That(() => SeekTable.Write(map, new byte[100]), Throws.ArgumentException);
    }

    [Test]
    public void Scan_TableWithChecksums_IsUsed()
    {
        byte[] content = Samples.Text(100_000);
        byte[] first = Samples.Frame(content.AsSpan(0, 70_000)), second = Samples.Frame(content.AsSpan(70_000));
        byte[] table =
        [
            .. Le(SeekTable.SkippableMagic), .. Le(12 * 2 + 9),
            .. Le((uint)first.Length), .. Le(70_000), .. Le(0x11111111), .. Le((uint)second.Length), .. Le(30_000),
                .. Le(0x22222222),
            .. Le(2), 0x80, .. Le(SeekTable.FooterMagic),
        ];
        StoredFileReader reader = _folder.Reader((byte[])[.. first, .. second, .. table]);
        Assert.That(reader.Map.HasSeekTable);
        ReaderCheck.Reads(reader, content);
    }

    [Test]
    public void Scan_TableWithSkippableFrames_IsUsed_AndTheFramesAreStillOfOneLength()
    {
        byte[] content = Samples.Text(250);
        byte[][] frames = [Samples.Frame(content.AsSpan(0, 100)), Samples.Frame(content.AsSpan(100, 100)),
            Samples.Frame(content.AsSpan(200))];
        byte[] padding = Samples.Skippable(30), two = [.. Samples.Skippable(3), .. Samples.Skippable(0, 7)];
        byte[] table = Samples.Table(new((uint)frames[0].Length, 100), new((uint)padding.Length, 0),
            new((uint)frames[1].Length, 100),
            new((uint)two.Length, 0), new((uint)frames[2].Length, 50));
        StoredFileReader reader =
            _folder.Reader((byte[])[.. frames[0], .. padding, .. frames[1], .. two, .. frames[2], .. table]);
        Assert.That(reader.Map.HasSeekTable && reader.Map.IsUniform(100));
        Assert.That(reader.Map.FrameCount, Is.EqualTo(3));
        ReaderCheck.Reads(reader, content);
    }

    [Test]
    public void Scan_TableThatCallsAFrameWithContentSkippable_IsNotBelieved()
    {
        byte[] content = Samples.Text(300);
        byte[][] frames = [Samples.Frame(content.AsSpan(0, 100)), Samples.Frame(content.AsSpan(100, 100)),
            Samples.Frame(content.AsSpan(200))];
        byte[] padding = Samples.Skippable(30);
        byte[] table = Samples.Table(new((uint)frames[0].Length, 100),
            new((uint)(padding.Length + frames[1].Length), 0), new((uint)frames[2].Length, 100));
        StoredFileReader reader =
            _folder.Reader((byte[])[.. frames[0], .. padding, .. frames[1], .. frames[2], .. table]);
        Assert.That(reader.Map.HasSeekTable, Is.False);
        ReaderCheck.Reads(reader, content);
    }

    /// <summary>
    /// A table that lies about the lengths of frames which are all in order is not believed; the file reads as it is.
    /// </summary>
    [Test]
    public void Scan_TableAtOddsWithTheFrames_IsIgnored()
    {
        byte[] content = Samples.Text(300);
        byte[][] frames = [Samples.Frame(content.AsSpan(0, 100)), Samples.Frame(content.AsSpan(100, 100)),
            Samples.Frame(content.AsSpan(200, 100))];
        uint[] stored = [.. frames.Select(f => (uint)f.Length)];
        byte[] data = [.. frames.SelectMany(f => f)];
        SeekTableEntry[][] lies =
        [
            [new(stored[0], 100), new(stored[1], 100), new(stored[2], 101)],
            [new(stored[0], 50), new(stored[1], 100), new(stored[2], 150)],
            [new(stored[0], 100), new(stored[1], 99), new(stored[2], 100)],
            [new(stored[0] + 1, 100), new(stored[1] - 1, 100), new(stored[2], 100)],
            [new(stored[0], 100), new(stored[1], 100)],
            [new(stored[0] + stored[1], 200), new(stored[2], 100)],
            [new(uint.MaxValue, 100), new(stored[1], 100), new(stored[2], 100)],
            [],
        ];
        foreach (SeekTableEntry[] lie in lies)
        {
            // The frames are in order wherever the walk finds them, so a lie that survives must not change a byte
            // either.
            StoredFileReader reader = _folder.Reader([.. data, .. Samples.Table(lie)]);
            if (reader.Map.HasSeekTable)
                Assert.That(() => ReaderCheck.Reads(reader, content), Throws.InstanceOf<DamagedFrameException>());
            else
                ReaderCheck.Reads(reader, content);
        }
    }

    /// <summary>Where all frames are of one length, the table's reader looks at two of them only.</summary>
    [TestCase(0u, 100u)]
    [TestCase(0u, 0u)]
    [TestCase(8u, 100u)]
    [TestCase(9u, 100u)]
    public void Scan_TableWithEntriesThatNoFrameCanHave_IsNotBelieved(uint storedBytes, uint logicalBytes)
    {
        byte[] content = Samples.Text(400);
        byte[][] frames = [.. Enumerable.Range(0, 4).Select(i => Samples.Frame(content.AsSpan(i * 100, 100)))];
        SeekTableEntry[] entries = [.. frames.Select(f => new SeekTableEntry((uint)f.Length, 100))];
        entries[1] = entries[1] with { StoredBytes = entries[1].StoredBytes - storedBytes };
        byte[] table = Samples.Table([.. entries[..2], new(storedBytes, logicalBytes), .. entries[2..]]);
        StoredFileReader reader = _folder.Reader([.. frames.SelectMany(f => f), .. table]);
        Assert.That(reader.Map.HasSeekTable, Is.False);
        ReaderCheck.Reads(reader, content);
    }

    [Test]
    public void Scan_TableThatEveryFrameDisputes_TakesOneWalkForAll()
    {
        const int Frames = 40_000;
        byte[] frame = Samples.Frame([7]);
        byte[] stored = [.. Enumerable.Repeat(frame, Frames).SelectMany(f => f)];
        // The last one is damaged: the frames do not tell who is right.
        stored[^(frame.Length - 6)] = 0xFF;
        byte[] table = Samples.Table(
            [.. Enumerable.Range(0, Frames).Select(i => new SeekTableEntry((uint)frame.Length, 2 + (uint)(i % 2)))]);
        TimeSpan before = Environment.CpuUsage.TotalTime;
        _folder.Scan([.. stored, .. table]);
        // A walk for each of the 40,000 frames would take many minutes.
        Assert.That(Environment.CpuUsage.TotalTime - before, Is.LessThan(TimeSpan.FromSeconds(20)));
    }

    [Test]
    public void Scan_FooterOfAGiganticTable_IsIgnoredWithoutMemory()
    {
        byte[] content = Samples.Text(1000);
        byte[] footer = [.. Le(0xFFFFFFFF), 0, .. Le(SeekTable.FooterMagic)];
        byte[] stored =
            [.. Samples.Frame(content), .. Le(SeekTable.SkippableMagic), .. Le((uint)footer.Length), .. footer];
        ReaderCheck.Reads(_folder.Reader(stored), content);
    }

    private static byte[] Le(uint value) => [(byte)value, (byte)(value >> 8), (byte)(value >> 16), (byte)(value >> 24)];
}
