using ZstdFs.Core.Compression;
using ZstdFs.Core.Compression.Codecs;
using ZstdFs.Core.Tests.Harness;

namespace ZstdFs.Core.Tests.Compression;

/// <summary>Frames in and out of memory: what either codec must do, and what one makes of the other's frames.</summary>
[TestFixture(CodecChoice.Native)]
[TestFixture(CodecChoice.Managed)]
internal sealed class FrameCodecTests(CodecChoice choice)
{
    private static readonly int[] Sizes = [0, 1, 2, 255, 256, 257, 4095, 4096, 65535, 65536, 65791, 65792, 131071,
        131072, 131073, 524287, 524288, 524289, 1_300_000];

    private readonly Codec _codec = Codec.Of(choice);
    private readonly Codec _other = Codec.Of(choice == CodecChoice.Native ? CodecChoice.Managed : CodecChoice.Native);

    [Test]
    public void Choice_LeadsToTheCodecOfThatName()
    {
        Assert.That(_codec.Name,
            Does.Match(choice == CodecChoice.Native ? @"^libzstd 1\.\d+\.\d+$" : @"^ZstdSharp, zstd 1\.\d+\.\d+$"));
        Assert.That(Codec.Of(CodecChoice.Auto), Is.SameAs(Codec.Of(CodecChoice.Native)),
            "libzstd is there and is not used");
    }

    [Test]
    public void Compress_EverySize_BothDecodeToTheSame([ValueSource(nameof(Sizes))] int bytes,
        [Values(-7, 1, 3, 9)] int level)
    {
        using FrameDecoder decoder = new(_codec), other = new(_other);
        foreach (byte[] content in new[] { Samples.Text(bytes), Samples.Noise(bytes), new byte[bytes] })
        {
            byte[] frame = Samples.Frame(content, level, choice);
            var decoded = new byte[bytes];
            Assert.That(decoder.Decompress(frame, decoded), Is.EqualTo(bytes));
            Assert.That(decoded.AsSpan().SequenceEqual(content));
            Assert.That(other.Matches(frame, content, decoded));
            Assert.That(FrameHeader.Parse(frame),
                Has.Property("ContentBytes").EqualTo(bytes).And.Property("HasChecksum").True);
        }
    }

    /// <summary>Each level has its own way of finding matches.</summary>
    [Test]
    public void Compress_EveryLevel_BothDecodeToTheSame(
        [Range(FrameEncoder.LowestLevel, FrameEncoder.HighestLevel)] int level)
    {
        byte[] content = [.. Samples.Text(200_000), .. Samples.Noise(20_000), .. Samples.Text(80_000)];
        byte[] frame = Samples.Frame(content, level, choice);
        using var codecs = new CodecPool(1, new StreamBudget(new WindowLimit(_codec)));
        using var others = new CodecPool(1, new StreamBudget(new WindowLimit(_other)));
        Assert.That(codecs.Matches(frame, content));
        Assert.That(others.Matches(frame, content));
        // zstd 1.5.7 splits blocks better than 1.5.4: it may be ahead by a few percent, and must not fall behind.
        Assert.That(frame, Has.Length.LessThan(Samples.Frame(content, level, CodecChoice.Native).Length * 1.02),
            "against libzstd");
    }

    [Test]
    public void Constructor_LevelOutOfRange_Throws([Values(-8, 23)] int level) =>
        Assert.That(() => new FrameEncoder(_codec, level), Throws.InstanceOf<ArgumentOutOfRangeException>());

    [Test]
    public void BoundBytes_HasRoomForNoise([Values(0, 1, 1000, 131071, 131072, 1_000_000)] int bytes)
    {
        using var encoder = new FrameEncoder(_codec, 3);
        Assert.That(encoder.Compress(Samples.Noise(bytes), new byte[FrameEncoder.BoundBytes(bytes)]),
            Is.GreaterThan(bytes));
    }

    [Test]
    public void Compress_RoomTooSmall_ThrowsAndTheEncoderGoesOn()
    {
        using var encoder = new FrameEncoder(_codec, 3);
        byte[] content = Samples.Noise(1000);
        Assert.That(() => encoder.Compress(content, new byte[500]),
            Throws.InstanceOf<ZstdLibraryException>().With.Message.Contains(_codec.Name));
        var frame = new byte[FrameEncoder.BoundBytes(1000)];
        int length = encoder.Compress(content, frame);
        using var decoder = new FrameDecoder(_codec);
        Assert.That(decoder.Matches(frame.AsSpan(0, length), content, new byte[1000]));
    }

    [Test]
    public void Decompress_NotAFrame_ThrowsDamaged()
    {
        using var decoder = new FrameDecoder(_codec);
        foreach (byte[] bytes in new[] { [], new byte[3], Samples.Noise(100), Samples.Skippable(10),
            [0x27, 0xB5, 0x2F, 0xFD, 0, 0, 0, 0] })
            Assert.That(() => decoder.Decompress(bytes, new byte[100]), Throws.InstanceOf<DamagedFrameException>());
    }

    [Test]
    public void Decompress_ChecksumOrContentFlipped_ThrowsDamagedAndTheDecoderGoesOn()
    {
        byte[] content = Samples.Text(5000), frame = Samples.Frame(content, codec: choice);
        using var decoder = new FrameDecoder(_codec);
        foreach (int at in new[] { frame.Length - 1, frame.Length - 4, frame.Length / 2, 20 })
        {
            byte[] damaged = [.. frame];
            damaged[at] ^= 4;
            Assert.That(() => decoder.Decompress(damaged, new byte[5000]), Throws.InstanceOf<DamagedFrameException>(),
                $"at {at}");
        }
        Assert.That(() => decoder.Decompress(frame.AsSpan(0, frame.Length - 1).ToArray(), new byte[5000]),
            Throws.InstanceOf<DamagedFrameException>());
        Assert.That(decoder.Matches(frame, content, new byte[5000]));
    }

    [Test]
    public void Decompress_ContentLongerThanTheRoom_ThrowsDamagedAndTheDecoderGoesOn()
    {
        byte[] content = Samples.Text(5000);
        byte[] frame = Samples.Frame(content, codec: choice);
        using var decoder = new FrameDecoder(_codec);
        Assert.That(() => decoder.Decompress(frame, new byte[4999]), Throws.InstanceOf<DamagedFrameException>());
        Assert.That(decoder.Matches(frame, content, new byte[5000]));
    }

    /// <summary>Room for the content, and no byte of a managed object for a call.</summary>
    [Test]
    public void SteadyState_AllocatesNothing()
    {
        byte[] content = Samples.Text(4096), frame = new byte[FrameEncoder.BoundBytes(4096)], decoded = new byte[4096];
        using var encoder = new FrameEncoder(_codec, 3);
        using var decoder = new FrameDecoder(_codec);
        Assert.That(Allocations.In(calls: 100, _ => Turn()), Is.Zero, "bytes");
        Assert.That(decoded, Is.EqualTo(content));

        void Turn() => decoder.Decompress(frame.AsSpan(0, encoder.Compress(content, frame)), decoded);
    }

    [Test]
    public void MemoryBytes_GrowsWithTheLevel()
    {
        Assert.That(FrameEncoder.MemoryBytes(_codec, 1, 65536), Is.GreaterThan(65536));
        Assert.That(FrameEncoder.MemoryBytes(_codec, 19, 1 << 20),
            Is.GreaterThan(2 * FrameEncoder.MemoryBytes(_codec, 1, 1 << 20)));
    }

    [Test]
    public void Matches_OtherContent_IsFalse()
    {
        byte[] content = Samples.Text(5000);
        byte[] frame = Samples.Frame(content, codec: choice);
        using var codecs = new CodecPool(2, new StreamBudget(new WindowLimit(_codec)));
        Assert.That(codecs.Matches(frame, content));
        Assert.That(codecs.Matches(frame, content.AsSpan(1)), Is.False);
        Assert.That(codecs.Matches(frame, Samples.Text(5000, seed: 2)), Is.False);
        Assert.That(codecs.Matches(frame, Samples.Text(5001)), Is.False);
        Assert.That(codecs.Matches(frame.AsSpan(0, frame.Length - 1), content), Is.False);
    }

    [Test]
    public void Pool_RentAndReturn_GivesTheSameOnesAgain()
    {
        using var codecs = new CodecPool(1, new StreamBudget(new WindowLimit(_codec)));
        FrameEncoder first = codecs.RentEncoder(5), second = codecs.RentEncoder(5);
        codecs.ReturnEncoder(first);
        codecs.ReturnEncoder(second); // beyond the bound: freed
        Assert.That(codecs.RentEncoder(5), Is.SameAs(first));
        Assert.That(() => second.Compress([1], new byte[100]), Throws.InstanceOf<ObjectDisposedException>());
        FrameDecoder decoder = codecs.RentDecoder();
        codecs.ReturnDecoder(decoder);
        Assert.That(codecs.RentDecoder(), Is.SameAs(decoder));
    }
}
